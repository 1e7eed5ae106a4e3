import os
import re
import tomllib
from pathlib import Path
from threading import Thread

import pytest

from chatcli.config import Config, config_path, folders, load_config, write_example
from chatcli.config.file import LARGEST, Price, as_data
from chatcli.errors import ConfigError
from chatcli.private import private_folder

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"


def load(tmp_path: Path, text: str, **environ: str) -> Config:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load_config({"CHATCLI_CONFIG": str(path), **environ})


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert load_config({"CHATCLI_HOME": str(tmp_path)}) == Config()


def test_the_example_loads_as_it_is() -> None:
    assert load_config({"CHATCLI_CONFIG": str(EXAMPLE)}) == Config()


def test_the_example_loads_with_everything_taken_out_of_its_comments_and_names_every_key(tmp_path: Path) -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    setting = [line[2:] for line in lines if line.startswith("# ") and ("=" in line or line[2:3] in "[] {")]
    text = "\n".join(line for line in setting if not line[:1].isupper() and "config show" not in line)
    config = load(tmp_path, text)
    data = tomllib.loads(text)
    assert set(data) >= set(Config._fields)
    shown = as_data(config)
    named = {key for table in ("models", "stores", "prompts") for entry in data[table].values() for key in entry}
    known = {key for table in ("models", "stores", "prompts") for entry in shown[table].values() for key in entry}
    assert [key for key in known - named if not re.search(rf"\b{key}\b", "\n".join(lines))] == []


