"""No payload that a terminal would obey reaches it: from models, stores, servers, files, the config, arguments."""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pexpect
import pytest

from chatcli.messages import Message
from chatcli.stores import Store
from chatcli.stores.address import open_store
from tests.e2e.conftest import CHATCLI, User, leave
from tests.hostile import KNOWN, MARK, payloads, trespasses
from tests.redis_server import RedisServer
from tests.servers import Thought, Whole, refusal
from tests.terminal import Terminal, clean_env

PAYLOADS = payloads(1200)
"""Every known attack in both forms, and random ones."""
FEW = payloads(2 * len(KNOWN))
"""The known ones alone."""


def groups(texts: Sequence[str], size: int) -> list[Sequence[str]]:
    """Cut a sequence into groups."""
    return [texts[start : start + size] for start in range(0, len(texts), size)]


def inviolate(term: Terminal) -> None:
    """Fail when something of a payload was obeyed."""
    assert list(trespasses(term.raw))[:5] == []


def printed(user: User, *args: str, shown: bool = True) -> str:
    """Run a command in a terminal without a screen, to its end; `shown`: payloads must be there, as text."""
    program = pexpect.spawn(
        CHATCLI[0], [*CHATCLI[1:], *args], env=clean_env(user.env), cwd=str(user.home), dimensions=(50, 100), timeout=60
    )
    output: bytes = program.read()
    program.close()
    assert list(trespasses(output))[:5] == []
    assert not shown or MARK.encode() in output
    return output.decode()


def in_pieces(text: str, seed: int) -> list[str]:
    """Cut the text at random places."""
    chance, pieces, start = random.Random(seed), [], 0
    while start < len(text):
        stop = start + chance.randint(1, 7)
        pieces.append(text[start:stop])
        start = stop
    return pieces


def fill(store: Store, texts: Sequence[str]) -> None:
    """Put the payloads into messages, names, models, titles and settings of a store."""
    for number, (text, other) in enumerate(groups(texts, 2)):
        said = Message("user", text, id=f"u{number}", name=other, extra={"k": text})
        parts = ({"type": "text", "text": other}, {"type": "image_url", "image_url": {"url": text}})
        reply = Message("assistant", parts if number % 10 == 0 else other, id=f"a{number}", model=text, finish="stop")
        store.append("invaded", [said, reply])
    settings = {
        "model": texts[0],
        "memory": texts[1],
        "system": texts[2],
        "prompt": texts[3],
        "variables": {texts[4]: texts[5]},
    }
    store.update("invaded", title=f"invaded {texts[6]}", settings={"note": "x"})
    for number, text in enumerate(texts[: 2 * len(KNOWN)]):
        store.append(f"other {number}", [Message("user", text, id="u"), Message("assistant", text, id="a", model=text)])
        store.update(f"other {number}", title=text, settings=settings)
    store.append("turn \u202e round", [Message("user", MARK)])


# A model


def test_a_reply_and_its_reasoning_in_pieces(user: User) -> None:
    with user.chatting("-s", "s", "--memory", "window:4", rows=50, cols=100) as term:
        for number, some in enumerate(groups(PAYLOADS, 150)):
            text = "\n\n".join(some)
            thoughts = map(Thought, in_pieces(text[:2000], number + 100))
            user.server.replies(*thoughts, *in_pieces(text, number), f" end-of-{number}")
            term.enter(f"Go {number}")
            term.wait(lambda t, n=number: f"end-of-{n}" in t.text() and t.screen_lines()[t.cursor[0]] == "you>", 60)
        term.enter("/reasoning")
        term.enter("/context")
        term.wait_for("window")
    inviolate(term)


@pytest.mark.parametrize("text", FEW[::11])
def test_what_a_server_says_of_an_error(user: User, text: str) -> None:
    user.server.refuses(refusal(400, text, code=text, type=text))
    assert "error:" in printed(user, "ask", "Hi")
    user.server.refuses(Whole(418, text.encode(), content_type="text/plain"))
    printed(user, "ask", "Hi", shown=False)


# Stores


COMMANDS = (
    ("history", "show", "-s", "invaded"),
    ("history", "show", "-s", "invaded", "--raw"),
    ("history", "show", "-s", "invaded", "--json"),
    ("history", "search", MARK, "-n", "200"),
    ("history", "search", MARK, "--json"),
    ("sessions", "list", "-n", "200"),
    ("sessions", "list", "-n", "200", "--json"),
    ("memory", "show", "-s", "invaded"),
    ("memory", "context", "-s", "invaded", MARK, "--memory", "tokens:6000+recall:1000"),
    ("memory", "context", "-s", "invaded", "--json"),
    ("memory", "compare", "-s", "invaded"),
    ("stats",),
    ("stats", "--json"),
)


QUIET = (("memory", "show"), ("memory", "compare"), ("stats",), ("stats", "--json"))
"""What shows no word of a message."""


