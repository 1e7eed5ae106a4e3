"""Links of a reply: what can be clicked, and where it really leads."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import unquote, urlsplit

from markdown_it.token import Token

from chatcli.render.terminals import makes_links

_CLICKABLE = ("http://", "https://", "mailto:")
TARGET = "target"
"""The tag of a target that is shown."""
_all_shown = ContextVar("all_shown", default=False)
_PICTURE = "🌆 "
_PLACES = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^\s/]*@)?([^\s/:?#]+)|((?:[^\W_][\w-]*\.)+[^\W\d_]{2,})", re.IGNORECASE)


def honest(tokens: Iterable[Token]) -> Iterator[Token]:
    """Yield the tokens of a line with its images as links, and links that only lead where they seem to.

    A target that is no web or mail address cannot be clicked. Where the text names another place than the
    target, the target is shown behind it; dim, where it is only that the terminal may know no links.
    """
    target, said = "", ""
    for token in _without_images(tokens):
        if token.type == "link_open":
            target, said = str(token.attrs.get("href", "")), ""
            if not target.lower().startswith(_CLICKABLE):
                target = token.attrs["href"] = ""
        elif token.type in ("text", "code_inline"):
            said += token.content
        yield token
        if token.type == "link_close" and target and misleads(said, target):
            yield Token("text", "", 0, content=f" ({target})")
        elif token.type == "link_close" and target and not spells(said, target) and not _is_clickable():
            yield Token("target_open", TARGET, 1)
            yield Token("text", "", 0, content=f" ({target})")
            yield Token("target_close", TARGET, -1)


@contextmanager
def targets_shown() -> Iterator[None]:
    """Show where links lead while the block runs, whatever the terminal: in a picture nothing can be clicked."""
    before = _all_shown.set(True)
    try:
        yield
    finally:
        _all_shown.reset(before)


def _is_clickable() -> bool:
    return makes_links() and not _all_shown.get()


def spells(text: str, target: str) -> bool:
    """Say whether the text of a link is its target, written out."""
    return _spelled(text) in (_spelled(target), _spelled(unquote(target)))


def _spelled(address: str) -> str:
    return re.sub(r"^(https?://|mailto:)?(www\.)?", "", address.lower()).rstrip("/")


def misleads(text: str, target: str) -> bool:
    """Say whether the text of a link names a place, and not the target's."""
    if text == _PICTURE + _last_part(target):
        return False  # an image, called by its file's name
    named = {_plain(match[1] or match[2]) for match in _PLACES.finditer(text)}
    return bool(named) and named != {_plain(_host(target))}


def _host(target: str) -> str:
    try:
        parts = urlsplit(target)
        return parts.path.rpartition("@")[2] if parts.scheme.lower() == "mailto" else parts.hostname or ""
    except ValueError:
        return ""


def _last_part(target: str) -> str:
    return target.strip("/").rpartition("/")[2]


def _plain(host: str) -> str:
    return host.lower().rstrip(".").removeprefix("www.")


def _without_images(tokens: Iterable[Token]) -> Iterator[Token]:
    """Yield the tokens with a link in place of each image."""
    for token in tokens:
        if token.type != "image":
            yield token
            continue
        source = str(token.attrs.get("src", ""))
        yield Token("link_open", "a", 1, attrs={"href": source})
        yield Token("text", "", 0, content=_PICTURE + (token.content or _last_part(source)))
        yield Token("link_close", "a", -1)
