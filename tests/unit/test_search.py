"""Full-text search over all sessions of a store."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatcli.authors import own_author
from chatcli.errors import UsageError
from chatcli.messages import Message
from chatcli.recall.segment import terms
from chatcli.render.hits import print_findings
from chatcli.search import forget_session, search_path
from chatcli.search.excerpt import excerpt, spans
from chatcli.search.find import Findings, Scope, find
from chatcli.search.index import Addition, Known, SearchIndex
from chatcli.search.query import parse
from chatcli.search.terms import cut, joined
from chatcli.stores import Watermark
from chatcli.stores.in_memory import InMemoryStore
from chatcli.stores.sqlite import SqliteStore


class CountingStore(InMemoryStore):
    """Counts the messages that were read."""

    read = 0

    def messages(self, session: str, start: int | None = None, stop: int | None = None) -> list[Message]:
        found = super().messages(session, start, stop)
        self.read += len(found)
        return found

    def snapshot(self, session: str, newest: int):  # type: ignore[no-untyped-def]
        found = super().snapshot(session, newest)
        self.read += len(found.newest)
        return found


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


@pytest.fixture
def index(tmp_path: Path) -> SearchIndex:
    return SearchIndex(search_path(tmp_path, "here"))


def say(store: InMemoryStore, session: str, *texts: str, time: float = 1e9) -> None:
    """Add messages, the user's and the assistant's in turn."""
    roles = ("user", "assistant")
    store.append(session, [Message(roles[at % 2], text, time=time) for at, text in enumerate(texts)])  # type: ignore[arg-type]


def looked_up(index: SearchIndex, store: InMemoryStore, query: str, scope: Scope | None = None) -> Findings:
    return find(index, store, query, 10, scope or Scope())


def found(index: SearchIndex, store: InMemoryStore, query: str, scope: Scope | None = None) -> list[tuple[str, int]]:
    """Return session and position of each hit."""
    return [(hit.session, hit.position) for hit in looked_up(index, store, query, scope).hits]


# What is found


def test_a_message_is_found_in_whatever_session_with_its_turn_speaker_and_time(
    store: CountingStore, index: SearchIndex
) -> None:
    say(store, "other", "nothing here", "no")
    say(store, "s", "one", "uno", "Where does the otter live?", "In Xi'an.", time=2e9)
    store.update("s", title="Animals")
    (hit,) = looked_up(index, store, "otter").hits
    assert (hit.session, hit.title, hit.turn, hit.position, hit.role, hit.time) == ("s", "Animals", 2, 2, "user", 2e9)
    (hit,) = looked_up(index, store, "xi'an").hits
    assert (hit.turn, hit.position, hit.role) == (2, 3, "assistant")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("optimise", "we optimised it"),
        ("went", "she goes there"),
        ("go", "they went"),
        ("CAFE", "in the Café"),
        ("café", "in a cafe"),
        ("首都", "中国的首都是北京"),
        ("中国首都", "中国首都是北京"),
        ("都", "中国首都"),
        ("京", "我在北京"),
        ("北京*", "我在北京住"),
        ("ＧＰＴ", "a gpt model"),
        ("GPT模型", "一个GPT模型很好"),
        ("模型GPT", "大模型GPT"),
        ("東京", "東京タワー"),
        ("고양이", "고양이가 잔다"),
        ("optimiz*", "an optimization"),
        ('"quick brown"', "the quick brown fox"),
        ("“quick brown”", "the quick brown fox"),
        ("foo-bar", "a foo-bar thing"),
        ("my_function", "call my_function()"),
        ("function", "call my_function()"),
        ("OpenFile", "use openfile here"),
        ("open", "use OpenFile here"),
        ("don't", "I don't know"),
        ("1,000", "exactly 1000 of them"),
        ("fox the", "the fox"),
        ('"不 是', "不是"),
    ],
)
def test_found(store: CountingStore, index: SearchIndex, query: str, text: str) -> None:
    say(store, "s", text, "x")
    say(store, "t", "something else", "一二三")
    result = looked_up(index, store, query)
    assert [(hit.session, hit.position) for hit in result.hits] == [("s", 0)]
    assert not result.loose
    assert result.hits[0].excerpt.matches, "what was looked for is marked"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ('"brown quick"', "the quick brown fox"),
        ('"optimise"', "we optimised it"),
        ("optimiz*", "an optimum"),
        ("国首", "中国 首都"),
        ("cat", "concatenate"),
        ('"猫 狗"', "猫"),
    ],
)
def test_not_found(store: CountingStore, index: SearchIndex, query: str, text: str) -> None:
    say(store, "s", text, "x")
    result = looked_up(index, store, query)
    assert result.loose or not result.hits


def test_where_no_message_has_all_the_words_those_with_some_are_found_the_telling_ones_first(
    store: CountingStore, index: SearchIndex
) -> None:
    say(store, "a", "the capital of the country", "it is big")
    say(store, "b", "the zebra", "the the the")
    for number in range(20):
        say(store, f"more{number}", "a capital idea", "and the rest")
    result = looked_up(index, store, "the zebra of the capital")
    assert result.loose
    assert (result.hits[0].session, result.hits[0].position) == ("b", 0)
    assert "rest" not in str([hit.excerpt.text for hit in result.hits]), "words that are everywhere find nothing"


def test_in_chinese_what_says_it_more_and_shorter_comes_first(store: CountingStore, index: SearchIndex) -> None:
    for number in range(30):
        say(store, f"n{number}", f"今天天气很好{number}", "是的，我们去公园走走")
    say(store, "long", "长安是古都，" + "这里还有很多别的话要说，" * 20, "好")
    say(store, "short", "长安是古都", "好")
    say(store, "twice", "长安，古称长安", "好")
    assert [session for session, _ in found(index, store, "长安")] == ["twice", "short", "long"]
    assert [session for session, _ in found(index, store, "长安 古都")] == ["short", "long"]


def test_who_wrote_what_was_found_is_told(index: SearchIndex, capsys: pytest.CaptureFixture[str]) -> None:
    store = InMemoryStore()
    for author in (own_author(), "bob\x1b[2J@lap", None):
        store.append("s", [Message("user", "an otter", author=author)])
    print_findings(looked_up(index, store, "otter"))
    told = [line.split(" · ")[2] for line in capsys.readouterr().out.splitlines() if "turn" in line]
    assert sorted(told) == ["bob␛[2J@lap", "user", "you"]


def test_of_equally_good_hits_the_newest_comes_first(store: CountingStore, index: SearchIndex) -> None:
    for number, session in enumerate(["b", "c", "a"]):
        say(store, session, "the otter", time=1e9 + number)
    assert [session for session, _ in found(index, store, "otter")] == ["a", "c", "b"]


def test_a_session_is_found_by_the_name_and_title_it_was_given_but_by_no_name_that_was_made_up(
    store: CountingStore, index: SearchIndex
) -> None:
    say(store, "JavaEdge", "hello", "hi")
    store.update("JavaEdge", title="西安的历史")
    say(store, "2026-11-21-1432-k3f9", "hello", "hi")
    for query in ("javaedge", "历史"):
        (hit,) = looked_up(index, store, query).hits
        assert (hit.session, hit.role, hit.turn) == ("JavaEdge", "title", 0)
    assert found(index, store, "1432") == []


def test_a_title_that_the_first_turn_gave_is_no_hit_beside_that_turn(store: CountingStore, index: SearchIndex) -> None:
    say(store, "s", "the otter\nand more", "yes")
    store.update("s", title="the otter")
    assert found(index, store, "otter") == [("s", 0)]


def test_one_session_alone(store: CountingStore, index: SearchIndex) -> None:
    say(store, "a", "otter", "x")
    say(store, "b", "otter", "x")
    assert found(index, store, "otter", Scope("b")) == [("b", 0)]
    assert len(found(index, store, "otter")) == 2


def test_what_others_wrote_is_found_when_it_is_asked_for_and_stays_known(
    store: CountingStore, index: SearchIndex
) -> None:
    class WithForeign(CountingStore):
        def foreign(self):  # type: ignore[no-untyped-def]
            yield from [one for one in super().sessions() if one.name == "theirs"]

        def sessions(self, limit=None, offset=0):  # type: ignore[no-untyped-def]
            return [one for one in super().sessions(limit, offset) if one.name != "theirs"]

    store = WithForeign()
    say(store, "theirs", "otter", "x")
    say(store, "ours", "otter", "x")
    assert {session for session, _ in found(index, store, "otter", Scope(foreign=True))} == {"ours", "theirs"}
    assert found(index, store, "otter") == [("ours", 0)]
    store.read = 0
    assert len(found(index, store, "otter", Scope(foreign=True))) == 2
    assert store.read == 2, "only the hits are read"


# Queries


@pytest.mark.parametrize("query", ["", " ", "!?", '""', "* *", '"', "🙂", "\x1b"])
def test_a_query_without_a_word_is_refused(query: str) -> None:
    with pytest.raises(UsageError):
        parse(query)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab京都中 \"“”*()^:+-{}~AND OR NOT NEAR/,.'_1٣é\ud800\x00"), max_size=40))
def test_no_query_is_an_error_to_sqlite_and_what_matches_is_marked(query: str) -> None:
    store, index = InMemoryStore(), SearchIndex(None)
    say(store, "s", query, "a b 京都 and or not near")
    try:
        result = find(index, store, query, 10, Scope())
    except UsageError:
        return
    assert not index.news, "the index was not thrown away"
    assert all(hit.excerpt.matches for hit in result.hits)


def test_a_query_of_a_hundred_thousand_characters_is_looked_for(store: CountingStore, index: SearchIndex) -> None:
    say(store, "s", "the otter", "x")
    assert found(index, store, "otter " + "word " * 20_000) == [("s", 0)]
    assert found(index, store, "otter " + " ".join(f"w{number}" for number in range(20_000))) == [("s", 0)]
    assert found(index, store, "京都" * 50_000) == []


@given(st.text(max_size=60))
@example("¼aA")
@example("ｶﾞﾊﾟ㌔ﾞ")
def test_what_is_indexed_is_what_is_looked_for(text: str) -> None:
    assert joined(text).split(" ") == ([term.term for term in cut(text)] or [""])
    assert all(0 <= term.start < term.end <= len(text) for term in cut(text))
    assert bool(joined(text)) == bool(terms(text))


# How the index follows


def test_later_searches_read_only_what_is_new(store: CountingStore, index: SearchIndex) -> None:
    for number in range(50):
        say(store, f"s{number}", *["one", "two"] * 20)
    say(store, "s7", "an otter", "x")
    assert found(index, store, "otter") == [("s7", 40)]
    store.read = 0
    assert found(index, store, "otter") == [("s7", 40)]
    assert store.read == 1, "the hit"
    say(store, "s8", "another otter", "x")
    store.read = 0
    assert len(found(index, store, "otter")) == 2
    assert store.read < 50


def test_a_long_session_is_taken_in_in_pieces_with_the_right_turns(store: CountingStore, index: SearchIndex) -> None:
    say(store, "s", *["word", "answer"] * 1200, "the otter", "yes")
    (hit,) = looked_up(index, store, "otter").hits
    assert (hit.position, hit.turn) == (2400, 1201)


def test_what_was_taken_back_is_found_no_more_and_what_came_instead_is(
    store: CountingStore, index: SearchIndex
) -> None:
    say(store, "s", "one", "1", "two", "2", "the otter", "3")
    assert found(index, store, "otter") == [("s", 4)]
    store.append("s", [Message("user", "the badger"), Message("assistant", "4")], at=2)
    assert found(index, store, "otter") == []
    (hit,) = looked_up(index, store, "badger").hits
    assert (hit.position, hit.turn) == (2, 2)


def test_what_was_deleted_emptied_or_renamed_elsewhere_is_found_no_more(
    store: CountingStore, index: SearchIndex
) -> None:
    for session in ("a", "b", "c"):
        say(store, session, "otter", "x")
    assert len(found(index, store, "otter")) == 3
    store.delete("a")
    store.clear("b")
    store.rename("c", "d")
    assert found(index, store, "otter") == [("d", 0)]


def test_a_history_that_changed_though_it_does_not_look_so_is_read_again(
    store: CountingStore, index: SearchIndex
) -> None:
    clock = iter([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    store = CountingStore(clock=lambda: next(clock))
    say(store, "s", "otter", "end")
    assert found(index, store, "otter") == [("s", 0)]
    store.clear("s")
    say(store, "s", "badger", "end")
    assert found(index, store, "otter") == []
    assert found(index, store, "badger") == [("s", 0)]


def test_two_searches_at_once_take_in_each_message_once(store: CountingStore, tmp_path: Path) -> None:
    say(store, "s", "otter", "x")
    one, other = (SearchIndex(search_path(tmp_path, "here")) for _ in range(2))
    assert found(one, store, "otter") == found(other, store, "otter") == [("s", 0)]
    say(store, "s", "otter", "x")
    assert found(one, store, "otter") == found(other, store, "otter")
    assert len(found(other, store, "otter")) == 2


def test_what_another_process_took_in_meanwhile_is_not_taken_out_by_a_slower_one(
    store: CountingStore, index: SearchIndex
) -> None:
    say(store, "s", "otter", "x")
    slow = Addition("s", index.known("s"), 0, [], Known(1e9, 0, False, Watermark(0), 0))
    assert found(index, store, "otter") == [("s", 0)]
    known = index.known("s")
    index.add([slow])
    assert index.known("s") == known
    store.read = 0
    assert found(index, store, "otter") == [("s", 0)]
    assert store.read == 1, "the hit"


def test_a_search_that_is_interrupted_leaves_nothing_half_known(store: CountingStore, tmp_path: Path) -> None:
    say(store, "s", *["word", "answer"] * 600)
    index = SearchIndex(search_path(tmp_path, "here"))

    class Interrupted(Exception):
        pass

    class Stopping(CountingStore):
        def messages(self, session, start=None, stop=None):  # type: ignore[no-untyped-def]
            if start == 500:
                raise Interrupted
            return store.messages(session, start, stop)

        sessions, snapshot = store.sessions, store.snapshot

    with pytest.raises(Interrupted):
        found(index, Stopping(), "word")
    assert looked_up(index, store, "word").hits


# The file


def test_the_file_is_for_its_owner_alone_and_tells_no_address(store: CountingStore, tmp_path: Path) -> None:
    path = search_path(tmp_path, "redis://secret-host/0")
    index = SearchIndex(path)
    say(store, "s", "otter", "x")
    found(index, store, "otter")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "secret" not in str(path)


@pytest.mark.parametrize("damage", ["nonsense", "newer", "another program's"])
def test_a_file_that_cannot_be_used_is_built_anew_with_one_line(
    store: CountingStore, tmp_path: Path, damage: str
) -> None:
    path = search_path(tmp_path, "here")
    path.parent.mkdir(parents=True)
    if damage == "nonsense":
        path.write_bytes(b"nonsense" * 1000)
    else:
        db = sqlite3.connect(path)
        db.execute("CREATE TABLE other (x)")
        db.execute(f"PRAGMA user_version = {99 if damage == 'newer' else 0}")
        db.commit()
        db.close()
    say(store, "s", "otter", "x")
    index = SearchIndex(path)
    assert found(index, store, "otter") == [("s", 0)]
    assert len(index.news) == 1
    assert "built anew" in index.news[0]


COLUMNS = [("sessions", column) for column in ("used", "messages", "foreigner", "position", "fingerprint", "turns")]
COLUMNS += [("units", column) for column in ("session", "position", "turn", "role", "time", "fingerprint")]
ODD = ("'soon'", "x'ff'", "CAST(x'ff' AS TEXT)", "1e300", "-1", "4611686018427387904", "char(27) || ']52;c;x'", "1.5")


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_whatever_stands_in_the_file_what_is_found_was_said_and_a_new_file_has_all(
    store: CountingStore, tmp_path: Path, table: str, column: str
) -> None:
    say(store, "s", "otter", "beaver")
    say(store, "t", "weasel", "otter")
    for number, odd in enumerate(ODD):
        path = tmp_path / f"{number}.db"
        with closing(SearchIndex(path)) as index:
            whole = looked_up(index, store, "otter")
        with closing(sqlite3.connect(path)) as db:
            db.execute(f"UPDATE {table} SET {column} = {odd}")
            db.commit()
        with closing(SearchIndex(path)) as index:
            again = looked_up(index, store, "otter")
            places = {(hit.session, hit.position, hit.role, hit.excerpt.text) for hit in again.hits}
            assert places <= {("s", 0, "user", "otter"), ("t", 1, "assistant", "otter")}, odd
            assert again == whole or not index.news, odd
            assert len(index.news) <= 1


def test_a_file_that_is_damaged_again_in_the_same_way_is_built_anew_again(store: CountingStore, tmp_path: Path) -> None:
    path = search_path(tmp_path, "here")
    say(store, "s", "otter", "x")
    with closing(SearchIndex(path)) as index:
        assert found(index, store, "otter") == [("s", 0)]
        for _ in range(2):
            with closing(sqlite3.connect(path)) as db:
                db.execute("UPDATE units SET role = 'nobody'")
                db.commit()
            assert found(index, store, "otter") == [("s", 0)]


def test_an_index_that_was_removed_under_an_open_one_is_built_anew(store: CountingStore, tmp_path: Path) -> None:
    path = search_path(tmp_path, "here")
    index = SearchIndex(path)
    say(store, "s", "otter", "x")
    found(index, store, "otter")
    path.unlink()
    assert found(index, store, "otter") == [("s", 0)]


# Looked for without its beginning: FTS5 leaves out of a term what the one before begins with, too.


def test_of_a_session_that_is_forgotten_no_byte_stays(store: CountingStore, tmp_path: Path) -> None:
    path = search_path(tmp_path, "here")
    for number in range(300):
        say(store, f"s{number}", f"word{number} and more of it", "xylophonist" if number == 150 else "x")
    index = SearchIndex(path)
    assert found(index, store, "xylophonist") == [("s150", 1)]
    index.close()
    assert b"lophonist" in path.read_bytes()
    forget_session(path, "s150")
    for file in path.parent.iterdir():
        assert b"lophonist" not in file.read_bytes()
    store.delete("s150")
    store.read = 0
    assert found(SearchIndex(path), store, "word7") == [("s7", 0)]
    assert store.read == 1, "the others are still known"


def test_of_a_session_that_is_forgotten_no_byte_stays_beside_the_file_that_another_process_has_open(
    store: CountingStore, tmp_path: Path
) -> None:
    path = search_path(tmp_path, "here")
    say(store, "s", "xylophonist", "x")
    with closing(SearchIndex(path)) as index:
        assert found(index, store, "xylophonist") == [("s", 0)]
        forget_session(path, "s")
        assert [file.name for file in path.parent.iterdir() if b"lophonist" in file.read_bytes()] == []


@pytest.mark.parametrize("how", ["deleted", "emptied", "begun anew", "renamed and deleted"])
def test_of_a_session_that_went_elsewhere_no_byte_stays_after_the_next_search(
    store: CountingStore, tmp_path: Path, how: str
) -> None:
    path = search_path(tmp_path, "here")
    for number in range(300):
        say(store, f"s{number}", f"word{number} and more of it", "xylophonist" if number == 150 else "x")
    with closing(SearchIndex(path)) as index:
        assert found(index, store, "xylophonist") == [("s150", 1)]
        if how == "renamed and deleted":
            store.rename("s150", "other")
        if how in ("emptied", "begun anew"):
            store.clear("s150")
        else:
            store.delete("other" if "renamed" in how else "s150")
        if how == "begun anew":
            say(store, "s150", "another", "and on")
        assert found(index, store, "word7") == [("s7", 0)]
        assert [file.name for file in path.parent.iterdir() if b"lophonist" in file.read_bytes()] == []


def test_an_index_that_another_process_writes_is_removed_rather_than_left_with_what_must_go(
    store: CountingStore, tmp_path: Path
) -> None:
    path = search_path(tmp_path, "here")
    say(store, "s", "xylophonist", "x")
    index = SearchIndex(path)
    found(index, store, "xylophonist")
    index.close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    forget_session(path, "s")
    assert not path.exists()
    other.close()


def test_forgetting_makes_no_file(tmp_path: Path) -> None:
    forget_session(search_path(tmp_path, "here"), "s")
    assert list(tmp_path.iterdir()) == []


# Excerpts


def test_an_excerpt_shows_where_most_of_what_was_looked_for_is_and_begins_at_a_word() -> None:
    text = "otter " + "filler " * 50 + "the otter met a badger near the river " + "filler " * 50
    part = excerpt(text, parse("otter badger"), 60)
    assert [part.text[start:end] for start, end in part.matches] == ["otter", "badger"]
    assert part.more_before
    assert part.more_after
    assert part.text.startswith("filler ")
    assert len(part.text) <= 60


def test_an_excerpt_is_one_line_with_each_character_where_it_was() -> None:
    part = excerpt("a\n\totter\r\nb", parse("otter"), 60)
    assert (part.text, part.matches) == ("a  otter  b", ((3, 8),))


@pytest.mark.parametrize(
    ("query", "text", "marked"),
    [
        ("首都", "中国的首都是北京", ["首都"]),
        ("都", "首都都市", ["都", "都"]),
        ("中国首都", "在中国首都。", ["中国首都"]),
        ("opt*", "Options, adopt", ["Options"]),
        ("file", "OpenFile", ["File"]),
        ("go", "he went", ["went"]),
    ],
)
def test_the_very_characters_are_marked(query: str, text: str, marked: list[str]) -> None:
    assert [text[start:end] for start, end in spans(text, parse(query))] == marked


def test_a_store_in_a_file_is_searched_as_well(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    store.append("s", [Message("user", "the otter"), Message("assistant", "yes")])
    hits = find(SearchIndex(None), store, "otter", 5, Scope()).hits
    assert [(hit.session, hit.position) for hit in hits] == [("s", 0)]
    store.close()
