"""What messages mean, kept as vectors beside their words: an endpoint's answers are scripted, its server is real."""

import os
import signal
import sqlite3
import subprocess
import sys
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest

from chatcli.memory.history import History
from chatcli.messages import Message
from chatcli.model.embeddings import Embedder
from chatcli.model.settings import ModelSettings
from chatcli.recall import open_index
from chatcli.recall.file import IndexFile
from chatcli.recall.index import MessageIndex
from chatcli.recall.vectors import BATCH, Vectors
from chatcli.rest import PAUSES
from chatcli.stores import Session, Snapshot
from tests.servers import BAD_KEY, BROKEN, Answer, Body, ModelServer, Silence, Whole, embedded, refusal

MEANINGS = ("dog puppy canine pet", "job work profession living", "food eat lunch allergic")
FILTERED = refusal(400, "Input data may contain inappropriate content.", code="data_inspection_failed")


def history_of(texts: Sequence[str], name: str | None = None) -> History:
    roles = ("user", "assistant")
    messages = [
        Message(roles[at % 2], text, time=1.7e9 + 60 * at, name=name)  # type: ignore[arg-type]
        for at, text in enumerate(texts)
    ]
    return History(Snapshot(Session("s"), len(messages), (), {}), lambda start, stop: messages[start:stop])


def filler(count: int) -> list[str]:
    return [f"Something about topic{at} and nothing else" for at in range(count)]


def meaning(text: str, size: int = 4) -> list[float]:
    """Return a vector that words of one meaning point in one direction."""
    words = set(text.lower().replace("?", "").split())
    return [float(bool(words & set(same.split()))) for same in MEANINGS] + [0.2] + [0.0] * (size - 4)


def by_meaning(body: Body) -> Whole:
    return embedded(meaning(text) for text in body["input"])


TALK = [
    *filler(12),
    "We took in a puppy last spring",
    "How lovely",
    *filler(12),
    "I earn my living as a baker",
    "I see",
]
QUESTION = "Which canine is there?"
"""Shares no word with what it asks for."""


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        server.embeds = by_meaning
        yield server


def embedder_at(server: ModelServer, model: str = "embed") -> Embedder:
    return Embedder(lambda: ModelSettings("embed", model, base_url=server.url, api_key="sk-secret"))


@pytest.fixture
def embedder(server: ModelServer) -> Iterator[Embedder]:
    embedder = embedder_at(server)
    yield embedder
    embedder.close()


@pytest.fixture
def index(server: ModelServer, tmp_path: Path) -> Iterator[MessageIndex]:
    index = open_index(tmp_path / "index.db", embedder_at(server))
    yield index
    index.close()


def computed(index: MessageIndex) -> int:
    """Compute all that can be; return in how many steps."""
    steps = 0
    while index.embed():
        steps += 1
    return steps


def found(index: MessageIndex, question: str = QUESTION) -> list[str]:
    return [hit.message.text for hit in index.search(question, 10**6)]


def vectors(path: Path) -> dict[int, tuple[float, bytes]]:
    """Return the vectors in the file, by position."""
    db = sqlite3.connect(path)
    rows = db.execute("SELECT number >> 12, scale, vector FROM vectors").fetchall()
    db.close()
    return {position: (scale, vector) for position, scale, vector in rows}


# What is found


def test_what_shares_no_word_with_the_question_is_found_by_its_meaning(index: MessageIndex) -> None:
    index.follow(history_of(TALK))
    assert found(index) == []
    computed(index)
    assert found(index)[0] == "We took in a puppy last spring"
    assert found(index, "What is the profession of this person?")[0] == "I earn my living as a baker"


def test_words_still_count(index: MessageIndex) -> None:
    index.follow(history_of([*TALK, "The dog of the neighbours is called Rex", "Good"]))
    computed(index)
    assert found(index, "How is the dog of the neighbours called?")[0] == "The dog of the neighbours is called Rex"


def test_nothing_at_or_after_the_given_position_is_found_by_its_meaning(index: MessageIndex) -> None:
    index.follow(history_of(TALK))
    computed(index)
    assert next(index.search(QUESTION, 14)).position == 12
    assert max(hit.position for hit in index.search("Whose profession?", 20)) < 20


def test_what_has_no_vector_yet_is_found_by_its_words(index: MessageIndex) -> None:
    index.follow(history_of([*TALK, "The keyboard is red", "Fine"]))
    index.embed()
    assert found(index, "Is the keyboard red?")[0] == "The keyboard is red"


