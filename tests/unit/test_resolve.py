"""Flags > session > environment > config > defaults, for each setting; and a key goes only where it belongs."""

from pathlib import Path
from typing import Any

import pytest

from chatcli.cli.flags import Flags
from chatcli.cli.resolve import Workplace, resolve_model, resolve_prompt, settings_for, to_keep
from chatcli.config import load_config
from chatcli.errors import ChatError, ConfigError, UsageError
from chatcli.model.settings import ModelSettings
from chatcli.prompt import system_text

OPENAI, DASHSCOPE = "https://api.openai.com/v1", "https://dashscope.aliyuncs.com/compatible-mode/v1"
GATEWAY = "http://127.0.0.1:9/v1"


def place_with(home: Path, text: str = "", **environ: str) -> Workplace:
    from chatcli.config import folders

    (home / "config.toml").write_text(text, encoding="utf-8")
    environ = {"CHATCLI_HOME": str(home), "CHATCLI_CONFIG": str(home / "config.toml"), **environ}
    return Workplace(load_config(environ), environ, folders(environ))


def model(home: Path, name: str | None, text: str = "", **environ: str) -> ModelSettings:
    return resolve_model(place_with(home, text, **environ), name)


@pytest.mark.parametrize(
    ("flag", "saved", "holds"),
    [
        (None, {}, None),
        (None, {"memory": "buffer"}, "buffer"),
        ("none", {"memory": "buffer"}, "none"),
        ("none", {}, "none"),
    ],
)
def test_a_flag_goes_over_what_the_session_kept(flag: str | None, saved: dict[str, Any], holds: str | None) -> None:
    assert settings_for(Flags(memory=flag), saved).get("memory") == holds


def test_only_what_is_new_is_kept_with_the_session() -> None:
    saved = {"memory": "buffer", "variables": {"a": "1"}, "options": {"seed": 1}}
    flags = Flags(memory="buffer", model="m", var=["b=2"], option=["temperature=0.5"])
    assert to_keep(settings_for(flags, saved), saved) == {
        "model": "m",
        "variables": {"a": "1", "b": "2"},
        "options": {"seed": 1, "temperature": 0.5},
    }
    assert to_keep(settings_for(Flags(), saved), saved) == {}


def test_a_prompt_by_flag_brings_its_own_system_text() -> None:
    saved = {"system": "old"}
    settings = settings_for(Flags(prompt="p"), saved)
    assert settings["system"] is None
    assert to_keep(settings, saved) == {"prompt": "p", "system": None}
    assert settings_for(Flags(prompt="p", system="new"), saved)["system"] == "new"


PROMPTS = """
system = "of the config"
[prompts.own]
system = "of the prompt"
[prompts.without]
messages = [{ role = "user", content = "Q: {input}" }]
"""


@pytest.mark.parametrize(
    ("name", "system", "text"),
    [
        (None, None, "of the config"),
        (None, "said", "said"),
        (None, "", ""),
        ("own", None, "of the prompt"),
        ("own", "said", "said"),
        ("own", "", ""),
        ("without", None, "of the config"),
    ],
)
def test_whose_system_text_it_is(tmp_path: Path, name: str | None, system: str | None, text: str) -> None:
    prompt, _ = resolve_prompt(place_with(tmp_path, PROMPTS), name, system)
    assert system_text(prompt) == text


def test_the_configured_prompt_holds_when_none_is_named(tmp_path: Path) -> None:
    place = place_with(tmp_path, PROMPTS, CHATCLI_PROMPT="own")
    assert system_text(resolve_prompt(place, None, None)[0]) == "of the prompt"
    assert system_text(resolve_prompt(place, "without", None)[0]) == "of the config"


def test_the_environments_model_goes_over_the_files_and_a_name_over_both(tmp_path: Path) -> None:
    keys = {"OPENAI_API_KEY": "sk-o"}
    assert model(tmp_path, None, 'model = "of-file"', **keys).id == "of-file"
    assert model(tmp_path, None, 'model = "of-file"', CHATCLI_MODEL="of-env", **keys).id == "of-env"
    assert model(tmp_path, "named", 'model = "of-file"', CHATCLI_MODEL="of-env", **keys).id == "named"


def test_everything_of_a_configured_model_reaches_its_settings(tmp_path: Path) -> None:
    text = f"""
    [models.m]
    id = "qwen-plus"
    base_url = "{GATEWAY}"
    api_key_env = "MY_KEY"
    window = 1234
    timeout = 7.5
    options = {{ temperature = 0.9 }}
    extra_body = {{ enable_thinking = false }}
    """
    settings = model(tmp_path, "m", text, MY_KEY="sk-mine", OPENAI_API_KEY="sk-o")
    assert (settings.name, settings.id, settings.base_url) == ("m", "qwen-plus", GATEWAY)
    assert (settings.api_key, settings.key_env, settings.window, settings.timeout) == ("sk-mine", "MY_KEY", 1234, 7.5)
    assert (settings.options, settings.extra_body) == ({"temperature": 0.9}, {"enable_thinking": False})


def test_a_model_without_a_key_of_its_own_sends_none(tmp_path: Path) -> None:
    settings = model(tmp_path, "m", f'[models.m]\nbase_url = "{GATEWAY}"', OPENAI_API_KEY="sk-o")
    assert settings.api_key == ""


def test_a_key_without_a_base_url_goes_to_the_endpoint_it_belongs_to(tmp_path: Path) -> None:
    text = '[models.m]\nid = "x"\napi_key_env = "{}"'
    keys = {"OPENAI_API_KEY": "sk-o", "DASHSCOPE_API_KEY": "sk-d"}
    openai = model(tmp_path, "m", text.format("OPENAI_API_KEY"), **keys)
    dashscope = model(tmp_path, "m", text.format("DASHSCOPE_API_KEY"), **keys)
    gateway = model(tmp_path, "m", text.format("OPENAI_API_KEY"), OPENAI_BASE_URL=GATEWAY, **keys)
    assert [(one.base_url, one.api_key) for one in (openai, dashscope, gateway)] == [
        (OPENAI, "sk-o"),
        (DASHSCOPE, "sk-d"),
        (GATEWAY, "sk-o"),
    ]


@pytest.mark.parametrize("key", ['api_key = "sk-x"', 'api_key_env = "MY_KEY"'])
def test_a_key_that_belongs_nowhere_is_an_error(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError, match="base_url"):
        model(tmp_path, "m", f"[models.m]\n{key}", MY_KEY="sk-x", DASHSCOPE_API_KEY="sk-d")


def test_an_id_is_asked_for_at_the_configured_endpoint(tmp_path: Path) -> None:
    text = f'model = "q"\n[models.q]\nbase_url = "{GATEWAY}"\noptions = {{ temperature = 0.9 }}'
    settings = model(tmp_path, "another", text, OPENAI_API_KEY="sk-o")
    assert (settings.id, settings.base_url, settings.api_key, settings.options) == ("another", GATEWAY, "", {})


def test_no_other_model_answers_under_the_name_of_one_that_is_not_here(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gpt-4o"):
        model(tmp_path, "foo", '[models.foo]\nid = "gpt-4o"')
    with pytest.raises(ChatError):
        model(tmp_path, "gpt-4o")
