"""Sessions into the store: each format that can be written down here, and what is wrong with a file.

The files that other programs write themselves: tests/e2e/test_llm_import.py, tests/contracts/test_langchain_import.py.
"""

import json
import math
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from chatcli.errors import Conflict
from chatcli.messages import Message, fingerprint
from chatcli.names import COPIED, IMPORTED, listed
from chatcli.revising import fork
from chatcli.stores import Change, Pending, State, Store, Watermark
from chatcli.stores.address import open_store
from chatcli.stores.in_memory import InMemoryStore
from chatcli.transfer import Carried, aichat, ours
from chatcli.transfer.arrival import Arrived, bring
from chatcli.transfer.json_stream import JsonReader
from chatcli.transfer.source import from_store
from chatcli.writer import this_writer
from tests.unit.conftest import Command


def sessions_in(home: Path) -> dict[str, list[tuple[str, str]]]:
    store = open_store("sqlite", data_folder=home / "data")
    try:
        return {
            one.name: [(message.role, message.text) for message in store.messages(one.name)] for one in store.sessions()
        }
    finally:
        store.close()


def refused(command: Command, *args: str) -> str:
    """Import what cannot be; return the error's first line."""
    done = command("history", "import", *args)
    assert (done.code, len(done.err.splitlines()), done.err.splitlines()[1][:6]) == (2, 2, "hint: ")
    return done.err.splitlines()[0].removeprefix("error: ")


# ChatGPT


def node(id: str, parent: str | None, role: str, text: Any, **more: Any) -> dict[str, Any]:
    """Return a node of ChatGPT's tree; `text` may be a whole content."""
    content = {"content_type": "text", "parts": [text]} if isinstance(text, str) else text
    author = {"role": role, "name": more.pop("name", None), "metadata": {}}
    message = {
        "id": f"m-{id}", "author": author, "create_time": 1.7e9, "update_time": None, "content": content,
        "status": "finished_successfully", "end_turn": True, "weight": 1.0, "recipient": "all",
        "metadata": {"model_slug": "gpt-4o", **more},
    }  # fmt: skip
    return {"id": id, "message": message, "parent": parent, "children": []}


def conversation(name: str, current: str, *nodes: dict[str, Any], title: str = "西安的历史") -> dict[str, Any]:
    root = {"id": "root", "message": None, "parent": None, "children": []}
    return {
        "title": title, "create_time": 1.7e9, "update_time": 1.8e9, "mapping": {n["id"]: n for n in [root, *nodes]},
        "moderation_results": [], "current_node": current, "conversation_id": name, "id": name,
    }  # fmt: skip


TALK = conversation(
    "c1",
    "a3",
    node("s", "root", "system", "", is_visually_hidden_from_conversation=True),
    node("u1", "s", "user", "哪个城市?"),
    node("a1", "u1", "assistant", "北京"),
    node("a2", "u1", "assistant", "西安"),
    node("u2", "a2", "user", {"content_type": "multimodal_text", "parts": [
        {"content_type": "image_asset_pointer", "asset_pointer": "file-service://x", "size_bytes": 1}, "and this?"]}),
    node("t", "u2", "assistant", {"content_type": "thoughts", "thoughts": [{"content": "hm"}]}),
    node("c", "t", "assistant", {"content_type": "code", "language": "python", "text": "print(1)"}),
    node("o", "c", "tool", {"content_type": "execution_output", "text": "1"}, name="python"),
    node("a3", "o", "assistant", "a city"),
)  # fmt: skip
SHOWN = [
    ("user", "哪个城市?"), ("assistant", "西安"), ("user", "[image]\n\nand this?"),
    ("assistant", "```python\nprint(1)\n```"), ("assistant", "```\n1\n```"), ("assistant", "a city"),
]  # fmt: skip


