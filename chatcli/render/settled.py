"""How far the text of a growing paragraph is settled: nothing that follows can change how it is drawn.

An emphasis, a code span, a link or a formula that is open may still be closed, and changes what stands in it then.
"""

import re
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

from chatcli.render.formulas import may_grow
from chatcli.render.grammar import grammar

_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # letters; what is written in them has no spaces
_INERT = "0-9A-Za-z/+=.,;:%?@-"  # within a word they mean nothing, however long it is
_CUT = re.compile(
    rf"(?<=[^\s\\])[ \n](?=\S)"
    rf"|(?<=[{_CJK}\u3001\u3002\uff0c])(?=[{_CJK}])"
    rf"|(?<=[{_INERT}]{{59}}[0-9A-Za-z])(?=[0-9A-Za-z])"
)
_ADDRESS_GROWS = re.compile(r"<[^\s<>]*\Z")
_TRIES = 4
# What follows the text of a link while its target or title may still be coming.
_TARGET_GROWS = re.compile(
    r"\(\s*(?:<[^<>\n]*>?|[^\s<]*)?(?:\s+(?:\"(?:\\.|[^\"\\])*\"?|'(?:\\.|[^'\\])*'?|\((?:\\.|[^()\\])*\)?)?\s*)?\Z",
    re.DOTALL,
)


def settled_length(text: str, stop: int) -> int:
    """Return where `text`, of a paragraph, can be cut: at a space, a line end, in CJK or a giant word; 0 for nowhere.

    The part before is drawn the same whatever follows. Nothing from `stop` on belongs to it.
    """
    cuts = [match.start() for match in _CUT.finditer(text, 0, stop)]
    for attempt in range(_TRIES):
        if not cuts:
            break
        if _is_settled(text[: cuts[-1]]):
            return cuts[-1]
        cuts = cuts[: len(cuts) * (_TRIES - 1 - attempt) // _TRIES]
    return 0


def _is_settled(text: str) -> bool:
    env: dict[str, Any] = {}
    _parser().parseInline(text, env)
    return not (env.get("open") or may_grow(text) or _ADDRESS_GROWS.search(text))


@cache
def _parser() -> MarkdownIt:
    """Return a parser that notes in its environment when something is left open."""
    parser = grammar()
    for name, noting in (("link", _noting_links("[")), ("image", _noting_links("![")), ("backticks", _noting_code)):
        rule = next(rule for rule in parser.inline.ruler.__rules__ if rule.name == name)
        parser.inline.ruler.at(name, noting(rule.fn))
    parser.inline.ruler2.after("balance_pairs", "open", _note_delimiters)
    return parser


def _noting_links(opening: str) -> Any:
    """Return what makes of the rule for links, or for images, one that notes what may still become one."""

    def noting(rule: Any) -> Any:
        def note(state: StateInline, silent: bool) -> bool:
            start = state.pos + len(opening)
            done = bool(rule(state, silent))
            if not done and state.src.startswith(opening, start - len(opening)):
                end = state.md.helpers.parseLinkLabel(state, start - 1, False)
                if end < 0 or _TARGET_GROWS.match(state.src, end + 1):
                    state.env["open"] = True
            return done

        return note

    return noting


def _noting_code(rule: Any) -> Any:
    def note(state: StateInline, silent: bool) -> bool:
        start = state.pos
        done = bool(rule(state, silent))
        if done and not state.src[start : state.pos].strip("`"):
            state.env["open"] = True  # nothing closes these backticks
        return done

    return note


def _note_delimiters(state: StateInline) -> None:
    if any(one.open and one.end < 0 for one in state.delimiters):
        state.env["open"] = True
