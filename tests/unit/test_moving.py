"""`sessions copy`, `expire`, `backup`, `restore`, `repair` and `history export --all` on the command line."""

import json
import os
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from chatcli.errors import ChatError
from chatcli.messages import Message
from chatcli.names import COPIED
from chatcli.stores.sqlite import SqliteStore
from chatcli.transfer.backup import back_up, opened_backup
from chatcli.transfer.copying import WRITER, Route
from tests.unit.conftest import Command, Done

TURN = [Message("user", "q", id="1"), Message("assistant", "a", id="2")]
OTHER = "sqlite:///other.db"


@contextmanager
def stored(path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(path)) as store:
        yield store


@pytest.fixture
def talked(home: Path) -> Path:
    """A home with the sessions `a` and `b`."""
    with stored(home / "data/sessions.db") as store:
        store.append("a", TURN)
        store.append("b", [*TURN, *TURN])
    return home


def names(home: Path, file: str = "data/sessions.db") -> list[str]:
    with stored(home / file) as store:
        return sorted(one.name for one in store.sessions())


def two_lines(done: Done, code: int) -> str:
    """Check that it is an error as all are; return its first line."""
    lines = done.err.splitlines()
    assert (done.code, len(lines), lines[1][:6]) == (code, 2, "hint: "), done
    return lines[0].removeprefix("error: ")


# copy


def test_sessions_are_copied_and_the_second_time_skipped(command: Command, talked: Path) -> None:
    done = command("sessions", "copy", "a", "b", "--to", OTHER)
    assert (done.code, done.out) == (0, "a: copied, 2 messages\nb: copied, 4 messages\n")
    assert command("sessions", "copy", "--all", "--to", OTHER).out == "b: there already\na: there already\n"
    assert names(talked, "other.db") == ["a", "b"]


def test_a_store_without_a_session_is_said_to_have_none_to_copy(command: Command) -> None:
    assert two_lines(command("sessions", "copy", "--all", "--to", OTHER), 1) == "there is no session yet"


def test_a_dry_run_copies_nothing(command: Command, talked: Path) -> None:
    done = command("sessions", "copy", "a", "--to", OTHER, "--dry-run")
    assert (done.code, done.out) == (0, "a: would be copied, 2 messages\n")
    assert names(talked, "other.db") == []


def test_json_says_of_each_session_what_was_done(command: Command, talked: Path) -> None:
    command("sessions", "copy", "a", "--to", OTHER)
    done = command("sessions", "copy", "a", "b", "--to", OTHER, "--json")
    assert json.loads(done.out) == [
        {"name": "a", "as": "a", "what": "there already", "messages": 0},
        {"name": "b", "as": "b", "what": "copied", "messages": 4},
    ]


def test_another_session_of_that_name_is_left_and_the_others_are_copied(command: Command, talked: Path) -> None:
    with stored(talked / "other.db") as other:
        other.append("a", [Message("user", "mine")])
    done = command("sessions", "copy", "a", "b", "--to", OTHER)
    assert "--as NEW" in done.err
    assert "a" in two_lines(done, 3)
    assert done.out == "a: refused\nb: copied, 4 messages\n"
    assert command("sessions", "copy", "a", "--to", OTHER, "--as", "a2").out == "a: copied as a2, 2 messages\n"
    with stored(talked / "other.db") as other:
        assert [one.text for one in other.messages("a")] == ["mine"]
        assert other.messages("a2") == TURN


def test_the_rest_is_appended_after_asking(command: Command, talked: Path) -> None:
    with stored(talked / "other.db") as other:
        other.append("b", TURN)
    assert "asks first" in two_lines(command("sessions", "copy", "b", "--to", OTHER), 2)
    assert command("sessions", "copy", "b", "--to", OTHER, "-y").out == "b: appended, 2 messages\n"
    assert command("sessions", "copy", "b", "--to", OTHER).out == "b: there already\n"


