"""From the text of a reply to tokens that are safe to be drawn."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from chatcli.render.grammar import grammar
from chatcli.render.links import honest
from chatcli.render.safe import neutralise


@cache
def parser() -> MarkdownIt:
    """Return the parser of replies."""
    return grammar()


def parse(
    text: str, references: Mapping[str, object] | None = None, env: Mapping[str, object] | None = None
) -> tuple[list[Token], dict[str, object]]:
    """Return the tokens of `text`, safe to be drawn, and the link definitions: those given and its own.

    `env` tells the parser more.
    """
    known: dict[str, Any] = {**(env or {}), "references": dict(references or {})}
    tokens = parser().parse(text, known)
    for token in tokens:
        _secure(token)
    return tokens, known["references"]


def _secure(token: Token) -> None:
    # The text was neutralised before, but an entity can stand for any character.
    token.content = neutralise(token.content)
    for child in token.children or ():
        _secure(child)
    if any(child.type in ("image", "link_open") for child in token.children or ()):
        token.children = list(honest(token.children or ()))
