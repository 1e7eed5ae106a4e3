"""Whatever stands in the index's file, nothing but a ChatError comes of it, and what is found can be quoted."""

import os
import shutil
import sqlite3
from array import array
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from chatcli.memory.recall import build, quote
from chatcli.memory.strategy import Shown, View
from chatcli.messages import Message
from chatcli.recall import open_index
from chatcli.recall.index import MessageIndex
from tests.unit.test_recall_index import filler, history_of, talk

MESSAGES = [
    *filler(10),
    *(Message("user", f"Ann has dog number {at}", time=1.7e9 + at, name="Ann") for at in range(15)),
    *talk("Where is the red keyboard?", "On the desk", "?!", "a cat", start=1.75e9),
]
QUESTIONS = ("dog", "Where is Ann's keyboard?", "topic3 topic4 nothing", "🙂")
TABLES = {
    "mark": "position fingerprint",
    "units": "number sitting length tokens form speaker",
    "texts": "number role name time day text whole fingerprint",
    "totals": "units length",
    "frequencies": "term units",
    "speakers": "name units",
    "embedding": "model size",
    "vectors": "number scale vector",
    "words_data": "id block",
    "words_idx": "segid term pgno",
    "words_config": "k v",
}
SOME = int(os.environ.get("CHATCLI_DAMAGES", "4"))  # values that are tried in each column; there are 30
COLUMNS = [(table, column) for table, columns in TABLES.items() for column in columns.split()]
VALUES = [
    "NULL", "0", "1", "-1", "-0.5", "-0.3333333333333333", "1.5", "4095", "4096", "-4096", "1e15", "1e308", "9e999",
    "-9e999", "9223372036854775807", "-9223372036854775808", "''", "'x'", "'user'", "x''", "x'ff00'", "zeroblob(5000)",
    "CAST(x'ff' AS TEXT)", "-{}", "{} + 1", "{} * 1000000", "CAST({} AS TEXT)", "CAST({} AS BLOB)", "random()",
    "randomblob(16)",
]  # fmt: skip


class Meaning:
    """An embedder of small vectors."""

    identity = "meaning"

    def embed(self, texts: Sequence[str], seconds: float) -> "list[array[float]]":
        return [array("f", [0.6, 0.8] if "dog" in text else [1.0, 0.0]) for text in texts]

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with everything in it, whose columns take anything."""
    path = tmp_path_factory.mktemp("whole") / "index.db"
    index = open_index(path, Meaning())
    index.follow(history_of(MESSAGES))
    while index.embed():
        pass
    index.close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA writable_schema = ON")
    db.execute("UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '') WHERE name NOT LIKE 'words%'")
    db.commit()
    db.close()
    return path


def damage(path: Path, table: str, column: str, value: str, which: str) -> None:
    db = sqlite3.connect(path)
    with suppress(sqlite3.Error):  # what a column does not take even so
        db.execute(f"UPDATE OR REPLACE {table} SET {column} = {value.format(column)} WHERE {which}")
        db.commit()
    db.close()


def use(index: MessageIndex) -> None:
    """Do what a chat does; whatever is found must be fit to be quoted."""
    for messages in (MESSAGES, [*MESSAGES, *filler(5)], MESSAGES[:20], MESSAGES):
        for question in QUESTIONS:
            quote(index.search(question, 10**6))
        index.follow(history_of(messages))
        index.embed()
        view = View(history_of(messages), index=index)
        build("300").rider(view, Message("user", "Which dog?"), Shown(10**6))
    index.follow(history_of(MESSAGES))


def check(path: Path) -> list[str]:
    """Use the file, and again; it must be good in the end. Return the news."""
    index = open_index(path, Meaning())
    use(index)
    news = list(index.news)
    index.close()
    again = open_index(path, Meaning())
    again.follow(history_of(MESSAGES))
    assert any("keyboard" in hit.message.text for hit in again.search("red keyboard", 10**6)), news
    again.close()
    return news


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_a_column_full_of_nonsense_does_no_harm(whole: Path, tmp_path: Path, table: str, column: str) -> None:
    for value in Random(table + column).sample(VALUES, SOME):
        shutil.copy(whole, path := tmp_path / "index.db")
        damage(path, table, column, value, "1")
        assert len(check(path)) <= 1, value
        for file in tmp_path.iterdir():
            file.unlink()


@pytest.mark.parametrize("seed", range(20))
def test_rows_of_nonsense_do_no_harm(whole: Path, tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    shutil.copy(whole, path := tmp_path / "index.db")
    for _ in range(random.randint(1, 8)):
        table, column = random.choice(COLUMNS)
        damage(path, table, column, random.choice(VALUES), f"random() % {random.randint(1, 20)} = 0")
    index = open_index(path, Meaning())
    use(index)
    index.close()


def test_wrong_totals_are_said_and_the_index_is_built_anew(whole: Path, tmp_path: Path) -> None:
    shutil.copy(whole, path := tmp_path / "index.db")
    damage(path, "totals", "length", "0", "1")
    index = open_index(path)
    assert not list(index.search("dog", 10**6))
    assert len(index.news) == 1
    assert "built anew" in index.news[0]
    index.follow(history_of(MESSAGES))
    assert list(index.search("dog", 10**6))
    index.close()


def test_messages_without_any_term_are_no_damage(tmp_path: Path) -> None:
    index = open_index(tmp_path / "index.db", Meaning())
    index.follow(history_of(talk("🙂", "?!", "…")))
    while index.embed():
        pass
    assert list(index.search("dog", 10**6))
    assert index.news == []
    index.close()