@pytest.mark.parametrize(
    "args",
    [
        ["a"], ["--to", OTHER], ["a", "--all", "--to", OTHER], ["a", "b", "--as", "c", "--to", OTHER],
        ["a", "--to", "memory:"], ["a", "--to", "sqlite"], ["a", "--to", OTHER, "--as", ""],
        ["a", "--to", OTHER, "--as", "x" * 201], ["a", "--to", "ftp://x"], ["a", "--to", OTHER, "--as", "a\nb"],
    ],
)  # fmt: skip
def test_what_cannot_be_copied_so_is_two_lines(command: Command, talked: Path, args: list[str]) -> None:
    two_lines(command("sessions", "copy", *args), 2)


def test_a_store_that_is_away_is_told_once_and_not_for_each_session(command: Command, talked: Path) -> None:
    done = command("sessions", "copy", "a", "b", "--to", "redis://127.0.0.1:1/0")
    assert "cannot be reached" in two_lines(done, 3)
    assert done.out == ""
    done = command("sessions", "copy", "a", "b", "--to", "redis://127.0.0.1:1/0", "--json")
    assert (done.code, json.loads(done.out)) == (3, [])


def test_a_session_that_is_not_there_is_not_copied(command: Command, talked: Path) -> None:
    two_lines(command("sessions", "copy", "nope", "--to", OTHER), 1)


def test_a_copy_within_a_store_has_a_name_of_its_own(command: Command, talked: Path) -> None:
    assert command("sessions", "copy", "a", "--to", "sqlite", "--as", "c").code == 0
    assert names(talked) == ["a", "b", "c"]


def test_two_stores_at_one_address_with_other_key_prefixes_are_two(command: Command, talked: Path) -> None:
    (talked / "config").mkdir()
    address = 'address = "redis://:secret@127.0.0.1:1/0"'
    stores = [f'[stores.a]\n{address}\nkey_prefix = ""', f"[stores.b]\n{address}"]
    (talked / "config/config.toml").write_text("\n".join(stores))
    assert "cannot be reached" in two_lines(command("sessions", "copy", "s", "--store", "a", "--to", "b"), 3)
    for same in ("b", "redis://:secret@127.0.0.1:1/0"):
        refused = two_lines(command("sessions", "copy", "s", "--store", "b", "--to", same), 2)
        assert refused == "redis://:***@127.0.0.1:1/0 is the store to copy from, and the one to copy to"


def test_hostile_names_reach_no_terminal(command: Command, talked: Path) -> None:
    with stored(talked / "data/sessions.db") as store:
        store.append("x\u202ey\u2028z", TURN)
    done = command("sessions", "copy", "--all", "--to", OTHER)
    assert done.code == 0
    assert not {"\u202e", "\u2028"} & {*done.out}


# expire


def test_the_list_shows_when_a_session_goes(command: Command, talked: Path) -> None:
    assert "EXPIRES" not in command("sessions", "list").out
    assert command("sessions", "expire", "a", "7d").code == 0
    assert "EXPIRES" in command("sessions", "list").out
    listed = {one["name"]: one for one in json.loads(command("sessions", "list", "--json").out)}
    assert (listed["a"]["lifetime"], listed["b"]["lifetime"]) == (604_800, None)
    assert listed["a"]["expires"] == pytest.approx(listed["a"]["used"] + 604_800, abs=120)
    assert command("sessions", "expire", "a", "never").code == 0
    assert "EXPIRES" not in command("sessions", "list").out


@pytest.mark.parametrize(
    "after", ["", "7", "d", "0d", "-1d", "7x", "1.5h", "99999999999d", "999999999w", "٣d", "7d 1h"]
)
def test_a_time_that_is_none_is_two_lines(command: Command, talked: Path, after: str) -> None:
    two_lines(command("sessions", "expire", "--", "a", after), 2)


def test_a_session_that_is_not_there_cannot_expire(command: Command, talked: Path) -> None:
    two_lines(command("sessions", "expire", "nope", "7d"), 1)


# backup and restore


