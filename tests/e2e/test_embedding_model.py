"""An embedding_model of the config, from the first message to the request that recalls it."""

from collections.abc import Sequence
from typing import Any

import pytest

from chatcli.messages import Message
from tests.e2e.conftest import User
from tests.servers import BROKEN, Answer, Body, ModelServer, embedded

ASKED = "Which canine is there?"
"""Shares no word with what it asks for."""


def by_meaning(body: Body) -> Answer:
    """Answer with vectors that tell animals from the rest."""
    return embedded([float("puppy" in text or "canine" in text), 0.2] for text in body["input"])


@pytest.fixture
def talker(user: User, server: ModelServer) -> User:
    """Somebody with a session of some turns, and an embedding model in the config."""
    server.embeds = by_meaning
    (user.home / "config").mkdir()
    (user.home / "config" / "config.toml").write_text(
        'embedding_model = "embed"\nmemory = "none+recall:100"\n'
        f'[models.embed]\nid = "text-embedding-v4"\nbase_url = "{server.url}"\napi_key = "sk-embed"\n'
    )
    store = user.store()
    store.append("pets", said([f"Something about topic{at} and nothing else" for at in range(8)]))
    store.append("pets", said(["We took in a puppy last spring", "How lovely"]))
    store.append("pets", said([f"Another one of thing{at}" for at in range(8)]))
    store.close()
    return user


def said(texts: Sequence[str]) -> list[Message]:
    roles = ("user", "assistant")
    return [Message(roles[at % 2], text) for at, text in enumerate(texts)]  # type: ignore[arg-type]


def newest(server: ModelServer) -> Any:
    return server.chats[-1].body["messages"][-1]["content"]


def test_what_shares_no_word_with_the_input_is_sent_along(talker: User, server: ModelServer) -> None:
    assert talker.run("memory", "update", "-s", "pets").returncode == 0
    assert sum(len(asked["input"]) for asked in server.embeddings) == 18
    assert talker.run("ask", "-s", "pets", ASKED).returncode == 0
    assert "We took in a puppy last spring" in newest(server)
    keys = {request.path: request.headers["authorization"] for request in server.requests}
    assert keys["/v1/embeddings"] == "Bearer sk-embed"
    assert keys["/v1/chat/completions"] == "Bearer sk-test-secret"


def test_a_chat_computes_vectors_after_its_turns(talker: User, server: ModelServer) -> None:
    with talker.chat("-s", "pets") as term:
        term.wait_for("you>")
        term.enter("What of topic3?")
        server.wait_requests(2, "/embeddings")
    texts = [text for asked in server.embeddings for text in asked["input"]]
    assert len(texts) == 20
    assert texts[-2] == "What of topic3?"


def test_a_model_that_is_away_is_said_and_words_go_on(talker: User, server: ModelServer) -> None:
    server.embeds = lambda body: BROKEN
    with talker.terminal("memory", "update", "-s", "pets") as term:
        term.wait_for("recall goes by words alone")
        assert term.wait_exit() == 0
        assert "sk-embed" not in term.text()
    assert talker.run("ask", "-s", "pets", "What of topic3?").returncode == 0
    assert "Something about topic3" in newest(server)


@pytest.mark.parametrize("model", ["no-such-model", "embed"])
def test_a_model_that_cannot_be_asked_is_said_and_words_go_on(talker: User, server: ModelServer, model: str) -> None:
    config = 'embedding_model = "{}"\nmemory = "none+recall:100"\n[models.embed]\nid = "m"\napi_key_env = "EMBED_KEY"\n'
    (talker.home / "config" / "config.toml").write_text(config.format(model))
    server.embeds = None
    with talker.terminal("memory", "update", "-s", "pets", cols=200) as term:
        term.wait_for("recall goes by words alone")
        assert term.wait_exit() == 0
        assert ("EMBED_KEY is not set" in term.text()) == (model == "embed")
    assert talker.run("ask", "-s", "pets", "What of topic3?").returncode == 0
    assert "Something about topic3" in newest(server)
