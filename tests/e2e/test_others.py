"""One session open in two terminals, or in a terminal and a LangChain program: each sees what the other writes."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event

import pytest
from redis import Redis

from chatcli.stores import Store
from chatcli.stores.address import open_store
from tests.e2e.conftest import User, leave
from tests.redis_server import RedisServer, free_port, running
from tests.terminal import PATIENCE, Terminal

ANNA, BOB = "anna@desk", "bob@lap"


@dataclass
class Shared:
    """A store that two terminals have open."""

    user: User
    address: str

    def chat(self, author: str = ANNA, cols: int = 80, session: str = "s", **env: str) -> Terminal:
        return self.user.chat("-s", session, "--store", self.address, cols=cols, CHATCLI_AUTHOR=author, **env)

    @contextmanager
    def two(self) -> Iterator[tuple[Terminal, Terminal]]:
        with self.chat(ANNA) as anna, self.chat(BOB) as bob:
            anna.wait_for("you>")
            bob.wait_for("you>")
            yield anna, bob

    @contextmanager
    def store(self) -> Iterator[Store]:
        opened = open_store(self.address, data_folder=self.user.home)
        try:
            yield opened
        finally:
            opened.close()

    def said(self, session: str = "s") -> list[str]:
        with self.store() as opened:
            return [message.text for message in opened.messages(session)]


@pytest.fixture(params=["sqlite", "redis"])
def shared(request: pytest.FixtureRequest, user: User) -> Iterator[Shared]:
    if request.param == "sqlite":
        yield Shared(user, f"sqlite:///{user.home}/shared.db")
    else:
        with running() as server:
            yield Shared(user, server.url)


def line_of(term: Terminal) -> str:
    """Return what stands in the line that is edited: above the toolbar."""
    return next((line for line in reversed(term.screen_lines()[:-1]) if line), "")


def shows(term: Terminal, *lines: str) -> None:
    """Wait until these lines stand there, one below the other, above the prompt."""
    wanted = "\n".join(lines)
    term.wait(lambda t: wanted in t.text() and line_of(t).startswith("you>"), what=repr(wanted))


def is_answered(term: Terminal, text: str) -> None:
    """Send a text, and wait until its turn is in the store: the prompt is back."""
    term.enter(text)
    term.wait(lambda t: f": {text}" in t.text() and line_of(t) == "you>", what=f"the answer to {text!r}")


def test_each_sees_the_others_turns_above_its_prompt_with_who_wrote_them(shared: Shared) -> None:
    with shared.two() as (anna, bob):
        bob.enter("What is new?")
        shows(bob, "you> What is new?", "Turn 1: What is new?", "", "you>")
        shows(anna, f"{BOB}> What is new?", "Turn 1: What is new?", "", "you>")
        anna.enter("Nothing")
        shows(anna, "you> Nothing", "Turn 2: Nothing", "", "you>")
        shows(bob, f"{ANNA}> Nothing", "Turn 2: Nothing", "", "you>")
        assert shared.said() == ["What is new?", "Turn 1: What is new?", "Nothing", "Turn 2: Nothing"]
        bob.enter("/undo")
        shows(bob, f"took back 1 turn of {ANNA}: Nothing; /redo brings it back", "you>")
        leave(anna)
        leave(bob)


def test_what_is_being_typed_stays_as_it_is_cursor_and_all(shared: Shared) -> None:
    with shared.two() as (anna, bob):
        anna.send("half 半 a li")
        anna.wait_for("half 半 a li")
        anna.key("left", "left", "left")
        anna.wait(lambda t: t.cursor[1] == 14)
        bob.enter("Hello")
        shows(anna, f"{BOB}> Hello", "Turn 1: Hello", "", "you> half 半 a li")
        anna.wait(lambda t: t.screen_lines()[t.cursor[0]] == "you> half 半 a li" and t.cursor[1] == 14)
        anna.send("ny")
        anna.wait_for("you> half 半 any li")
        anna.key("end")
        anna.enter("ne")
        anna.wait_for("Turn 2: half 半 any line")
        leave(anna)
        leave(bob)


def test_a_langchain_program_is_seen_message_by_message(user: User, redis_server: RedisServer) -> None:
    from langchain_community.chat_message_histories import RedisChatMessageHistory

    theirs = RedisChatMessageHistory("langchain", url=redis_server.url)
    with Shared(user, redis_server.url).chat(session="langchain") as term:
        term.wait_for("you>")
        theirs.add_user_message("中国建都时间最长的城市是哪个?")
        shows(term, "user> 中国建都时间最长的城市是哪个?", "you>")
        theirs.add_ai_message("西安")
        shows(term, "user> 中国建都时间最长的城市是哪个?", "西安", "", "you>")
        is_answered(term, "它有多少年建都历史?")  # else that turn comes into the history when this is cleared
        theirs.clear()
        shows(term, "this session was emptied elsewhere", "you>")
        leave(term)
    asked = user.server.chats[0].texts[-3:]
    assert asked == [
        ("user", "中国建都时间最长的城市是哪个?"),
        ("assistant", "西安"),
        ("user", "它有多少年建都历史?"),
    ]


def test_others_wait_until_an_own_reply_has_ended(shared: Shared) -> None:
    gate = Event()
    with shared.two() as (anna, bob):
        shared.user.server.replies("My reply", gate, " ends")
        anna.enter("Slowly")
        anna.wait_for("My reply")
        bob.enter("Quickly")
        bob.wait_for("anna@desk is being answered; your turn does not see that reply")
        shows(bob, "Turn 1: Quickly", "", "you>")
        assert "Quickly" not in anna.text()
        gate.set()
        shows(anna, "My reply ends", "", f"{BOB}> Quickly", "Turn 1: Quickly", "", "you>")
        shows(bob, f"{ANNA}> Slowly", "My reply ends", "", "you>")
        leave(anna)
        leave(bob)
    assert shared.said() == ["Quickly", "Turn 1: Quickly", "Slowly", "My reply ends"]


def test_what_is_taken_back_replaced_and_emptied_in_one_is_said_in_the_other(shared: Shared) -> None:
    with shared.two() as (anna, bob):
        for text in ("one", "two"):
            is_answered(bob, text)
        shows(anna, f"{BOB}> two", "Turn 2: two", "", "you>")
        bob.enter("/undo")
        shows(anna, "the last turn was taken back elsewhere", "you>")
        shows(bob, "took back 1 turn: two; /redo brings it back", "you>")
        shared.user.server.replies("otherwise")
        bob.enter("/retry")
        shows(anna, "the last reply was replaced elsewhere", "otherwise", "", "you>")
        bob.enter("/clear")
        bob.wait_for("[y/N]")
        bob.enter("y")
        shows(bob, "emptied s: 2 messages removed, its settings kept. /cls clears the screen")
        shows(anna, f"this session was emptied by {BOB}", "you>")
        anna.enter("Anew")
        shows(anna, "you> Anew", "Turn 1: Anew", "", "you>")
        assert "nothing of this session" not in anna.text(), "it was said when it happened"
        leave(anna)
        leave(bob)


def test_a_session_that_is_deleted_elsewhere_is_said_at_once(shared: Shared) -> None:
    with shared.two() as (anna, bob):
        bob.enter("Hello")
        shows(anna, f"{BOB}> Hello", "Turn 1: Hello", "", "you>")
        leave(bob)
        assert shared.user.run("sessions", "delete", "s", "-y", "--store", shared.address).returncode == 0
        shows(
            anna,
            "this session is not in the store now: it was deleted or renamed elsewhere, or",
            "the store lost it; what you send next begins it anew",
            "you>",
        )
        leave(anna)


def test_what_was_confirmed_for_other_messages_is_not_done(shared: Shared) -> None:
    with shared.two() as (anna, bob):
        anna.enter("one")
        shows(bob, f"{ANNA}> one", "Turn 1: one", "", "you>")
        anna.enter("/clear")
        anna.wait_for("(2 messages)? This cannot be undone. [y/N]")
        is_answered(bob, "two")
        anna.enter("y")
        anna.wait_for("was changed meanwhile: it has 4 messages, not 2")
        shows(anna, f"{BOB}> two", "Turn 2: two", "", "you>")
        leave(anna)
        leave(bob)
    assert len(shared.said()) == 4


def test_a_reply_that_was_asked_for_again_while_others_went_on_stands_at_the_end(shared: Shared) -> None:
    gate = Event()
    with shared.two() as (anna, bob):
        anna.enter("one")
        shows(bob, f"{ANNA}> one", "Turn 1: one", "", "you>")
        shared.user.server.replies("again", gate, ".")
        anna.enter("/retry")
        anna.wait_for("again")
        is_answered(bob, "two")
        gate.set()
        anna.wait_for("others went on meanwhile")
        shows(anna, f"{BOB}> two", "Turn 2: two", "", "you>")
        leave(anna)
        leave(bob)
    assert shared.said() == ["one", "Turn 1: one", "two", "Turn 2: two", "one", "again."]


def test_twenty_turns_back_and_forth_are_seen_once_each_in_both(shared: Shared) -> None:
    asked, answered = (
        re.compile(form, re.MULTILINE) for form in (r"^(?:you|\S+@\S+)> word(\d+)$", r"^Turn \d+: word(\d+)$")
    )
    with shared.two() as terminals:
        for number in range(20):
            is_answered(terminals[number % 2], f"word{number}")
        for term in terminals:
            term.wait(lambda t: len(set(answered.findall(t.text()))) == 20 and line_of(t) == "you>", what="all of it")
            leave(term)
            for form in (asked, answered):
                assert sorted(map(int, form.findall(term.text()))) == list(range(20))
    assert len(shared.said()) == 40


def test_many_messages_are_counted_and_long_ones_cut(shared: Shared) -> None:
    from chatcli.messages import Message

    with shared.chat(cols=40) as term, shared.store() as store:
        term.wait_for("you>")
        store.append("s", [Message("user", f"import {number}") for number in range(5_000)])
        shows(term, "5,000 messages came from elsewhere;", "/history shows them", "you>")
        store.append("s", [Message("user", "short"), Message("assistant", "\n\n".join(map(str, range(200))))])
        shows(term, "user> short", "0")
        shows(term, "… 359 more lines; /history shows them", "", "you>")
        leave(term)


def test_what_comes_from_others_cannot_reach_the_terminal(shared: Shared) -> None:
    from chatcli.messages import Message

    evil = "\x1b]52;c;aGk=\x07\x9b31m\u202e"
    with shared.chat(cols=40) as term, shared.store() as store:
        term.wait_for("you>")
        store.append("s", [Message("user", f"a{evil}z", author=f"x{evil}\ny"), Message("assistant", f"b{evil}z")])
        store.append("s", [Message("tool", f"c{evil}z"), Message("assistant", "the end")])
        shows(term, "the end", "", "you>")
        leave(term)
        assert b"\x1b]52" not in term.raw
        assert "\x9b".encode() not in term.raw
        assert "\u202e" not in term.text()


def test_a_store_that_is_away_is_not_spoken_of_and_followed_again_when_it_is_back(user: User) -> None:
    port = free_port()
    with running(port=port) as first:
        shared = Shared(user, first.url)
        with shared.chat() as term:
            term.wait_for("you>")
            term.send("typed")
            first.process.terminate()
            first.process.wait()
            with running(port=port), shared.store() as store:
                from chatcli.messages import Message

                term.send(" on")
                store.append("s", [Message("user", "Back", author=BOB)])
                term.wait(lambda t: f"{BOB}> Back" in t.text(), timeout=2 * PATIENCE)
                shows(term, f"{BOB}> Back", "you> typed on")
                assert "error" not in term.text()
                term.key("c-c")
                leave(term)


@pytest.mark.parametrize("off", [{"CHATCLI_LIVE": "0"}, {"CHATCLI_STORE": "memory:"}], ids=["live = false", "memory"])
def test_nobody_looks_where_nobody_is_to_see_it(user: User, off: dict[str, str]) -> None:
    with user.chatting("-s", "s", CHATCLI_AUTHOR=ANNA, **off) as term:
        term.enter("Hello")
        term.wait_for("Turn 1: Hello")
        if "CHATCLI_LIVE" in off:
            assert user.run("ask", "-s", "s", "from elsewhere").returncode == 0
            term.enter("Then")
            term.wait_for("Turn 3: Then")
            assert "from elsewhere" not in term.text()


def test_a_terminal_that_cannot_draw_is_told_before_its_next_prompt(user: User) -> None:
    with running() as server, Redis.from_url(server.url) as redis:
        shared = Shared(user, server.url)
        with shared.chat(TERM="dumb") as term:
            term.wait_for("you>")
            asked = user.run("ask", "-s", "s", "--store", shared.address, "# Hi", env={"CHATCLI_AUTHOR": BOB})
            assert asked.returncode == 0
            looks = reads(redis)
            term.wait(lambda _: reads(redis) >= looks + 6)  # the one that sees it makes three at most
            term.enter("word")
            term.wait(lambda t: ": word" in t.text() and t.text().endswith("\nyou>"))
            assert term.text().endswith(f"Turn 2: word\n\n{BOB}> # Hi\nTurn 1: # Hi\n\nyou>")
            assert b"\x1b" not in term.raw
            leave(term)


def reads(redis: Redis) -> int:
    """Return how often somebody read messages."""
    return int(redis.info("commandstats")["cmdstat_lrange"]["calls"])


def test_who_wrote_it_is_kept_shown_to_others_exported_and_never_sent(shared: Shared) -> None:
    store = ["--store", shared.address]
    run = shared.user.run
    for author in (ANNA, BOB):
        env = {"CHATCLI_AUTHOR": author}
        assert run("ask", "-s", "s", *store, f"from {author}", env=env).returncode == 0
    shown = run("history", "show", "-s", "s", *store, env={"CHATCLI_AUTHOR": ANNA}).stdout
    assert re.search(r"^you \(turn 1", shown, re.MULTILINE)
    assert re.search(rf"^{BOB} \(turn 2", shown, re.MULTILINE)
    assert '"author": "bob@lap"' in run("history", "show", "-s", "s", *store, "--json").stdout
    assert f"## {BOB} (turn 2" in run("history", "export", "-s", "s", *store, env={"CHATCLI_AUTHOR": ANNA}).stdout
    exported = run("history", "export", "-s", "s", *store, "--format", "json").stdout
    (shared.user.home / "s.json").write_text(exported, "utf-8")
    assert run("history", "import", "s.json", "-s", "copy", *store).returncode == 0
    with shared.store() as opened:
        for session in ("s", "copy"):
            assert [m.author for m in opened.messages(session)] == [ANNA, None, BOB, None]
    assert "anna" not in str(
        [message for sent in shared.user.server.chats for message in sent.body["messages"]]
    ).replace(f"from {ANNA}", "")