def test_without_an_embedder_nothing_changes(index: MessageIndex, tmp_path: Path) -> None:
    by_words = open_index(tmp_path / "words.db")
    for one in (index, by_words):
        one.follow(history_of(TALK))
    assert not by_words.embed()
    question = "What about topic3 and the puppy?"
    assert list(index.search(question, 99)) == list(by_words.search(question, 99))
    assert list(index.search(question, 99)) != []
    by_words.close()


# When the endpoint is asked


def test_nothing_is_asked_before_there_are_vectors(server: ModelServer, index: MessageIndex) -> None:
    index.follow(history_of(TALK))
    found(index)
    assert server.requests == []


def test_messages_go_out_in_batches_oldest_first_and_only_once(server: ModelServer, index: MessageIndex) -> None:
    index.follow(history_of(TALK[:25]))
    assert computed(index) == 3
    index.follow(history_of(TALK))
    computed(index)
    asked = [asked["input"] for asked in server.embeddings]
    assert [len(batch) for batch in asked] == [BATCH, BATCH, 5, 3]
    assert [text for batch in asked for text in batch] == TALK


def test_who_speaks_is_part_of_what_is_meant(server: ModelServer, index: MessageIndex) -> None:
    index.follow(history_of(["Hello"], name="Anna"))
    computed(index)
    assert server.embeddings[0]["input"] == ["Anna: Hello"]


def test_a_question_is_asked_once(server: ModelServer, index: MessageIndex) -> None:
    index.follow(history_of(TALK))
    computed(index)
    before = len(server.embeddings)
    assert found(index) == found(index)
    assert len(server.embeddings) == before + 1
    assert found(index, " ") == []
    assert len(server.embeddings) == before + 1


# The vectors follow the history


def test_what_is_no_longer_of_the_history_loses_its_vector(
    server: ModelServer, index: MessageIndex, tmp_path: Path
) -> None:
    index.follow(history_of(TALK))
    computed(index)
    changed = [*TALK[:12], "My pet rat eats my lunch", "Oh"]
    index.follow(history_of(changed))
    assert sorted(vectors(tmp_path / "index.db")) == list(range(12))
    computed(index)
    assert server.embeddings[-1]["input"] == changed[12:]
    assert found(index)[0] == "My pet rat eats my lunch"


def test_another_history_loses_all(server: ModelServer, index: MessageIndex, tmp_path: Path) -> None:
    index.follow(history_of(TALK))
    computed(index)
    index.follow(history_of(["Something else"]))
    assert vectors(tmp_path / "index.db") == {}


def test_another_model_begins_anew(server: ModelServer, index: MessageIndex, tmp_path: Path) -> None:
    index.follow(history_of(TALK))
    computed(index)
    server.embeds = lambda body: embedded(meaning(text)[::-1] for text in body["input"])
    other = open_index(tmp_path / "index.db", embedder_at(server, "another"))
    assert found(other) == []
    computed(other)
    assert found(other)[0] == "We took in a puppy last spring"
    assert len(vectors(tmp_path / "index.db")) == len(TALK)
    other.close()


def test_vectors_of_another_length_are_said_and_begun_anew(
    server: ModelServer, index: MessageIndex, tmp_path: Path
) -> None:
    index.follow(history_of(TALK))
    index.embed()
    server.embeds = lambda body: embedded(meaning(text, size=6) for text in body["input"])
    assert not index.embed()
    assert "another length" in index.news[0]
    assert vectors(tmp_path / "index.db") == {}
    again = open_index(tmp_path / "index.db", embedder_at(server))
    computed(again)
    assert {len(vector) for _, vector in vectors(tmp_path / "index.db").values()} == {6}
    assert found(again)[0] == "We took in a puppy last spring"
    again.close()


def test_a_damaged_vector_costs_the_index_not_the_chat(index: MessageIndex, tmp_path: Path) -> None:
    index.follow(history_of(TALK))
    computed(index)
    db = sqlite3.connect(tmp_path / "index.db")
    db.execute("UPDATE vectors SET vector = 'no' WHERE number = 0")
    db.commit()
    db.close()
    assert found(index) == []
    assert "built anew" in index.news[0]
    index.follow(history_of(TALK))
    computed(index)
    assert found(index)[0] == "We took in a puppy last spring"


def test_two_at_once_do_not_harm_each_other(server: ModelServer, index: MessageIndex, tmp_path: Path) -> None:
    index.follow(history_of(TALK * 4))
    other = open_index(tmp_path / "index.db", embedder_at(server))
    at_work = Thread(target=computed, args=(other,))
    at_work.start()
    computed(index)
    at_work.join()
    assert sorted(vectors(tmp_path / "index.db")) == list(range(len(TALK) * 4))
    assert index.news == other.news == []
    other.close()