@pytest.mark.parametrize(
    ("text", "named", "hint"),
    [
        ('modle = "x"', "'modle'", "'model'"),
        ('[models.q]\nbas_url = "x"', "'models.q.bas_url'", "'base_url'"),
        ('zzz = "x"', "'zzz'", "known: model"),
        ('[models.q]\nwindow = "big"', "models.q.window", "config.example.toml"),
        ("store = 3", "store", "config.example.toml"),
        ("[models.q]\nprice = { inptu = 1 }", "models.q.price", "config.example.toml"),
        ("[models.q]\nprice = { output = -1 }", "models.q.price.output", "config.example.toml"),
        ("[models]\nq = 3", "models.q", "config.example.toml"),
        ("models = 3", "models", "[models.NAME]"),
        ("[stores.s]\nttl = 3", "stores.s", "config.example.toml"),
        ('editing = "vim"', "editing: there is no 'vim'", "'emacs' or 'vi'"),
        ('theme = "drak"', "theme: there is no 'drak'", "'dark'"),
        ('code_style = "monokia"', "code_style", "'monokai'"),
        ('[keys]\nsned = "enter"', "keys.sned", "'send'"),
        ('[keys]\nsend = "entr"', "keys.send", "'enter'"),
        ("[keys]\nsend = 3", "keys.send: expected a text in quotes or a list, not a whole number", "config edit"),
        ("[keys]\nleave = 'c-d'\nsend = [3]", "keys.send[0]: expected a text", "config edit"),
        ("[prompts.p]\nvariables = { a = '1', b = 2 }", "prompts.p.variables.b: expected a text", "config edit"),
        ('live = "yes"', "live: expected true or false, not a text in quotes", "config edit"),
        ("[models.q]\nwindow = 0", "models.q.window: expected a whole number >= 1", "config edit"),
        ("[models.q]\ntimeout = -1", "models.q.timeout: expected a number > 0", "config edit"),
        ("[stores.s]\nttl = 5", "stores.s: 'address' is missing", "config edit"),
        ("[stores.s]\naddress = 'redis'\nttl = -5", "stores.s.ttl: expected a whole number >= 1", "config edit"),
        ('[colors]\nprompt = "bleu"', "colors.prompt", "'blue'"),
        ('[colours]\nprompt = "blue"', "'colours'", "'colors'"),
        ("a = [", "is not TOML", "config edit"),
        ("\x00", "is not TOML", "config edit"),
    ],
)
def test_a_wrong_file_is_an_error_that_names_file_and_key(tmp_path: Path, text: str, named: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert str(tmp_path / "config.toml") in caught.value.message
    assert named in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.exit_code == 2


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config({"CHATCLI_CONFIG": str(tmp_path)})
    with pytest.raises(ConfigError, match="does not exist"):
        load_config({"CHATCLI_CONFIG": str(tmp_path / "nowhere.toml")})
    (tmp_path / "latin.toml").write_bytes(b'model = "\xe9"')
    with pytest.raises(ConfigError, match="is not TOML"):
        load_config({"CHATCLI_CONFIG": str(tmp_path / "latin.toml")})


def test_a_pipe_or_a_device_as_the_config_makes_nobody_wait(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    Thread(target=pipe.write_text, args=[""], daemon=True).start()  # whoever waits for it is let go
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(ConfigError, match=f"the config {path} is no file, but a pipe or a device"):
            load_config({"CHATCLI_CONFIG": str(path)})
    assert load_config({"CHATCLI_CONFIG": "/dev/null"}) == Config()


def test_a_config_is_read_up_to_a_size_that_none_has(tmp_path: Path) -> None:
    comment = "#" + "x" * (LARGEST - 1)
    assert load(tmp_path, comment) == Config()
    with pytest.raises(ConfigError, match=r"config.toml has more than 1,000,000 characters"):
        load(tmp_path, comment + "x")


def test_the_environment_goes_over_the_file(tmp_path: Path) -> None:
    config = load(tmp_path, 'model = "a"\nmemory = "buffer"', CHATCLI_MODEL="b", CHATCLI_PLAIN="yes", CHATCLI_STORE="")
    assert (config.model, config.memory, config.plain, config.store) == ("b", "buffer", True, "sqlite")
    with pytest.raises(ConfigError, match="CHATCLI_PLAIN"):
        load(tmp_path, "", CHATCLI_PLAIN="perhaps")
    assert load(tmp_path, "", CHATCLI_EDITING="vi", CHATCLI_THEME="light").theme == "light"
    with pytest.raises(ConfigError, match="CHATCLI_EDITING: editing: there is no 'vim'"):
        load(tmp_path, "", CHATCLI_EDITING="vim")


def test_a_price_needs_no_more_than_its_input(tmp_path: Path) -> None:
    config = load(tmp_path, "[models.q]\nprice = { input = 0.8, output = 2 }\n[models.free]\nid = 'x'")
    assert config.models["q"].price == Price(0.8, None, 2.0)
    assert config.models["free"].price is None


def test_no_secret_is_shown(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        'store = "redis://u:geheim@h/0"\n[models.q]\napi_key = "sk-geheim"\n[stores.s]\naddress = "redis://:geheim@h"',
    )
    assert "geheim" not in str(as_data(config))
    assert as_data(config)["models"]["q"]["api_key"] == "***"
    config = load(
        tmp_path,
        '[models.q]\nbase_url = "http://me:geheim@h/v1?api-key=geheim&v=2"\n'
        'extra_body = { auth_token = "geheim", max_tokens = 5 }\n'
        'options = { extra_headers = { Authorization = "Bearer geheim", list = [{ password = "geheim" }] } }',
    )
    assert "geheim" not in str(as_data(config))
    assert as_data(config)["models"]["q"]["extra_body"]["max_tokens"] == 5
    assert as_data(config)["models"]["q"]["base_url"] == "http://me:***@h/v1?api-key=***&v=2"


def test_the_written_example_is_private_and_never_replaces_a_file(tmp_path: Path) -> None:
    path = tmp_path / "home" / "config" / "config.toml"
    write_example(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.parent.parent.stat().st_mode & 0o777 == 0o700
    assert path.read_text(encoding="utf-8") == EXAMPLE.read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match="is there already"):
        write_example(path)


def test_one_folder_can_hold_everything(tmp_path: Path) -> None:
    places = folders({"CHATCLI_HOME": str(tmp_path)})
    assert {places.config, places.data, places.state, places.cache} == {
        tmp_path / name for name in ("config", "data", "state", "cache")
    }
    assert config_path({"CHATCLI_HOME": str(tmp_path)}) == tmp_path / "config" / "config.toml"
    assert os.fspath(folders({}).data).endswith("chatcli")


@pytest.mark.parametrize("variable", ["CHATCLI_HOME", "CHATCLI_CONFIG"])
def test_a_home_that_cannot_be_is_an_error_that_names_its_variable(tmp_path: Path, variable: str) -> None:
    with pytest.raises(ConfigError, match=variable):
        load_config({variable: "~nosuch/x"})
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="no folder"):
        load_config({"CHATCLI_HOME": str(tmp_path / "file")})
    with pytest.raises(ConfigError, match="cannot be written"):
        write_example(tmp_path / "file" / "config.toml")


def test_folders_that_are_made_are_their_owners_alone(tmp_path: Path) -> None:
    made = private_folder(tmp_path / "one" / "two" / "three")
    assert [folder.stat().st_mode & 0o777 for folder in (made, made.parent, made.parent.parent)] == [0o700] * 3
    assert private_folder(made) == made
