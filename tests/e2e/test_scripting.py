"""What scripts get: JSON that fits a schema, only the code, costs, figures of all sessions, and the shell's Tab."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import CHATCLI, User
from tests.servers import refusal
from tests.terminal import clean_env

PERSON = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["age"]}


@pytest.fixture
def schema(user: User) -> Path:
    path = user.home / "person.json"
    path.write_text(json.dumps(PERSON))
    return path


def priced(user: User) -> None:
    (user.home / "config").mkdir()
    (user.home / "config" / "config.toml").write_text(
        '[models.mine]\nid = "test-model"\nprice = { input = 1.0, cached = 0.5, output = 10.0 }\n'
    )


# ask --schema


def test_an_answer_that_fits_its_schema_is_printed_as_json(user: User, schema: Path) -> None:
    user.server.replies('{"name": "Ada", "age": 36}')
    done = user.run("ask", "--schema", str(schema), "Who?")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"name": "Ada", "age": 36})
    form = user.server.chats[0].body["response_format"]
    assert form == {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON, "strict": True}}


def test_an_endpoint_without_schemas_is_asked_in_words_and_the_turn_is_kept_once(user: User, schema: Path) -> None:
    user.server.refuses(refusal(400, "response_format is not supported"))
    user.server.replies('Here it is:\n```json\n{"age": 36}\n```')
    done = user.run("ask", "-s", "s", "--schema", str(schema), "Who?", "--system", "Be brief, {x}", "--var", "x=y")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"age": 36})
    second = user.server.chats[1]
    assert "response_format" not in second.body
    role, text = second.texts[0]
    assert role == "system"
    assert text.startswith("Be brief, y")
    assert '"required": ["age"]' in text
    assert [role for role, _ in user.said("s")] == ["user", "assistant"]


@pytest.mark.parametrize("answer", ["no json", '{"age": "old"}', "[1]", '{"age": 3', ""])
def test_an_answer_that_does_not_fit_ends_with_4_and_stays_in_the_session(
    user: User, schema: Path, answer: str
) -> None:
    user.server.replies(answer or "{}")
    done = user.run("ask", "-s", "s", "--schema", str(schema), "Who?")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("error: the answer ")
    assert len(user.said("s")) == 2


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("{}", "it has no 'age'"),
        ('{"name": 1, "age": 2}', "name must be string"),
        ("Goethe", None),
    ],
)
def test_what_does_not_fit_is_told_by_its_path_and_where_the_answer_is_kept(
    user: User, schema: Path, answer: str, why: str | None
) -> None:
    user.server.replies(answer)
    done = user.run("ask", "-s", "my s", "--schema", str(schema), "Who?")
    assert done.returncode == 4
    what, hint = done.stderr.splitlines()
    assert what == f"error: the answer {f'does not fit {schema.name}: {why}' if why else 'is no JSON'}"
    assert hint == "hint: ask again, or another model; it is kept: chatcli history show -s 'my s'"
    user.server.replies(answer)
    assert "kept" not in user.run("ask", "--private", "--schema", str(schema), "Who?").stderr


def test_json_with_a_schema_has_the_data_beside_the_text(user: User, schema: Path) -> None:
    user.server.replies('{"age": 36}')
    user.server.replies("nothing")
    found = json.loads(user.run("ask", "--json", "--schema", str(schema), "Who?").stdout)
    assert (found["text"], found["data"]) == ('{"age": 36}', {"age": 36})
    done = user.run("ask", "--json", "--schema", str(schema), "Who?")
    assert (done.returncode, json.loads(done.stdout)["data"]) == (4, None)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '"x"', '{"type": 3}', '{"$ref": "http://127.0.0.1:9/x"}', '{"$ref": "file:///etc/passwd"}',
     '{"pattern": "("}', '{"type": "object", "properties": 3}'],
    ids=range(8),
)  # fmt: skip
def test_a_file_that_is_no_schema_costs_nothing(user: User, text: str) -> None:
    (user.home / "bad.json").write_text(text)
    done = user.run("ask", "--schema", "bad.json", "Who?")
    assert done.returncode == 2
    assert done.stderr.startswith("error: the schema bad.json ")
    assert len(done.stderr.splitlines()) == 2
    assert user.server.chats == []


def test_a_schema_that_is_not_there_costs_nothing(user: User) -> None:
    done = user.run("ask", "--schema", "none.json", "Who?")
    assert (done.returncode, user.server.chats) == (2, [])


# ask -x


def test_extract_prints_only_the_first_code_block(user: User) -> None:
    user.server.replies("Take this:\n\n```python\nprint(1)\n\nprint(2)\n```\nor\n```\nno\n```\n")
    assert user.run("ask", "-x", "Code?").stdout == "print(1)\n\nprint(2)\n"


def test_extract_finds_code_in_a_list_and_in_a_longer_fence(user: User) -> None:
    user.server.replies("1. so:\n\n   ~~~~sh\n   echo '```'\n   ~~~~\n")
    assert user.run("ask", "-x", "Code?").stdout == "echo '```'\n"


def test_extract_prints_nothing_of_a_reply_without_code_and_says_where_it_is(user: User) -> None:
    user.server.replies("There is *none*.")
    done = user.run("ask", "-s", "my s", "--store", "sqlite", "-x", "Code?")
    assert (done.returncode, done.stdout) == (1, "")
    how = "chatcli history show -s 'my s' --store sqlite"
    assert done.stderr == f"error: the reply has no code block\nhint: it is kept: {how}\n"
    assert [text for _, text in user.said("my s")] == ["Code?", "There is *none*."]


def test_two_forms_of_an_answer_cost_nothing(user: User) -> None:
    done = user.run("ask", "-x", "--json", "Code?")
    assert (done.returncode, user.server.chats) == (2, [])


# Costs


def test_json_says_what_the_turn_cost(user: User) -> None:
    priced(user)
    user.server.replies("Hi", usage=(1_000_000, 100_000, 400_000))
    assert json.loads(user.run("ask", "--json", "Hi").stdout)["cost"] == pytest.approx(0.6 + 0.2 + 1.0)


def test_stats_add_up_all_sessions(user: User) -> None:
    priced(user)
    for session in ("a", "a", "b"):
        user.server.replies("Hi", usage=(1000, 10, 500))
        user.run("ask", "-s", session, "Hi")
    found = json.loads(user.run("stats", "--json").stdout)
    assert (found["total"]["turns"], found["total"]["prompt"], found["total"]["cached"]) == (3, 3000, 1500)
    assert found["total"]["cost"] == pytest.approx(3 * (500 + 250 + 100) / 1e6)
    assert [(entry["name"], entry["turns"]) for entry in found["sessions"]] == [("a", 2), ("b", 1)]
    assert [entry["name"] for entry in found["models"]] == ["test-model"]
    shown = user.run("stats").stdout
    assert "3 turns, 3,000 tokens sent (50% from the provider's cache), 30 received, cost 0.00255" in shown


def test_stats_of_nothing_end_with_1(user: User) -> None:
    done = user.run("stats")
    assert (done.returncode, done.stdout) == (1, "")


def test_tokens_show_what_the_session_took(user: User) -> None:
    priced(user)
    with user.chat("-s", "s") as term:
        term.wait_for("you>")
        user.server.replies("Hello", usage=(1000, 10, 0))
        term.enter("Hi")
        term.wait(lambda t: t.text().count("you>") == 2)
        term.enter("/tokens")
        term.wait_for("1 turn, 1,000 tokens sent, 10 received, cost 0.0011")
        term.wait_for("last context  1,000")


# The shell's Tab


@pytest.mark.parametrize(
    ("shell", "environ", "expected"),
    [
        ("bash", {"COMP_WORDS": "chatcli sess", "COMP_CWORD": "1"}, "sessions"),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "chatcli sess"}, "sessions"),
        ("fish", {"_TYPER_COMPLETE_ARGS": "chatcli sess", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}, "sessions"),
        ("bash", {"COMP_WORDS": "chatcli chat --session Java", "COMP_CWORD": "3"}, "JavaEdge"),
    ],
)
def test_the_shells_tab_completes(user: User, shell: str, environ: dict[str, str], expected: str) -> None:
    user.run("ask", "-s", "JavaEdge", "Hi")
    done = user.run(env={"_CHATCLI_COMPLETE": f"complete_{shell}", **environ})
    assert expected in done.stdout


def test_a_real_bash_completes_by_the_script_it_is_given(user: User) -> None:
    script = user.run("--show-completion", "bash").stdout
    command = user.home / "chatcli"
    command.write_text(f'#!/bin/sh\nexec {" ".join(CHATCLI)} "$@"\n')
    command.chmod(0o700)
    asks = f'COMP_WORDS=(chatcli mem); COMP_CWORD=1; _chatcli_completion {command}; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        ["bash", "--norc", "-c", f"{script}\n{asks}"],
        capture_output=True,
        text=True,
        timeout=60,
        env=clean_env(user.env),
    )
    assert done.stdout.split() == ["memory"]