@pytest.fixture
def chatgpt(home: Path) -> Path:
    """A folder with ChatGPT's conversations.json, and the zip of it."""
    (home / "conversations.json").write_text(
        json.dumps([TALK, conversation("c2", "u", node("u", "root", "user", "x"))])
    )
    with zipfile.ZipFile(home / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("chat.html", "<script>")
        archive.write(home / "conversations.json", "conversations.json")
    return home


@pytest.mark.parametrize("file", ["conversations.json", "export.zip"])
def test_the_branch_that_chatgpt_showed_is_the_session(command: Command, chatgpt: Path, file: str) -> None:
    done = command("history", "import", file)
    assert (done.code, done.out) == (0, "西安的历史\n西安的历史 (2)\n")
    assert sessions_in(chatgpt)["西安的历史"] == SHOWN
    first = json.loads(command("history", "show", "-s", "西安的历史", "--json").out)[1]
    assert (first["id"], first["time"], first["model"]) == ("m-a2", 1.7e9, "gpt-4o")
    row, _ = json.loads(command("sessions", "list", "--json").out)
    assert (row["title"], row["created"], row["used"]) == ("西安的历史", 1.7e9, 1.8e9)


def test_the_other_branches_are_sessions_of_their_own_when_asked_for(command: Command, chatgpt: Path) -> None:
    arrived = command("history", "import", "--branches", "export.zip").out.splitlines()
    assert arrived == ["西安的历史", "西安的历史 (branch 2)", "西安的历史 (2)"]
    assert sessions_in(chatgpt)["西安的历史 (branch 2)"] == [("user", "哪个城市?"), ("assistant", "北京")]


def test_what_was_imported_is_not_imported_again(command: Command, chatgpt: Path) -> None:
    command("history", "import", "export.zip")
    command("sessions", "rename", "西安的历史", "mine")
    again = command("history", "import", "conversations.json", "export.zip")
    assert (again.code, again.out) == (0, "")
    assert set(sessions_in(chatgpt)) == {"mine", "西安的历史 (2)"}
    assert command("history", "import", "--branches", "export.zip").out == "西安的历史 (branch 2)\n"


def test_a_name_brings_another_copy_and_never_into_another_session(command: Command, chatgpt: Path) -> None:
    one = chatgpt / "one.json"
    one.write_text(json.dumps(TALK))
    assert command("history", "import", "one.json").out == "西安的历史\n"
    assert command("history", "import", "one.json", "-s", "copy").out == "copy\n"
    assert command("history", "import", "one.json", "-s", "copy").out == ""
    one.write_text(json.dumps({**TALK, "id": "c9", "conversation_id": "c9"}))
    assert refused(command, "one.json", "-s", "copy") == "there is another session 'copy' already"
    assert "\ncannot" not in refused(command, "one.json", "-s", "a\nb")
    assert refused(command, "one.json", "one.json", "-s", "x").startswith("-s names one session")
    assert sessions_in(chatgpt)["copy"] == SHOWN


@pytest.mark.parametrize(
    "tree",
    [
        {"mapping": {}},
        {"mapping": {"a": {"parent": "b", "message": None}, "b": {"parent": "a"}}, "current_node": "a"},
        {"mapping": {"a": 7, "b": {"parent": ["x"], "message": "no"}}, "current_node": {}},
        {"mapping": {"a": {"message": {"author": None, "content": {"parts": 3}}}}, "title": 9, "create_time": "now"},
        {"mapping": {"a": {"message": {"author": {"role": "user"}, "content": {"parts": [None, 3, {}]}}}}},
    ],
)
def test_a_tree_of_another_shape_in_which_nothing_is_said_is_no_session(
    command: Command, home: Path, tree: dict[str, Any]
) -> None:
    (home / "x.json").write_text(json.dumps([tree]))
    assert refused(command, "x.json") == "x.json holds no session that chatcli can read"
    (home / "x.json").write_text(json.dumps([tree, TALK]))
    assert command("history", "import", "x.json").out == "西安的历史\n"


def test_nothing_but_the_conversations_is_unpacked_and_no_bomb(command: Command, home: Path) -> None:
    with zipfile.ZipFile(home / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", '["' + "a" * 100_000_000)
    assert "packed into" in refused(command, "bomb.zip")
    with zipfile.ZipFile(home / "other.zip", "w") as archive:
        archive.writestr("../../conversations.txt", "[]")
    assert refused(command, "other.zip").startswith("other.zip is a zip without conversations.json")
    (home / "cut.zip").write_bytes((home / "bomb.zip").read_bytes()[:1000])
    assert "is a zip that cannot be read" in refused(command, "cut.zip")


# OpenAI's messages


def test_each_line_of_jsonl_is_a_session(command: Command, home: Path) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    lines = [
        {"messages": [{"role": "developer", "content": "be kind"}, {"role": "user", "content": "Hi"}]},
        {"messages": [{"role": "assistant", "content": None, "tool_calls": [call], "weight": 0},
                      {"role": "tool", "content": "2", "tool_call_id": "c1"}]},
    ]  # fmt: skip
    (home / "train.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    assert command("history", "import", "train.jsonl").out == "train\ntrain-2\n"
    assert sessions_in(home)["train"] == [("system", "be kind"), ("user", "Hi")]
    assistant, tool = json.loads(command("history", "show", "-s", "train-2", "--json").out)
    assert (assistant["tool_calls"], assistant["extra"]) == ([call], {"openai": {"weight": 0}})
    assert tool["tool_call_id"] == "c1"
    assert command("history", "import", "train.jsonl").out == ""


@pytest.mark.parametrize("between", ["\n", ", "])
def test_messages_alone_are_one_session(command: Command, home: Path, between: str) -> None:
    said = between.join(json.dumps({"role": role, "content": "x"}) for role in ("user", "assistant"))
    (home / "talk.json").write_text(said if between == "\n" else f"[{said}]")
    assert command("history", "import", "talk.json").out == "talk\n"
    assert sessions_in(home) == {"talk": [("user", "x"), ("assistant", "x")]}


# aichat


def test_a_session_of_aichat_keeps_its_name_its_older_part_and_its_tools(command: Command, home: Path) -> None:
    (home / "trip.yaml").write_text(
        """model: openai:gpt-4o
temperature: 0.5
compressed_messages:
- role: user
  content: 2024-01-01
- role: assistant
  content: 'yes'
messages:
- role: system
  content: What was said before
- role: user
  content:
  - type: text
    text: |-
      Two
      lines
  - type: image_url
    image_url:
      url: data:image/png;base64,AAAA
- role: tool
  content:
    tool_results:
    - call:
        name: add
        arguments:
          a: 1
        id: c1
      output: 2
    text: ''
    sequence: false
- role: assistant
  content: done
""",
        "utf-8",
    )
    assert command("history", "import", "trip.yaml").out == "trip\n"
    said = sessions_in(home)["trip"]
    assert said[:4] == [
        ("user", "2024-01-01"),
        ("assistant", "yes"),
        ("system", "What was said before"),
        ("user", "Two\nlines"),
    ]
    assert [role for role, _ in said[4:]] == ["assistant", "tool", "assistant"]
    called = json.loads(command("history", "show", "-s", "trip", "--json").out)
    assert called[4]["tool_calls"][0]["function"] == {"name": "add", "arguments": '{"a": "1"}'}
    assert called[6]["model"] == "gpt-4o"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("messages:\n- &a [x]\n- *a\n", "holds YAML that no session of aichat has"),
        ("messages: !!python/object/apply:os.system ['touch ran']\n", "holds a message that is none"),
        ("messages:\n" + "- " * 60 + "x\n", "holds YAML that no session of aichat has"),
        ("messages: [" + "[" * 100_000, "is no YAML in line 1"),
        ("messages:\n- role: user\n content: x\n", "is no YAML in line 3"),
        ("messages:\n- role: nobody\n  content: x\n", "holds a message that is none"),
    ],
)
def test_yaml_that_is_no_session_is_refused_and_runs_nothing(command: Command, home: Path, text: str, why: str) -> None:
    (home / "x.yaml").write_text(text)
    assert why in refused(command, "x.yaml")
    assert not (home / "ran").exists()
    assert sessions_in(home) == {}


# Our own


def a_session(store: Store, name: str = "mine") -> None:
    said = [Message("user", "Hi", "u1", 1e9), Message("assistant", "Hello", "a1", 1e9)]
    store.append(name, said)
    store.update(name, title="Greeting", settings={"memory": "window:3", "variables": {"a": "b"}})
    store.put_state(name, Change("pins", State({"turns": {"0": fingerprint(said[0])}}, Watermark(2, "f")), None))


def test_a_session_that_has_grown_where_it_came_from_is_told_and_stays_as_it_is_here() -> None:
    store, said = InMemoryStore(), [Message("user", "Hi"), Message("assistant", "Hello"), Message("user", "More")]
    for length, grown in [(2, []), (2, []), (3, ["one"])]:
        arrived = Arrived()
        bring(store, [Carried("one", iter(said[:length]), origin="o")], None, arrived, lambda messages: None)
        assert (arrived.grown, store.length("one")) == (grown, 2)
    assert arrived.summary().endswith("; here already: one; has grown since, which is not brought: one")


def test_what_was_exported_comes_back_with_all_that_belongs_to_it(command: Command, home: Path) -> None:
    store = open_store("sqlite", data_folder=home / "data")
    a_session(store)
    store.close()
    command("history", "export", "--format", "json", "-o", "mine.json")
    assert command("history", "import", "mine.json").out == "", "it is here already"
    assert command("history", "import", "mine.json", "--store", "sqlite:///other.db").out == "mine\n"
    there = open_store("sqlite:///other.db", data_folder=home)
    here = open_store("sqlite", data_folder=home / "data")
    old, new = here.snapshot("mine", 9), there.snapshot("mine", 9)
    assert (new.newest, new.states, new.session.title) == (old.newest, old.states, "Greeting")
    assert (new.session.created, new.session.used) == (old.session.created, old.session.used)
    assert {**new.session.settings, "origin": ""} == {**old.session.settings, "origin": ""}
    there.close()
    here.close()
    assert command("history", "import", "sqlite:///other.db").out == "", "it is known by where it came from"


def test_documents_that_another_program_sorted_or_joined_are_read(command: Command, home: Path) -> None:
    documents = [
        {"chatcli": 1, "messages": [{"role": "user", "content": name}], "name": name, "states": {}} for name in "ab"
    ]
    (home / "x.json").write_text("\n".join(json.dumps(one, indent=2) for one in documents))
    assert command("history", "import", "x.json").out == "a\nb\n"
    assert sessions_in(home) == {"b": [("user", "b")], "a": [("user", "a")]}


def test_a_newer_version_is_refused(command: Command, home: Path) -> None:
    (home / "x.json").write_text('{"chatcli": 2, "states": {}, "messages": []}')
    assert refused(command, "x.json") == "x.json is of version 2, which this chatcli does not know: upgrade it"


def test_a_name_becomes_one_that_a_session_can_have(command: Command, home: Path) -> None:
    hostile = "\x1b[2J\x00one\n\u202etwo\ud800" + "x" * 300
    document = {"chatcli": 1, "name": hostile, "title": hostile, "states": {}, "messages": []}
    (home / "x.json").write_text(json.dumps(document))
    done = command("history", "import", "x.json")
    assert done.out == "[2J one two " + "x" * 88 + "\n"
    assert "\x1b" not in command("sessions", "list").out


# Wrong input


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "holds no session"),
        (b"   \n", "holds no session"),
        (b"hello", "holds no session"),
        (b"null", "holds no session"),
        (b"{}", "holds no session"),
        (b"[]", "holds no session"),
        (b"[1, 2]", "holds no session"),
        (b'{"a": 1}', "holds no session"),
        (b"\xff\xfe[\x00", "is not UTF-8"),
        ("[]".encode("utf-16"), "is not UTF-8"),
        (b'[{"mapping": {}}, 7]', "holds no conversation at number 2: '7'"),
        (b'{"messages": [{"role": "user"}]}', "holds a message that is none"),
        (b'{"messages": [{"role": "king", "content": "x"}]}', "holds a message that is none"),
        (b'{"messages": []}\n{"messages": 3}', "holds no conversation in line 2"),
        (b'{"messages": [', "is cut off"),
        (b'{"chatcli": 1, "states": {}, "messages": [{"role": "user", "content": "x"}', "is cut off"),
        (b'{"chatcli": 1, "states": {}, "messages": [{"role": "user", "content": "x"}]', "is cut off"),
        (b'{"chatcli": 1, "states": {}, "messages": [7]}', "holds a message that is none"),
        (b'{"chatcli": 1}', "holds no messages"),
        (b"SQLite format 3\0" + b"\0" * 50, "cannot be read as a SQLite database"),
        (b"PK\x03\x04", "is a zip that cannot be read"),
        (b"[" * 100_000, "nested too deep"),
    ],
)
def test_a_file_of_another_kind_is_two_lines_and_nothing_is_imported(
    command: Command, home: Path, data: bytes, why: str
) -> None:
    (home / "x").write_bytes(data)
    assert why in refused(command, "x")
    assert sessions_in(home) == {}