_KILLED = """
import sys
from pathlib import Path
from tests.unit.test_recall_vectors import computed, embedder_at, open_index
class At: url = sys.argv[2]
index = open_index(Path(sys.argv[1]), embedder_at(At))
computed(index)
"""


def test_a_process_killed_at_work_leaves_whole_vectors(
    server: ModelServer, index: MessageIndex, tmp_path: Path
) -> None:
    index.follow(history_of(filler(400)))
    expected = 0
    for kill in range(4):
        child = subprocess.Popen([sys.executable, "-c", _KILLED, str(tmp_path / "index.db"), server.url])
        server.wait_requests(len(server.requests) + 2 + kill)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        kept = sorted(vectors(tmp_path / "index.db"))
        assert kept == list(range(len(kept)))
        assert len(kept) >= expected
        expected = len(kept)
    computed(index)
    assert sorted(vectors(tmp_path / "index.db")) == list(range(400))


# What goes wrong


@pytest.mark.parametrize("answer", [BAD_KEY, BROKEN, refusal(404, "Not Found"), Whole(200, b"<html>")])
def test_an_endpoint_that_fails_is_said_once_and_left_alone_for_a_while(
    server: ModelServer, index: MessageIndex, embedder: Embedder, answer: Answer
) -> None:
    index.follow(history_of(TALK))
    clock, words = Clock(), found(index, "topic3")
    failing = Vectors(index.file, embedder, clock)
    server.embeds = lambda body: answer
    for pause in (*PAUSES, PAUSES[-1]):
        before = len(server.requests)
        assert not failing.compute()
        assert not failing.compute()
        assert failing.nearness("topic3") is None
        assert len(server.requests) == before + 1
        clock.now += pause
    assert len(index.news) == 1
    assert index.news[0].startswith("recall goes by words alone: ")
    assert "sk-secret" not in index.news[0]
    assert found(index, "topic3") == words != []


def test_an_endpoint_that_is_back_is_asked_again(server: ModelServer, index: MessageIndex, embedder: Embedder) -> None:
    index.follow(history_of(TALK))
    clock = Clock()
    vectors = Vectors(index.file, embedder, clock)
    assert vectors.compute()
    server.embeds = lambda body: BROKEN
    assert vectors.nearness(QUESTION) is None
    server.embeds = by_meaning
    assert vectors.nearness(QUESTION) is None
    clock.now += PAUSES[0]
    assert vectors.nearness(QUESTION) is not None
    server.embeds = lambda body: BROKEN
    assert vectors.nearness("another") is None
    assert len(index.news) == 2


def test_a_question_waits_a_moment_for_an_endpoint_that_never_answers_and_the_next_one_not_at_all(
    server: ModelServer, index: MessageIndex
) -> None:
    index.follow(history_of(TALK))
    computed(index)
    server.embeds = lambda body: Silence()
    begun = monotonic()
    found(index, "topic3")
    first = monotonic()
    assert found(index, "topic4")[0] == TALK[4]
    assert first - begun < 4
    assert monotonic() - first < 0.5
    assert "no vectors within 1.5 s" in index.news[0]


def test_an_endpoint_too_slow_for_questions_still_computes(
    server: ModelServer, index: MessageIndex, embedder: Embedder
) -> None:
    index.follow(history_of(TALK))
    vectors = Vectors(index.file, embedder, Clock())
    assert vectors.compute()
    server.embeds = lambda body: BROKEN
    vectors.nearness(QUESTION)
    server.embeds = by_meaning
    assert vectors.compute()


def test_a_text_that_is_refused_is_left_out(server: ModelServer, index: MessageIndex, tmp_path: Path) -> None:
    def inspect(body: Body) -> Answer:
        return FILTERED if any("topic7 " in text for text in body["input"]) else by_meaning(body)

    index.follow(history_of(TALK))
    index.embed()
    server.embeds = inspect
    index.follow(history_of([*TALK, *filler(12)]))
    computed(index)
    kept = vectors(tmp_path / "index.db")
    assert sorted(kept) == list(range(len(TALK) + 12))
    assert [at for at, (scale, _) in kept.items() if not scale] == [14 + 7, len(TALK) + 7]
    assert index.news == []


def test_an_endpoint_that_refuses_everything_is_said(server: ModelServer, index: MessageIndex, tmp_path: Path) -> None:
    index.follow(history_of(TALK))
    server.embeds = lambda body: refusal(400, "this is a chat model")
    assert computed(index) == 0
    assert "this is a chat model" in index.news[0]
    server.embeds = by_meaning
    assert found(index) == []


