"""A chat in the terminal, while LangChain programs in JavaScript and in Python write into its session."""

import warnings
from collections.abc import Iterator
from threading import Event

import pytest
import redis

from tests.e2e.conftest import User
from tests.langchain_js import Theirs, langchain_js
from tests.redis_server import RedisServer

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from langchain_community.chat_message_histories import RedisChatMessageHistory


@pytest.fixture
def theirs(user: User, redis_server: RedisServer) -> Iterator[Theirs]:
    """A session in a store of the config whose lists have no prefix, as LangChain.js sees it."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushdb()
    folder = user.home / "config"
    folder.mkdir()
    (folder / "config.toml").write_text(f'[stores.js]\naddress = "{redis_server.url}"\nkey_prefix = ""\n')
    with langchain_js(redis_server.url, "JavaEdge ☕") as history:
        yield history


def test_what_others_append_is_sent_and_what_is_said_here_they_read(
    user: User, theirs: Theirs, redis_server: RedisServer
) -> None:
    python = RedisChatMessageHistory(theirs.session, url=redis_server.url, key_prefix="")
    theirs.add(("human", "I am Ada 你好"), ("ai", "Hello Ada"))
    with user.chat("-s", theirs.session, "--store", "js", "--memory", "buffer") as term:
        term.wait_for("you>")
        term.enter("Who am I?")
        term.wait_for("Turn 2: Who am I?")
        assert [text for _, text in user.server.chats[-1].texts] == ["I am Ada 你好", "Hello Ada", "Who am I?"]
        term.wait(lambda _: len(theirs.said) == 4, what="the turn in their history")
        theirs.add(("human", [{"type": "text", "text": "from node"}]), ("ai", "its reply"))
        python.add_user_message("from Python")
        python.add_ai_message("its own reply")
        term.enter("And now?")
        term.wait_for("Turn 5: And now?")
        term.wait(lambda _: len(theirs.said) == 10, what="the turn in their history")
    expected = [
        ("human", "I am Ada 你好"), ("ai", "Hello Ada"), ("human", "Who am I?"), ("ai", "Turn 2: Who am I?"),
        ("human", [{"type": "text", "text": "from node"}]), ("ai", "its reply"),
        ("human", "from Python"), ("ai", "its own reply"), ("human", "And now?"), ("ai", "Turn 5: And now?"),
    ]  # fmt: skip
    assert [text for _, text in user.server.chats[-1].texts][3:6] == ["Turn 2: Who am I?", "from node", "its reply"]
    assert theirs.said == expected
    assert [(message.type, message.content) for message in python.messages] == expected
    python.redis_client.close()


def test_a_program_appends_while_a_reply_runs_and_nothing_is_torn_or_lost(user: User, theirs: Theirs) -> None:
    gate = Event()
    user.server.replies("Half ", gate, "done")
    with user.chat("-s", theirs.session, "--store", "js") as term:
        term.wait_for("you>")
        term.enter("Hello")
        term.wait_for("Half")
        theirs.add(("human", "in between"), ("ai", "theirs"))
        gate.set()
        term.wait_for("Half done")
        term.enter("More")
        term.wait_for("Turn 3: More")
        term.wait(lambda _: len(theirs.said) == 6, what="the turn in their history")
    assert [text for _, text in theirs.said] == [
        "in between", "theirs", "Hello", "Half done", "More", "Turn 3: More"
    ]  # fmt: skip


def test_what_is_written_into_a_session_is_listed_and_shown(user: User, theirs: Theirs) -> None:
    theirs.add(("human", "only from node"))
    assert "only from node" in user.run("history", "show", "-s", theirs.session, "--store", "js").stdout
    assert theirs.session in user.run("sessions", "list", "--all", "--store", "js").stdout
