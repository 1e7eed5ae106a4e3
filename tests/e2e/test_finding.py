"""Finding a session or a word again, in a real terminal."""

import re
from pathlib import Path

import pytest
import redis

from chatcli.messages import Message
from chatcli.repl.keys import MARK_PASTES
from tests.e2e.conftest import User, leave
from tests.e2e.test_slash import refused, say
from tests.redis_server import RedisServer
from tests.servers import Body, echo
from tests.terminal import Terminal
from tests.unit.test_background import until


@pytest.fixture
def known(user: User) -> User:
    """A user with sessions about a city, an otter, and a long one without a title."""
    store = user.store()
    long = [Message(role, f"{role} {number}") for number in range(1, 31) for role in ("user", "assistant")]  # type: ignore[arg-type]
    store.append("long", long)
    store.append("zoo", [Message("user", "Where do otters live?"), Message("assistant", "In rivers, said the otter.")])
    store.update("zoo", title="Where do otters live?")
    store.append("JavaEdge", [Message("user", "中国的首都是哪里？"), Message("assistant", "北京是中国的首都。")])
    store.update("JavaEdge", title="中国的首都是哪里？")
    store.close()
    return user


def picker(term: Terminal, count: str = "3 ·") -> None:
    """Wait for the list of sessions."""
    term.wait(lambda t: count in t.screen_text() and "session>" in t.screen_text(), what="the picker")


# The picker


def test_typing_filters_by_name_and_by_title_and_enter_resumes(known: User) -> None:
    with known.terminal("sessions", "resume") as term:
        picker(term)
        term.wait_for("北京是中国的首都。")
        term.send("首都")
        picker(term, "1 of 3")
        term.key("backspace", "backspace")
        picker(term)
        term.send("OTTERS")
        picker(term, "1 of 3")
        term.wait_for("In rivers, said the otter.")
        term.key("enter")
        term.wait_gone("session>")
        term.wait_for("zoo ·")
        leave(term)


@pytest.mark.parametrize(
    "words", ["sessions resume", "history show -s zoo", "history search otter", "memory show -s zoo"]
)
def test_lists_and_hits_have_the_colours_of_the_config(known: User, words: str) -> None:
    (known.home / "config").mkdir(exist_ok=True)
    (known.home / "config" / "config.toml").write_text(
        '[colors]\nprompt = "magenta"\ndim = "blue"\nwarning = "green"\n'
    )
    with known.terminal(*words.split()) as term:
        if "resume" in words:
            picker(term)
            term.key("esc")
        term.wait_exit()
        used = {int(code) for codes in re.findall(rb"\x1b\[([\d;]+)m", term.raw) for code in codes.split(b";")}
    assert 35 in used
    assert not used & {2, 33, 36}


def test_typed_colours_do_not_disturb_the_list(known: User) -> None:
    with known.terminal("sessions", "resume") as term:
        picker(term)
        term.send("ot\x1b[31mter\x1b[0m")
        picker(term, "1 of 3")
        assert "session> otter" in term.screen_text()
        assert "Traceback" not in term.text()
        term.key("esc")
        term.wait_gone("session>")


@pytest.mark.parametrize("command", [["chat", "-s", "s"], ["sessions", "resume"]])
def test_keys_typed_while_it_starts_are_not_echoed_and_not_lost(user: User, command: list[str]) -> None:
    user.run("ask", "-s", "s", "Hello")
    prompt = "session>" if "resume" in command else "you>"
    with user.terminal(*command) as term:
        term.wait_for_output(MARK_PASTES)
        term.send("early")
        term.wait(lambda t: f"{prompt} early" in t.screen_lines(), what="what was typed, at the prompt")
        raw = term.raw
        assert raw.find(b"early") > raw.find(prompt.encode())


def test_arrows_walk_and_the_preview_follows(known: User) -> None:
    with known.terminal("sessions", "resume") as term:
        picker(term)
        term.wait_for("北京是中国的首都。")
        term.key("down", "down")
        term.wait_for("assistant 30")
        term.key("up")
        term.wait_for("said the otter")
        term.key("down", "down", "down", "enter")
        term.wait_for("long ·")
        leave(term)


@pytest.mark.parametrize("key", ["esc", "c-c", "c-d"])
def test_leaving_leaves_nothing_on_the_screen_or_in_the_scrollback(known: User, key: str) -> None:
    with known.terminal("sessions", "resume") as term:
        picker(term)
        term.wait_for("北京是中国的首都。")
        term.send("x")
        picker(term, "0 of 3")
        term.key("enter")
        term.key(key)
        assert term.wait_exit() == 1
        assert term.text() == ""
        assert term.cursor == (0, 0)