def test_a_file_that_cannot_be_opened_is_two_lines(command: Command, home: Path) -> None:
    for name in ("nowhere.json", ".", "~nobody-here/x", "a" * 300, "x\0y"):
        assert "cannot be read" in refused(command, name)


def test_a_store_of_ours_is_told_by_the_address_that_imports_it(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store("sqlite", data_folder=home / "data")
    store.append("s", [Message("user", "Hi")])
    store.close()
    (home / "data").rename(home / "old data")
    monkeypatch.chdir(home / "old data")
    path = home / "old data" / "sessions.db"
    done = command("history", "import", "sessions.db")
    address = f"sqlite:///{path}"
    assert done.err == f"error: sessions.db is a store of chatcli\nhint: give its address: '{address}'\n"
    assert command("history", "import", address).code == 0


def test_a_known_format_that_is_not_the_files_is_refused(command: Command, chatgpt: Path) -> None:
    for format in ("json", "jsonl", "llm", "langchain"):
        assert "holds no session" in refused(command, "conversations.json", "--format", format)
    assert refused(command, "export.zip", "--format", "pdf") == "there is no format 'pdf' to import from"


def test_what_is_whole_before_the_cut_stays_and_the_whole_file_brings_the_rest(command: Command, chatgpt: Path) -> None:
    whole = (chatgpt / "conversations.json").read_text()
    (chatgpt / "cut.json").write_text(whole[:-100])
    done = command("history", "import", "cut.json")
    assert (done.code, done.out) == (2, "西安的历史\n")
    assert sessions_in(chatgpt) == {"西安的历史": SHOWN}
    assert command("history", "import", "conversations.json").out == "西安的历史 (2)\n"


def test_what_is_piped_in_is_read_too(command: Command, chatgpt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (chatgpt / "export.zip").open() as piped:
        monkeypatch.setattr("sys.stdin", piped)
        assert command("history", "import", "-").out.startswith("西安的历史\n")


def test_a_store_is_not_imported_into_itself(command: Command, home: Path) -> None:
    assert refused(command, "sqlite:///x.db", "--store", "sqlite:///x.db") == "those sessions are in this store already"


# Whole or not at all


class Stops(Exception):
    pass


def test_nothing_is_left_of_a_session_whose_import_is_stopped() -> None:
    store, arrived = InMemoryStore(), Arrived()

    def stop_in_the_second(messages: int) -> None:
        if messages and arrived.names:
            raise Stops

    sessions = [Carried(name, [Message("user", "x")] * 20_000, origin=name) for name in ("one", "two")]
    with pytest.raises(Stops):
        bring(store, sessions, None, arrived, stop_in_the_second)
    assert [(one.name, one.messages) for one in store.sessions()] == [("one", 20_000)]
    again = Arrived()
    bring(store, sessions, None, again, lambda messages: None)
    assert (again.names, again.known) == (["two"], ["one"])


def brought(store: Store, *sessions: Carried) -> tuple[list[str], list[str]]:
    """Import the sessions; return the names of the new ones and of those that were there."""
    arrived = Arrived()
    bring(store, sessions, None, arrived, lambda messages: None)
    return arrived.names, arrived.known


def carrying(origin: str = "o", name: str = "one", said: str = "x") -> Carried:
    return Carried(name, iter([Message("user", said), Message("assistant", "y")]), origin=origin)


class Killed(InMemoryStore):
    """A store whose process dies after some writes; nothing is tidied up then."""

    def __init__(self, writes: float) -> None:
        super().__init__(lambda: time.time() + self.later)
        self.writes = writes
        self.later = 0.0

    def __getattribute__(self, name: str) -> Any:
        if name in ("update", "append", "rename", "delete"):
            if not self.writes:
                raise Stops
            self.writes -= 1
        return super().__getattribute__(name)


@pytest.fixture(scope="module")
def dead_writer() -> str:
    """Give the name of a process that has ended."""
    code = "from chatcli.writer import this_writer; print(this_writer())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def killed(dead_writer: str) -> Callable[..., tuple[Killed, str]]:
    """Give what leaves a store in which another process began to import `carrying()`, and the session's name there."""

    def leave(writes: int) -> tuple[Killed, str]:
        store = Killed(writes)
        with pytest.raises(Stops):
            brought(store, carrying())
        store.writes = math.inf
        (left,) = store.sessions()
        assert left.name.startswith("(being imported ")
        store.rename(left.name, name := left.name.replace(this_writer(), dead_writer))
        return store, name

    return leave


INTERRUPTED = pytest.mark.parametrize("writes", [1, 2])  # the note; the messages


@INTERRUPTED
def test_what_a_killed_import_left_is_replaced(killed: Callable[..., tuple[Killed, str]], writes: int) -> None:
    store, _ = killed(writes)
    arrived = Arrived()
    bring(store, [carrying()], None, arrived, lambda messages: None)
    assert (arrived.names, arrived.kept) == (["one"], [])
    assert [(one.name, one.messages) for one in store.sessions()] == [("one", 2)]
    assert "importing" not in store.snapshot("one", 0).session.settings


@INTERRUPTED
@pytest.mark.parametrize("said", ["messages", "as many messages", "a pending turn"])
def test_what_was_said_in_a_session_that_a_killed_import_left_is_kept(
    killed: Callable[..., tuple[Killed, str]], writes: int, said: str
) -> None:
    store, name = killed(writes)
    if said == "a pending turn":
        store.begin(name, Pending("t", Message("user", "mine"), "w"))
    else:
        store.append(
            name, [Message("user", "mine"), Message("assistant", "z")], 0 if said == "as many messages" else None
        )
    before = store.messages(name)
    arrived = Arrived()
    bring(store, [carrying()], None, arrived, lambda messages: None)
    assert arrived.names == ["one"]
    (kept,) = arrived.kept
    assert store.messages(kept) == before
    assert [one.user.text for one in store.pending(kept)] == ["mine"] * (said == "a pending turn")
    assert arrived.summary().endswith(f"; kept from an interrupted import: {kept}")
    assert kept == (name if said == "a pending turn" else "interrupted-import"), "a reply is under way in the other"


def test_a_turn_that_was_left_in_a_session_that_a_killed_import_left_is_kept_where_it_is_listed(
    killed: Callable[..., tuple[Killed, str]],
) -> None:
    store, name = killed(2)
    store.begin(name, Pending("t", Message("user", "mine"), "w"))
    store.later = 3600.0
    store.update("interrupted-import", title="of another time")
    arrived = Arrived()
    bring(store, [], None, arrived, lambda messages: None)
    assert arrived.kept == ["interrupted-import-2"]
    assert arrived.summary() == "kept from an interrupted import: interrupted-import-2"
    assert [one.user.text for one in store.pending("interrupted-import-2")] == ["mine"]


def test_a_session_that_only_lacked_its_name_when_the_import_was_killed_is_kept_and_known(
    killed: Callable[..., tuple[Killed, str]],
) -> None:
    store, _ = killed(3)
    arrived = Arrived()
    bring(store, [carrying()], None, arrived, lambda messages: None)
    assert (arrived.names, arrived.known, arrived.kept) == ([], ["interrupted-import"], ["interrupted-import"])


def test_what_another_import_writes_is_left_alone() -> None:
    store = InMemoryStore()
    steps = iter([carrying("a", "a")])

    def other_import(messages: int) -> None:
        if messages and (other := next(steps, None)):  # the first batch stands there
            brought(store, other)

    arrived = Arrived()
    sessions = [Carried("long", iter([Message("user", "x")] * 20_001), origin="long")]
    bring(store, sessions, None, arrived, other_import)
    assert (arrived.names, arrived.messages, arrived.kept) == (["long"], 20_001, [])
    assert sorted(one.name for one in store.sessions()) == ["a", "long"]


@pytest.mark.parametrize(("age", "stays"), [(3600, True), (90_000, False)])
def test_what_another_machine_began_to_import_is_left_alone_for_a_day(age: float, stays: bool) -> None:
    store = InMemoryStore()
    store.append(name := "(being imported 1 by elsewhere/1/2)", [said := Message("user", "x")])
    used = time.time() - age
    store.update(name, settings={"importing": [[0], [1, fingerprint(said)]]}, times=(used, used))
    brought(store, carrying())
    assert store.exists(name) == stays


def test_what_is_said_in_a_session_while_it_is_imported_is_kept() -> None:
    store = InMemoryStore()

    def somebody_chats(messages: int) -> None:
        if messages:
            store.append(store.sessions()[0].name, [Message("user", "mine")])

    arrived = Arrived()
    with pytest.raises(Conflict):
        bring(store, [Carried("long", iter([Message("user", "x")] * 10_001))], None, arrived, somebody_chats)
    assert (arrived.names, arrived.kept) == ([], ["interrupted-import"])
    assert store.messages("interrupted-import")[-1].text == "mine"


@pytest.mark.parametrize("said", ["", "something else"])
def test_a_session_that_was_emptied_is_brought_again(said: str) -> None:
    store = InMemoryStore()
    assert brought(store, carrying()) == (["one"], [])
    assert brought(store, carrying()) == ([], ["one"])
    store.clear("one")
    if said:
        store.append("one", [Message("user", said)])
    assert brought(store, carrying()) == (["one (2)"], [])
    assert brought(store, carrying()) == ([], ["one (2)"]), "and once"


def test_a_copy_of_an_imported_session_goes_along_into_another_store() -> None:
    here, there = InMemoryStore(), InMemoryStore()
    brought(here, carrying())
    here.append(fork(here, "one"), [Message("user", "more")])
    assert sorted(brought(there, *from_store(here))[0]) == ["one", "one-2"]


def test_two_imports_of_one_session_at_once_bring_it_once() -> None:
    store = InMemoryStore()

    def other_import(messages: int) -> None:
        if not messages and not store.sessions():
            brought(store, carrying("other"))  # the same name, not the same session
            brought(store, carrying())

    arrived = Arrived()
    bring(store, [carrying()], None, arrived, other_import)
    assert (arrived.names, arrived.known) == ([], ["one (2)"])
    assert {one.name for one in store.sessions()} == {"one", "one (2)"}


@pytest.mark.parametrize("is_ours", [True, False])
@pytest.mark.parametrize("name", [f"{COPIED}x)", f"{IMPORTED}x by y)"])
def test_a_session_that_is_called_like_one_under_way_is_brought_where_it_is_seen(name: str, is_ours: bool) -> None:
    store = InMemoryStore()
    session = Carried(name, [Message("user", "Hi")], origin="o", is_ours=is_ours)
    assert brought(store, session) == (["imported"], [])
    assert [one.name for one in listed(store)] == ["imported"]


def test_sessions_of_aichat_in_files_of_one_name_are_told_apart() -> None:
    first, other = (next(aichat.read(f"messages: [{{role: user, content: {said}}}]", "temp")) for said in "ab")
    store = InMemoryStore()
    assert brought(store, first, other) == (["temp", "temp (2)"], [])


@pytest.mark.parametrize("text", ["<html></html>", "[1, 2]", '{"a": 1}'])
def test_a_file_without_a_session_is_named_in_full_and_nothing_else_is_said(
    tmp_path: Path, command: Command, text: str
) -> None:
    file = tmp_path / "exp.html"
    file.write_text(text)
    done = command("history", "import", str(file))
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[0] == f"error: {file} holds no session that chatcli can read"
    assert Arrived().summary() == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("options", 5),
        ("memory", 7),
        ("model", []),
        ("prompt", {}),
        ("system", 1),
        ("variables", {"a": 1}),
        ("origin", 2),
    ],
)
def test_a_setting_that_none_can_be_is_left_out_and_said(command: Command, home: Path, name: str, value: Any) -> None:
    document = {"chatcli": 1, "name": "a", "settings": {"x": 5, name: value}}
    (home / "x.json").write_text(json.dumps({**document, "states": {}, "messages": [{"role": "user", "content": "q"}]}))
    done = command("history", "import", "x.json")
    assert (done.code, done.out) == (0, "a\n")
    arrived = Arrived()
    with (home / "x.json").open() as file:
        bring(InMemoryStore(), ours.read(JsonReader(file)), None, arrived, lambda messages: None)
    assert arrived.summary().endswith(f"; settings left out that are none: {name}")
    store = open_store("sqlite", data_folder=home / "data")
    kept = store.snapshot("a", 0).session.settings
    store.close()
    assert (kept["x"], kept["origin"] == 2, name in kept) == (5, False, name == "origin")
    assert command("memory", "show", "-s", "a").code == 0, "it can be opened"


@pytest.mark.parametrize(
    "tables",
    [
        "CREATE TABLE conversations(id, title); CREATE TABLE responses(id, conversation_id)",
        "CREATE TABLE threads(id); CREATE TABLE messages(id); CREATE TABLE parts(id); CREATE TABLE turns(id)",
    ],
)
def test_another_programs_database_with_tables_of_the_same_names_is_refused(
    command: Command, home: Path, tables: str
) -> None:
    with closing(sqlite3.connect(home / "other.db")) as db:
        db.executescript(tables)
    assert refused(command, "other.db") == "other.db holds no session that chatcli can read"
