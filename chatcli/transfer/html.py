"""A page that stands alone: no script, nothing loaded from anywhere, light and dark as the reader's system is.

What a message holds cannot make a page of its own: HTML in it is shown as text, its images become links (those that
were sent as data are shown), and a link leads to the web or to a mail address. A policy in the page forbids
the browser everything else.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from markdown_it.common.utils import escapeHtml as escaped
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from chatcli.messages import Message
from chatcli.render.history import describe, end_note, placed, who_said
from chatcli.render.parsing import parse, parser
from chatcli.render.safe import neutralise, one_line
from chatcli.transfer import Carried

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+=*")
_LIGHT, _DARK = "default", "github-dark"

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --paper: #fff; --dim: #59636e; --line: #d1d9e0; --code: #f6f8fa;
  --you: #0969da; --it: #1a7f37 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --dim: #9198a1; --line: #3d444d;
  --code: #161b22; --you: #58a6ff; --it: #3fb950 } }
body { max-width: 48rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: break-word }
h1 { font-size: 1.6rem }
header p, footer, .note { color: var(--dim); font-size: .875rem }
article { border-top: 1px solid var(--line); padding: .5rem 0 }
article > h2 { font-size: .875rem; margin: .5rem 0; color: var(--dim) }
article.user > h2 { color: var(--you) }
article.assistant > h2 { color: var(--it) }
.as-typed { white-space: pre-wrap; margin: .5rem 0 }
pre { background: var(--code); padding: .75rem 1rem; border-radius: 6px; overflow-x: auto; line-height: 1.4 }
code { font: .875em ui-monospace, monospace }
:not(pre) > code { background: var(--code); padding: .15em .35em; border-radius: 4px }
table { border-collapse: collapse; display: block; overflow-x: auto }
th, td { border: 1px solid var(--line); padding: .3rem .6rem; text-align: left }
blockquote { margin: 0; padding-left: 1rem; border-left: 3px solid var(--line); color: var(--dim) }
img { max-width: 100%; height: auto }
"""


def write(session: Carried) -> Iterator[str]:
    """Yield the page in pieces."""
    title = escaped(one_line(session.title or session.name, 200))
    yield (
        f'<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="referrer" content="no-referrer">\n<title>{title}</title>\n<style>{_STYLE}{_colours()}</style>\n'
        f"</head>\n<body>\n<header><h1>{title}</h1></header>\n<main>\n"
    )
    for position, turn, message in placed(session.messages):
        yield _article(message, position, turn)
    yield "</main>\n</body>\n</html>\n"


def _article(message: Message, position: int, turn: int) -> str:
    if message.role == "unreadable":
        return f'<p class="note">{escaped(f"message {position}: {one_line(message.text, 60)}")}</p>\n'
    note = f'<p class="note">{end_note(message)}</p>\n' if end_note(message) else ""
    anchor = f' id="turn-{turn}"' if message.role == "user" else ""
    who = escaped(neutralise(who_said(message, turn)))
    return f'<article class="{message.role}"{anchor}>\n<h2>{who}</h2>\n{_body(message)}{note}</article>\n'


def _body(message: Message) -> str:
    """Return what was said: a reply as markdown, all else as it was typed; then the pictures that are data."""
    said = neutralise(describe(message, whole=True))
    shown = _markdown(said) if message.role == "assistant" else f'<div class="as-typed">{escaped(said)}</div>\n'
    return shown + "".join(f'<p><img src="{url}" alt="image"></p>\n' for url in _pictures(message))


def _pictures(message: Message) -> Iterator[str]:
    for part in message.content if not isinstance(message.content, str) else ():
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, Mapping) else None
        if isinstance(url, str) and _PICTURE.fullmatch(url):
            yield url


def _markdown(text: str) -> str:
    tokens, references = parse(text)
    return str(_Page().render(tokens, parser().options, {"references": references}))


class _Page(RendererHTML):
    """Markdown's tokens, made safe by `parse`, as HTML. Its methods are named after the tokens."""

    def fence(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: Any) -> str:
        return _code(tokens[at].content, tokens[at].info.strip().partition(" ")[0])

    def code_block(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: Any) -> str:
        return _code(tokens[at].content, "")

    def renderInline(self, tokens: Sequence[Token], options: OptionsDict, env: Any) -> str:
        return super().renderInline(list(_without_targets(tokens)), options, env)

    def link_open(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: Any) -> str:
        target = str(tokens[at].attrs.get("href", ""))
        return f'<a href="{escaped(target)}" rel="noopener noreferrer">' if target else "<a>"


def _without_targets(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens of a line but for targets that are shown because a terminal may know no links: a page does."""
    is_target = False
    for token in tokens:
        is_target = token.type == "target_open" or (is_target and token.type != "target_close")
        if not is_target and token.type != "target_close":
            yield token


# Code


def _code(text: str, language: str) -> str:
    from pygments import highlight  # type: ignore[import-untyped]
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
    from pygments.util import ClassNotFound  # type: ignore[import-untyped]

    try:
        shown = highlight(text, get_lexer_by_name(language), _formatter(_LIGHT)) if language else escaped(text)
    except ClassNotFound:
        shown = escaped(text)
    return f"<pre><code>{shown.rstrip()}</code></pre>\n"


@cache
def _formatter(style: str) -> Any:
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]

    return HtmlFormatter(nowrap=True, style=style)


@cache
def _colours() -> str:
    """Return the rules for what Pygments marks, on a light and on a dark page."""
    light, dark = (_formatter(style).get_token_style_defs("pre") for style in (_LIGHT, _DARK))
    return "\n".join([*light, "@media (prefers-color-scheme: dark) {", *dark, "}"])