@pytest.mark.parametrize(("cols", "rows"), [(10, 24), (40, 8), (40, 24), (300, 50), (80, 4), (24, 10)])
def test_the_picker_fits_every_window(known: User, cols: int, rows: int) -> None:
    with known.terminal("sessions", "resume", cols=cols, rows=rows) as term:
        term.wait_for("Java")
        term.send("zoo")
        term.wait_gone("Java")
        term.wait_for("zoo")
        assert len(term.lines()) <= rows
        term.key("enter")
        term.wait(lambda t: re.search("^you>$", t.screen_text(), re.MULTILINE), what="the prompt")
        term.key("c-d")
        assert term.wait_exit() == 0


def test_the_picker_follows_the_window(known: User) -> None:
    with known.terminal("sessions", "resume", cols=100) as term:
        picker(term)
        term.resize(24, 40)
        term.wait(lambda t: max(map(len, t.screen_lines())) <= 40 and "session>" in t.screen_text())
        term.send("zoo")
        term.wait_for("1 of 3")
        term.key("enter")
        term.wait_for("zoo ·")
        leave(term)


def test_ten_thousand_sessions_are_all_there_to_be_filtered(user: User) -> None:
    store = user.store()
    store.append("needle-0", [Message("user", "the very first")])
    for number in range(1, 400):
        store.append(f"s{number}", [Message("user", "x")])
    store.close()
    with user.terminal("sessions", "resume") as term:
        picker(term, "400 ·")
        term.send("needle")
        picker(term, "1 of 400")
        term.wait_for("the very first")
        term.key("enter")
        term.wait_for("needle-0 ·")
        leave(term)


def test_names_and_previews_are_not_obeyed(user: User) -> None:
    store = user.store()
    store.append("a\u202eb", [Message("user", "clear\x1b[2J"), Message("assistant", "\x1b]52;c;eA==\x07 done")])
    store.update("a\u202eb", title="red\x1b[31m")
    store.close()
    with user.terminal("sessions", "resume") as term:
        term.wait_for("␛]52;c;eA==␇ done")
        term.wait_for("red␛[31m")
        term.key("esc")
        term.wait_exit()
        assert b"\x1b]52" not in term.raw
        assert "\u202e".encode() not in term.raw


@pytest.mark.parametrize("command", ["/resume", "/sessions"])
def test_in_the_chat(known: User, command: str) -> None:
    with known.chat("-s", "zoo") as term:
        term.wait_for("said the otter")
        before = term.text()
        term.enter(command)
        picker(term)
        term.key("esc")
        term.wait_gone("session>")
        say(term, "/history 1", "turn 1")
        assert "Esc leaves" not in term.text()
        assert term.text().startswith(before.split("you>")[0])
        term.enter(command)
        picker(term)
        term.send("java")
        picker(term, "1 of 3")
        term.key("enter")
        term.wait_for("JavaEdge ·")
        leave(term)


def test_without_a_terminal_sessions_are_printed(known: User) -> None:
    done = known.run("chat", "-s", "zoo", stdin="/sessions\n/sessions 1\n")
    assert done.stdout.count("NAME") == 2
    assert (done.stdout.count("JavaEdge"), done.stdout.count("Where do")) == (2, 1)


# Search


def test_search_shows_hits_and_opens_the_one_that_is_picked(known: User) -> None:
    with known.chatting("-s", "JavaEdge") as term:
        term.enter("/search otter")
        term.wait_for("open which? [1-2, Enter: none]")
        assert "1 zoo" in term.text()
        assert "said the otter" in term.text()
        term.enter("1")
        term.wait_for("turn 1 of zoo")
        say(term, "/info", "zoo")
        opened = term.text().split("open which?")[1]
        assert len(re.findall(r"(?m)^user[> (].*(?:\n.*)?otter", opened)) == 1  # not among the last turns, too


def test_search_shows_what_stands_around_a_hit_in_a_long_session(known: User) -> None:
    with known.chatting("-s", "zoo", rows=40) as term:
        term.enter('/search "user 7"')
        term.wait_for("[1, Enter: none]")
        term.enter("1")
        term.wait_for("turn 7 of long")
        say(term, "/info", "last context")
        shown = term.text().split("turn 7 of long")[1]
        assert re.findall(r"user \(turn (\d+)", shown) == ["6", "7", "8"]
        assert [number for number in range(1, 31) if f"assistant {number}\n" in shown] == [6, 7]