def test_a_backup_is_one_private_file_that_chatcli_opens(command: Command, talked: Path) -> None:
    done = command("sessions", "backup", "b.db")
    assert (done.code, done.out) == (0, "")
    assert stat.S_IMODE((talked / "b.db").stat().st_mode) == 0o600
    assert sorted(path.name for path in talked.iterdir() if path.is_file()) == ["b.db"]
    assert (talked / "b.db").read_bytes()[18:20] == b"\1\1", "no WAL, which needs files beside it"
    assert names(talked, "b.db") == ["a", "b"]


def test_a_backup_of_what_is_damaged_is_not_kept(command: Command, talked: Path) -> None:
    with stored(talked / "data/sessions.db") as store:
        store._db.execute("PRAGMA writable_schema = ON")
        store._db.execute("UPDATE sqlite_master SET sql = replace(sql, 'role TEXT', 'role TEXT CHECK(role = 3)')")
    assert "it was not kept" in two_lines(command("sessions", "backup", "b.db"), 1)
    assert [path.name for path in talked.iterdir() if path.is_file()] == []


def test_a_backup_never_replaces_a_file_unasked(command: Command, talked: Path) -> None:
    (talked / "b.db").write_text("mine")
    assert "/b.db?" in two_lines(command("sessions", "backup", "b.db"), 2)
    assert (talked / "b.db").read_text() == "mine"
    assert command("sessions", "backup", "b.db", "-y").code == 0
    assert names(talked, "b.db") == ["a", "b"]


def test_the_store_is_no_place_for_its_backup(command: Command, talked: Path) -> None:
    two_lines(command("sessions", "backup", "data/sessions.db", "-y"), 2)
    (talked / "link.db").symlink_to("data/sessions.db")
    two_lines(command("sessions", "backup", "link.db", "-y"), 2)
    assert names(talked) == ["a", "b"]


@pytest.mark.parametrize("path", ["no/such/x.db", "/proc/x.db", "a" * 300, "~nobody-here/x.db", "/dev/null"])
def test_where_no_backup_can_be_written_is_two_lines(command: Command, talked: Path, path: str) -> None:
    two_lines(command("sessions", "backup", path, "-y"), 2)


def test_a_store_that_is_no_file_is_exported_instead(command: Command, talked: Path) -> None:
    done = command("sessions", "backup", "b.db", "--store", "redis://:secret@127.0.0.1:1/0")
    two_lines(done, 2)
    assert "history export --all" in done.err
    assert "secret" not in done.err


def test_a_backup_is_of_one_moment_while_others_write(talked: Path) -> None:
    with stored(talked / "data/sessions.db") as store:
        store.append("large", [Message("user", "x" * 4000) for _ in range(20_000)])
        writing, stop = threading.Event(), threading.Event()

        def write() -> None:
            with stored(talked / "data/sessions.db") as other:
                while not stop.is_set():
                    other.append("a", TURN)
                    writing.set()

        def told(done: int, of: int) -> None:
            assert writing.wait(60)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            back_up(store.path, talked / "b.db", lambda _: None, told)
        finally:
            stop.set()
            writer.join()
    with stored(talked / "b.db") as kept:
        assert kept.length("large") == 20_000
        assert kept.length("a") % 2 == 0
        assert list(kept.repair()) == []