@pytest.fixture(scope="module")
def invaded_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose store was filled once, for what only reads."""
    home = tmp_path_factory.mktemp("invaded")
    store = open_store("sqlite", data_folder=home / "data")
    fill(store, PAYLOADS)
    store.close()
    return home


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_what_a_store_holds(user: User, invaded_home: Path, command: tuple[str, ...]) -> None:
    user.home = invaded_home
    printed(user, *command, shown=command[:2] not in QUIET)


@pytest.mark.parametrize("cols", [20, 60, 160])
def test_a_chat_that_is_resumed(user: User, invaded_home: Path, cols: int) -> None:
    user.home = invaded_home
    with user.chatting("-s", "invaded", rows=50, cols=cols) as term:
        for line in ("/history 100", f"/search {MARK}", "/info", "/tokens", f"/context {MARK}", "/memory"):
            prompts = term.text().count("you>")
            term.enter(line)
            if line.startswith("/search"):
                term.wait_for("none]")
                term.key("enter")
            term.wait(lambda t, n=prompts: t.text().count("you>") > n and t.screen_lines()[t.cursor[0]] == "you>")
        term.send("/resume turn")
        term.key("tab")
        term.wait_for("<202e>")
        term.key("c-c")
        term.wait(lambda t: t.screen_lines()[t.cursor[0]] == "you>", what="an empty line")
    inviolate(term)


@pytest.mark.parametrize("cols", [30, 120])
def test_the_picker_and_its_preview(user: User, invaded_home: Path, cols: int) -> None:
    user.home = invaded_home
    with user.terminal("sessions", "resume", rows=40, cols=cols) as term:
        term.wait_for("session>")
        for _ in range(90):
            term.key("down")
        term.send("other 7")
        term.wait(lambda t: "session> other 7" in t.screen_text() and MARK in t.screen_text())
        term.key("esc")
        term.wait_gone("session>")
    inviolate(term)


def test_what_other_programs_wrote_into_redis(user: User, redis_server: RedisServer) -> None:
    import redis

    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
        for number, text in enumerate(FEW):
            entry = {"type": "human", "data": {"content": text, "name": text, "additional_kwargs": {text: text}}}
            client.lpush(f"message_store:{text}", json.dumps(entry), text)
            client.lpush("message_store:all", json.dumps(entry), json.dumps({"type": text, "data": {"content": text}}))
            client.hset("{message_store:all}:info", f"k{number}", text)
        client.hset(
            "{message_store:all}:info", mapping={"title": json.dumps(FEW[0]), "settings": json.dumps({"model": FEW[1]})}
        )
    store = ["--store", redis_server.url]
    printed(user, "history", "show", "-s", "all", *store)
    printed(user, "history", "show", "-s", "all", "--json", *store)
    printed(user, "sessions", "list", "--all", "-n", "200", *store)
    with user.chat("-s", "all", *store, rows=50, cols=100) as term:
        term.wait_for("you>")
        leave(term)
    inviolate(term)


# Files, the config, arguments


def test_the_configs_own_strings_and_the_environments(user: User) -> None:
    config = user.home / "config" / "config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    for text in FEW[::13]:
        told = json.dumps(text)
        for line in (
            f"model = {told}",
            f"{told} = 1",
            f"store = {told}",
            f"[models.{told}]\nbase_url = {told}",
            f"memory = {told}",
        ):
            config.write_text(line + "\n", "utf-8", "surrogatepass")
            printed(user, "config", "show", shown=False)
        config.unlink()
        if "\x00" not in text:
            user.environ["CHATCLI_MODEL"] = text
            printed(user, "doctor", shown=False)
            del user.environ["CHATCLI_MODEL"]


def arguments(texts: Sequence[str]) -> Iterator[str]:
    """Yield what can be an argument."""
    return (text for text in texts if "\x00" not in text)


@pytest.mark.parametrize("text", list(arguments(FEW))[::11])
def test_arguments(user: User, text: str) -> None:
    for command in (
        ["history", "show", "-s", text],
        ["ask", "-m", text, "--store", text, "Hi"],
        ["ask", "--memory", text, "Hi"],
        ["ask", "-a", text, "Hi"],
        ["history", "import", text],
        [text],
    ):
        printed(user, *command, shown=False)


def test_names_and_contents_of_files(user: User) -> None:
    names = [text.replace("/", "_")[:80] for text in arguments(FEW)]
    for number, name in enumerate(names):
        (user.home / f"f{number}{name}").write_text(PAYLOADS[number], "utf-8", "surrogatepass")
    with user.chatting("-s", "s", rows=40, cols=100) as term:
        term.send("look at @f1")
        term.key("tab")
        term.wait_for("look at @f1")
        term.key("c-c")
        term.wait(lambda t: t.screen_lines()[t.cursor[0]] == "you>", what="an empty line")
    inviolate(term)
    for number, name in list(enumerate(names))[::16]:
        printed(user, "ask", "-a", f"f{number}{name}", "Hi", shown=False)
        printed(user, "history", "import", f"f{number}{name}", shown=False)


# What goes elsewhere


def test_exports_to_the_terminal(user: User, invaded_home: Path) -> None:
    user.home = invaded_home
    for form in ("md", "json", "jsonl", "html", "svg"):
        printed(user, "history", "export", "-s", "invaded", "--format", form)