def test_search_in_the_chat_finds_what_was_just_said_and_is_left_by_enter_or_c(known: User) -> None:
    with known.chatting("-s", "zoo") as term:
        say(term, "The badger is asleep", "Turn 2: The badger is asleep")
        for key in ("enter", "c-c"):
            asked = term.text().count("open which?")
            term.enter("/search badger*")
            term.wait(lambda t: t.text().count("open which?") > asked)  # noqa: B023
            term.key(key)
            say(term, "/info", "last context")
        say(term, "/search qqqq", "nothing was found")
        refused(term, "/search ?!", "there is no word in that")
        asked = term.text().count("open which?")
        term.enter("/search badger")
        term.wait(lambda t: t.text().count("open which?") > asked)
        term.enter("9")
        term.wait_for("there is no hit 9")


def test_a_private_chat_is_searched_and_leaves_nothing(user: User) -> None:
    with user.chatting("--private") as term:
        say(term, "The xylophonist sleeps", "Turn 1: The xylophonist sleeps")
        term.enter("/search xylophonists")
        term.wait_for("open which?")
        term.key("enter")
    kept = [path for path in user.home.rglob("*") if path.is_file() and b"xylophonist" in path.read_bytes()]
    assert kept == []


def test_history_search_in_a_terminal_marks_the_words(known: User) -> None:
    with known.terminal("history", "search", "首都", cols=60) as term:
        assert term.wait_exit() == 0
        assert "1 JavaEdge" in term.text()
        assert "chatcli sessions resume JavaEdge" in term.text()
        assert b"\x1b[1;33m" in term.raw
        assert max(len(line) for line in term.lines()) <= 60


def test_what_is_cleared_or_deleted_in_the_chat_is_out_of_the_index_at_once(known: User) -> None:
    def kept(word: str) -> list[Path]:
        files = (known.home / "cache").rglob("*")
        return [path for path in files if path.is_file() and word.encode() in path.read_bytes()]

    with known.chatting("-s", "zoo", "--memory", "window:3") as term:
        term.enter("/search rivers")
        term.wait_for("open which?")
        term.key("enter")
        assert kept("rivers")
        say(term, "/clear", "[y/N]")
        term.enter("y")
        term.wait_for("messages removed")
        assert not kept("rivers")


def test_sessions_in_redis_are_searched_those_of_langchain_too(user: User, redis_server: RedisServer) -> None:
    client = redis.Redis(port=redis_server.port)
    client.flushall()
    user.run("ask", "-s", "ours", "--store", redis_server.url, "The otter sleeps")
    raw = '{"type": "human", "data": {"content": "An otter swims", "type": "human"}}'
    client.lpush("message_store:theirs", raw)
    found = user.run("history", "search", "otter", "--store", redis_server.url)
    assert found.returncode == 0, found.stderr
    assert "ours" in found.stdout
    assert "theirs" not in found.stdout
    assert "theirs" in user.run("history", "search", "otter", "--all", "--store", redis_server.url).stdout
    client.flushall()
    assert user.run("history", "search", "otter", "--all", "--store", redis_server.url).returncode == 1


# The history


def test_history_shows_the_last_turns_and_ranges(known: User) -> None:
    with known.chat("-s", "long", rows=60, cols=60) as term:
        term.wait_for("assistant 30")  # the greeting's end, not its first line
        shown = {"": range(21, 31), " 2": (29, 30), " 3-4": (3, 4), " 29-": (29, 30)}
        for argument, turns in shown.items():
            say(term, f"/history{argument}", f"user {turns[-1]}\n")
            numbers = re.findall(r"\(turn (\d+)", term.text().rsplit(f"/history{argument}\n", 1)[1])
            assert [int(number) for number in numbers] == list(turns)
        say(term, "/history 99-", "nothing was said there")
        refused(term, "/history 7-3", "ends before it begins")
        refused(term, "/history -2", "is less than 1")
        refused(term, "/history x-y", "names no turns")
        leave(term)


# Titles


def test_a_title_is_shown_given_and_found_and_one_by_a_model_comes_behind_the_first_turn(user: User) -> None:
    def mind(body: Body) -> str:
        return "Furry swimmers" if "title" in str(body["messages"][0]["content"]) else echo(body)

    user.server.mind = mind
    (user.home / "config.toml").write_text('titles = "model"\n')
    with user.chatting("-s", "s", "--memory", "window:3", CHATCLI_CONFIG=str(user.home / "config.toml")) as term:
        refused(term, "/title x", "this session has no turn yet")
        say(term, "What is an otter?", "Turn 1: What is an otter?")
        until(lambda: title_of_s(user) == "Furry swimmers")
        say(term, "/title", "Furry swimmers")
        say(term, '/title ""', "no title")
        say(term, "/title Zebra things", "Zebra things")
        say(term, "And a badger?", "Turn 2: And a badger?")
    assert title_of_s(user) == "Zebra things"
    assert "Zebra things" in user.run("history", "search", "zebras").stdout


def title_of_s(user: User) -> str:
    store = user.store()
    try:
        return store.snapshot("s", 0).session.title
    finally:
        store.close()