def test_a_wrong_config_is_said_and_recall_goes_by_words(tmp_path: Path) -> None:
    def locate() -> ModelSettings:
        from chatcli.errors import UsageError

        raise UsageError("the model embed has no key: KEY is not set", "export KEY=…")

    index = open_index(tmp_path / "index.db", Embedder(locate))
    index.follow(history_of(TALK))
    assert computed(index) == 0
    assert index.news == ["recall goes by words alone: the model embed has no key: KEY is not set; export KEY=…"]
    assert found(index, "topic3")[0] == TALK[3]
    index.close()


def test_closing_breaks_off_what_is_asked(server: ModelServer, index: MessageIndex) -> None:
    index.follow(history_of(TALK))
    server.embeds = lambda body: Silence()
    ended = Event()
    Thread(target=lambda: (index.embed(), ended.set())).start()
    server.wait_requests(1)
    index.close()
    assert ended.wait(10)
    assert server.wait_disconnect()
    assert index.news == []


# Without numpy

_WITHOUT_NUMPY = """
import sys
from pathlib import Path
from tests.unit.test_recall_vectors import *
assert 'numpy' not in sys.modules
class At: url = sys.argv[2]
index = open_index(Path(sys.argv[1]), embedder_at(At))
print([(hit.position, round(hit.score, 3)) for hit in index.search(QUESTION, 10**6)])
"""


def without_numpy(tmp_path: Path, code: str, *arguments: str) -> str:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "numpy.py").write_text("raise ImportError('not here')")
    path = os.pathsep.join([str(folder), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    return done.stdout.strip()


def test_the_same_is_found_without_numpy(server: ModelServer, index: MessageIndex, tmp_path: Path) -> None:
    index.follow(history_of(TALK))
    computed(index)
    hits = [(hit.position, round(hit.score, 3)) for hit in index.search(QUESTION, 10**6)]
    assert without_numpy(tmp_path, _WITHOUT_NUMPY, str(tmp_path / "index.db"), server.url) == str(hits)


class Random256:
    """An embedder of vectors that mean nothing, 256 numbers each."""

    identity = "random"

    def embed(self, texts: Sequence[str], seconds: float) -> "list[array[float]]":
        return [unit(Random(text), 256) for text in texts]

    def close(self) -> None:
        pass


def unit(random: Random, size: int) -> "array[float]":
    numbers = [random.gauss(0, 1) for _ in range(size)]
    length = sum(number * number for number in numbers) ** 0.5
    return array("f", (number / length for number in numbers))


_ALL = """
from tests.unit.test_recall_vectors import *
file = large_file()
near = Vectors(file, Random256()).nearness("What was it?")
print(len(file.use(lambda db: near.scores(db, 10**9))))
"""


def large_file(units: int = 4000) -> IndexFile:
    """Return an index in memory with that many messages that have vectors."""
    index = open_index(None)
    index.follow(history_of(filler(units)))
    vectors = Vectors(index.file, Random256(), _batch=1000)
    while vectors.compute():
        pass
    return index.file


def test_four_thousand_messages_are_all_looked_at_without_numpy(tmp_path: Path) -> None:
    assert int(without_numpy(tmp_path, _ALL)) == 4000


_TOO_MANY = """
from tests.unit.test_recall_vectors import *
from chatcli.recall.nearness import MOST_PRODUCTS
file = large_file(MOST_PRODUCTS // 256 + 1)
near = Vectors(file, Random256()).nearness("What was it?")
some = [at << 12 for at in range(50)]
print(file.use(lambda db: near.scores(db, 10**9)), len(file.use(lambda db: near.among(db, some))))
"""


def test_with_too_many_for_that_only_candidates_are_looked_at(tmp_path: Path) -> None:
    assert without_numpy(tmp_path, _TOO_MANY) == "None 50"


@pytest.mark.parametrize("size", [1, 3, 256, 1024])
def test_what_is_kept_is_near_enough_to_what_was_given(size: int, tmp_path: Path) -> None:
    random = Random(size)
    given: dict[str, Any] = {}

    class Scripted(Random256):
        def embed(self, texts: Sequence[str], seconds: float) -> "list[array[float]]":
            return [given.setdefault(text, unit(random, size)) for text in texts]

    index = open_index(tmp_path / "index.db", Scripted())
    index.follow(history_of(filler(50)))
    computed(index)
    near = Vectors(index.file, Scripted()).nearness("the question")
    assert near is not None
    scores = index.file.use(lambda db: near.scores(db, 10**9)) or {}
    asked = given.pop("the question")
    cosines = [sum(map(float.__mul__, vector, asked)) for vector in given.values()]
    scale = max(map(abs, asked)) / 127
    for score, cosine in zip(scores.values(), cosines, strict=True):
        assert score * scale == pytest.approx(cosine, abs=0.02)
    index.close()
