"""Whatever is wrong with the index's file, it is made anew, or kept in memory, and one line says so."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from chatcli.recall import forget, open_index
from tests.unit.test_recall_index import filler, history_of, talk, texts

MESSAGES = [*filler(300), *talk("a dog", "a cat")]


def made(path: Path) -> Path:
    index = open_index(path)
    index.follow(history_of(MESSAGES))
    index.close()
    return path


def finds_again(path: Path) -> list[str]:
    """Follow and search as a chat does; return the news."""
    index = open_index(path)
    assert index.follow(history_of(MESSAGES)) == 0
    assert texts(index, "dog")[0] == "a dog"
    index.close()
    return index.news


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    index = open_index(tmp_path / "cache" / "index.db")
    index.follow(history_of(MESSAGES))
    for path in (tmp_path / "cache").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700


def test_a_file_that_is_no_database_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    path.write_bytes(b"no database at all " * 500)
    (line,) = finds_again(path)
    assert "built anew" in line
    assert finds_again(path) == []


def test_another_programs_database_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE other (x)")
    db.close()
    (line,) = finds_again(path)
    assert "built anew" in line


def test_a_file_of_a_newer_version_is_replaced(tmp_path: Path) -> None:
    path = made(tmp_path / "index.db")
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    (line,) = finds_again(path)
    assert "another version" in line


@pytest.mark.parametrize(
    "table", ["mark", "units", "texts", "totals", "frequencies", "speakers", "words", "words_data"]
)
def test_a_file_without_one_of_its_tables_is_replaced(tmp_path: Path, table: str) -> None:
    path = made(tmp_path / "index.db")
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("DELETE FROM sqlite_master WHERE name = ?", (table,))
    db.close()
    index = open_index(path)
    index.follow(history_of([*MESSAGES, *talk("a horse", "yes")]))
    list(index.search("dog", 1000))
    index.follow(history_of([*MESSAGES, *talk("a horse", "yes")]))
    assert texts(index, "dog")[0] == "a dog"
    assert len(index.news) == 1


@pytest.mark.parametrize("table", ["mark", "totals"])
def test_a_file_without_its_only_row_is_replaced(tmp_path: Path, table: str) -> None:
    path = made(tmp_path / "index.db")
    with sqlite3.connect(path) as db:
        db.execute(f"DELETE FROM {table}")
    db.close()
    index = open_index(path)
    index.follow(history_of(MESSAGES))
    list(index.search("dog", 1000))
    index.follow(history_of(MESSAGES))
    assert texts(index, "dog")[0] == "a dog"


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_file_does_no_harm(tmp_path: Path, seed: int) -> None:
    path = made(tmp_path / "index.db")
    data = bytearray(path.read_bytes())
    for at in range(400):
        data[(seed * 7919 + at * 104_729) % len(data)] ^= 0xFF >> (at % 8)
    path.write_bytes(data)
    index = open_index(path)
    index.follow(history_of(MESSAGES))
    list(index.search("dog and topic17", 1000))
    assert index.follow(history_of(MESSAGES)) == 0


def test_a_file_cut_short_does_no_harm(tmp_path: Path) -> None:
    path = made(tmp_path / "index.db")
    os.truncate(path, path.stat().st_size // 2)
    index = open_index(path)
    index.follow(history_of(MESSAGES))
    list(index.search("dog", 1000))
    index.follow(history_of(MESSAGES))
    assert texts(index, "dog")[0] == "a dog"


def test_a_folder_that_cannot_be_made_means_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (line,) = finds_again(tmp_path / "file" / "index.db")
    assert "in memory" in line


def test_a_folder_in_the_files_place_means_memory(tmp_path: Path) -> None:
    (tmp_path / "index.db").mkdir()
    (line,) = finds_again(tmp_path / "index.db")
    assert "in memory" in line


def test_a_folder_that_is_read_only_means_memory() -> None:
    folder = Path("/proc/self")
    if not folder.is_dir():
        pytest.skip("needs a folder that nobody can write")
    (line,) = finds_again(folder / "index.db")
    assert "in memory" in line


def test_a_file_that_is_read_only_is_left_alone(tmp_path: Path) -> None:
    path = made(tmp_path / "index.db")
    if os.geteuid() == 0:
        pytest.skip("the superuser writes everywhere")
    path.chmod(0o400)
    assert finds_again(path) == []


def test_a_file_deleted_while_it_is_open_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    index = open_index(path)
    index.follow(history_of(MESSAGES))
    for file in tmp_path.iterdir():
        file.unlink()
    assert not texts(index, "dog")
    index.follow(history_of(MESSAGES))  # may be of before: the session may be gone with the file
    assert not path.exists()
    assert index.follow(history_of(MESSAGES)) == 0
    assert texts(index, "dog")[0] == "a dog"
    assert path.exists()
    assert index.news == []


# What is closed or removed


def test_of_an_empty_history_no_file_is_made_or_left(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "index.db"
    index = open_index(path)
    assert index.follow(history_of([])) == 0
    assert not texts(index, "dog")
    assert not index.embed()
    assert not path.exists()
    index.follow(history_of(MESSAGES))
    assert path.exists()
    index.follow(history_of([]))
    assert list(path.parent.iterdir()) == []
    index.follow(history_of(MESSAGES))
    assert texts(index, "dog")[0] == "a dog"
    assert index.news == []
    index.close()


def test_what_is_closed_writes_no_more(tmp_path: Path) -> None:
    path = made(tmp_path / "index.db")
    index = open_index(path)
    index.follow(history_of(MESSAGES))
    index.close()
    forget(path)
    index.follow(history_of(MESSAGES))
    assert not texts(index, "dog")
    assert not index.embed()
    assert list(tmp_path.iterdir()) == []
    other = made(path)
    index.follow(history_of([]))
    assert other.exists()
    assert index.news == []


def test_closing_ends_what_another_thread_takes_in(tmp_path: Path) -> None:
    path, messages = tmp_path / "index.db", filler(20_000)
    for aim in (0, 1, 700, 3000):
        index = open_index(path)
        thread = Thread(target=lambda index=index: index.follow(history_of(messages)))  # type: ignore[misc]
        thread.start()
        while indexed(path) < aim:
            assert thread.is_alive()
        index.close()
        forget(path)
        thread.join()
        assert list(tmp_path.iterdir()) == []


def test_a_file_removed_while_it_is_written_is_not_made_again_from_a_history_of_before(tmp_path: Path) -> None:
    path, messages = tmp_path / "index.db", filler(20_000)
    index = open_index(path)
    thread = Thread(target=lambda: index.follow(history_of(messages)))
    thread.start()
    while indexed(path) < 1:
        assert thread.is_alive()
    forget(path)
    thread.join()
    assert list(tmp_path.iterdir()) == []
    index.close()


def test_a_file_that_another_process_keeps_locked_is_waited_for_only_a_moment(tmp_path: Path) -> None:
    path = made(tmp_path / "index.db")
    index = open_index(path)
    more = history_of([*MESSAGES, *talk("a horse", "yes")])
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    assert index.follow(more) == 2
    assert texts(index, "dog")[0] == "a dog"
    assert len(index.news) == 1
    db.execute("ROLLBACK")
    db.close()
    assert index.follow(more) == 0
    assert "a horse" in texts(index, "horse")


_FOLLOW = """
import sys
from pathlib import Path
from chatcli.recall import open_index
from tests.unit.test_recall_index import filler, history_of
open_index(Path(sys.argv[1])).follow(history_of(filler(20_000)))
"""


def indexed(path: Path) -> int:
    try:
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
        ((position,),) = db.execute("SELECT position FROM mark")
        db.close()
    except sqlite3.Error:
        return 0
    return int(position)


def test_a_process_killed_while_it_indexes_leaves_a_good_file(tmp_path: Path) -> None:
    path, messages = tmp_path / "index.db", filler(20_000)
    for aim in (1, 1500, 3000):
        process = subprocess.Popen([sys.executable, "-c", _FOLLOW, path])
        while indexed(path) < aim:
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        index = open_index(path)
        assert index.follow(history_of(messages), 10) <= len(messages) - aim
        assert next(index.search("topic5", 20_000)).message == messages[5]
        assert index.news == []
        index.close()