def test_a_backup_that_is_stopped_leaves_nothing(talked: Path) -> None:
    def stop(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with stored(talked / "data/sessions.db") as store, pytest.raises(KeyboardInterrupt):
        back_up(store.path, talked / "b.db", lambda _: None, stop)
    assert [path.name for path in talked.iterdir() if path.is_file()] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is made by root alone")
def test_a_full_disk_is_two_lines_and_costs_nothing(
    command: Command, talked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = talked / "small"
    small.mkdir()
    with stored(talked / "data/sessions.db") as store:
        store.append("large", [Message("user", "x" * 4000) for _ in range(100)])
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", small], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        (small / "b.db").write_text("old")
        assert "full" in two_lines(command("sessions", "backup", "small/b.db", "-y"), 1)
        assert [path.name for path in small.iterdir()] == ["b.db"]
        assert (small / "b.db").read_text() == "old"
        done = command("sessions", "copy", "large", "--to", "sqlite:///small/s.db")
        assert "full" in two_lines(done, 3)
        (small / "b.db").unlink()
        assert command("sessions", "list", "--store", "sqlite:///small/s.db").out == ""
        (small / "s.db").unlink()
        command("sessions", "backup", "b.db")
        monkeypatch.setattr("tempfile.tempdir", str(small))
        done = command("sessions", "restore", "b.db", "--store", OTHER)
        assert "the disk under small/chatcli-restore-" in two_lines(done, 1).replace(f"{talked}/", "")
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_restore_brings_what_is_not_there_and_changes_nothing_that_is(command: Command, talked: Path) -> None:
    command("sessions", "backup", "b.db")
    command("sessions", "delete", "a", "-y")
    with stored(talked / "data/sessions.db") as store:
        store.append("b", [Message("user", "since")])
    before = (talked / "b.db").read_bytes()
    dry = command("sessions", "restore", "b.db", "--dry-run")
    assert dry.out == "a: would be restored, 2 messages\nb: another one is there, and stays\n"
    done = command("sessions", "restore", "b.db")
    assert (done.code, done.out) == (0, "a: restored, 2 messages\nb: another one is there, and stays\n")
    with stored(talked / "data/sessions.db") as store:
        assert store.messages("a") == TURN
        assert store.length("b") == 5
    assert (talked / "b.db").read_bytes() == before
    assert json.loads(command("sessions", "restore", "b.db", "--json").out)[0]["what"] == "there already"


def test_a_session_that_cannot_be_restored_keeps_no_other_one_back(command: Command, talked: Path) -> None:
    command("sessions", "backup", "b.db")
    with stored(talked / "other.db") as other:
        route = Route(other, "a", other, "a")
        backed = replace(route, source=SqliteStore(talked / "b.db"))
        backed.source.address = f"sqlite:///{talked / 'b.db'}"
        other.update(backed.under_way, settings={WRITER: "elsewhere/1/1"})
        backed.source.close()
    done = command("sessions", "restore", "b.db", "--store", OTHER)
    assert "another process" in two_lines(done, 3)
    assert done.out == "a: refused\nb: restored, 4 messages\n"


def test_an_empty_store_is_filled_from_a_backup(command: Command, talked: Path) -> None:
    command("sessions", "backup", "b.db")
    assert command("sessions", "restore", "b.db", "--store", OTHER).code == 0
    assert names(talked, "other.db") == ["a", "b"]


def test_a_copy_has_the_expiry_of_its_source_and_a_restored_session_none(command: Command, talked: Path) -> None:
    command("sessions", "expire", "a", "7d")
    command("sessions", "backup", "b.db")
    command("sessions", "copy", "a", "--to", OTHER)
    command("sessions", "restore", "b.db", "--store", "sqlite:///restored.db")
    with stored(talked / "other.db") as copied, stored(talked / "restored.db") as restored:
        assert copied.snapshot("a", 0).session.lifetime == 604_800
        assert restored.snapshot("a", 0).session.lifetime == 0


def test_what_has_expired_since_the_backup_comes_back_and_stays(talked: Path) -> None:
    with stored(talked / "data/sessions.db") as store:
        store.expire("a", 1)
        store._db.execute("UPDATE sessions SET expires = 5 WHERE name = 'a'")
        back_up(store.path, talked / "b.db", lambda _: None, lambda *_: None)
    with opened_backup(talked / "b.db", lambda *_: None) as kept:
        assert kept.exists("a")


def test_a_backup_of_an_older_chatcli_is_read(command: Command, talked: Path) -> None:
    from chatcli.stores.sqlite_file import APPLICATION, MIGRATIONS

    with closing(sqlite3.connect(talked / "old.db", isolation_level=None)) as db:
        for statement in MIGRATIONS[0].split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute("PRAGMA user_version = 1")
        db.execute("INSERT INTO sessions(name, created, used) VALUES ('old', 1, 1)")
    assert command("sessions", "restore", "old.db").out == "old: restored, 0 messages\n"


def test_a_backup_without_a_session_is_no_success(command: Command, talked: Path) -> None:
    command("sessions", "list", "--store", "sqlite:///empty.db")
    said = two_lines(command("sessions", "restore", "empty.db"), 1)
    assert "empty.db has no session in it" in said
    done = command("sessions", "restore", "empty.db", "--json")
    assert (done.code, json.loads(done.out)) == (1, [])


def test_no_file_is_written_where_none_is_named(command: Command, talked: Path) -> None:
    before = sorted(talked.iterdir())
    for words in (["sessions", "backup", ""], ["history", "export", "-s", "a", "-o", ""]):
        assert "the path to write to is empty" in two_lines(command(*words), 2)
    assert sorted(talked.iterdir()) == before
    assert "'' cannot be read" in two_lines(command("history", "import", ""), 2)


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 9999")


def _of_others(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA application_id = 5")


def _damaged(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)


def _cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(10_000)


@pytest.mark.parametrize(
    ("spoil", "said"), [(_newer, "newer"), (_of_others, "another program"), (_damaged, ""), (_cut, "")]
)
def test_a_backup_that_cannot_be_read_is_two_lines(command: Command, talked: Path, spoil, said: str) -> None:  # type: ignore[no-untyped-def]
    command("sessions", "backup", "b.db")
    spoil(talked / "b.db")
    assert said in two_lines(command("sessions", "restore", "b.db", "--store", OTHER), 3)
    assert names(talked, "other.db") == []


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3", b"{}"])
def test_what_is_no_backup_is_two_lines(command: Command, talked: Path, content: bytes) -> None:
    (talked / "x").write_bytes(content)
    two_lines(command("sessions", "restore", "x"), 2)
    two_lines(command("sessions", "restore", "nothing-here"), 2)
    two_lines(command("sessions", "restore", "."), 2)
    os.mkfifo(talked / "pipe")
    two_lines(command("sessions", "restore", "pipe"), 2)


# repair


def test_repair_says_what_it_did(command: Command, talked: Path) -> None:
    assert command("sessions", "repair").out == ""
    with stored(talked / "data/sessions.db") as store:
        store._db.execute("UPDATE sessions SET turns = 9 WHERE name = 'a'")
    said = "counted again: messages 2, turns 1, not 2 and 9"
    dry = command("sessions", "repair", "--dry-run", "--json")
    assert json.loads(dry.out) == [{"session": "a", "what": said}]
    assert command("sessions", "repair", "--dry-run").out == f"a: would be {said}\n"
    assert command("sessions", "repair").out == f"a: {said}\n"
    assert command("sessions", "repair").out == ""


def test_the_name_of_a_copy_that_was_stopped_reaches_no_terminal_as_it_is(command: Command, talked: Path) -> None:
    with stored(talked / "data/sessions.db") as store:
        store.append(f"{COPIED}x\u202ey\u2028z)", TURN)
    done = command("sessions", "repair")
    assert "is a copy that was stopped" in done.out
    assert not {"\u202e", "\u2028"} & {*done.out}


# export --all


def test_all_sessions_are_exported_and_imported_as_they_were(command: Command, talked: Path) -> None:
    exported = command("history", "export", "--all", "--format", "json").out
    assert command("history", "export", "--all", "-o", "all.json").code == 0
    assert (talked / "all.json").read_text("utf-8") == exported
    assert command("history", "import", "all.json", "--store", OTHER).out == "a\nb\n"
    assert command("history", "export", "--all", "--format", "json", "--store", OTHER).out == exported


@pytest.mark.parametrize("args", [["--format", "html"], ["--format", "svg"], ["-o", "x.html"], ["-s", "a"]])
def test_what_holds_one_session_does_not_hold_all(command: Command, talked: Path, args: list[str]) -> None:
    two_lines(command("history", "export", "--all", *args), 2)


def test_there_is_nothing_to_export_in_an_empty_store(command: Command, home: Path) -> None:
    two_lines(command("history", "export", "--all"), 1)


def test_errors_of_a_backup_are_chat_errors(talked: Path) -> None:
    with stored(talked / "data/sessions.db") as store, pytest.raises(ChatError):
        back_up(store.path, talked, lambda _: None, lambda *_: None)
