"""What a search found, on the screen: each hit with the words around it."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from chatcli.names import in_shell, store_in_shell
from chatcli.render.safe import neutralise, one_line
from chatcli.search.excerpt import Excerpt
from chatcli.search.find import Findings, Hit

_SPEAKERS = {"user": "you", "title": "the session's name or title"}
_INDENT = 3
Resume = Callable[[str], str]
"""Return the command that opens the session of that name."""

_LOOSE = "no message has all of that; these have some of it"


def print_findings(findings: Findings, plain: bool = False, resume: Resume | None = None) -> None:
    """Print the hits on stdout, numbered from 1; with `resume`, each with the command that opens its session."""
    if not findings.hits:
        return
    if plain or not sys.stdout.isatty():
        print("\n\n".join("\n".join(_lines(*entry, resume)) for entry in enumerate(findings.hits, 1)))
        return
    from rich.padding import Padding
    from rich.text import Text

    from chatcli.render.streaming import terminal

    console = terminal(sys.stdout)
    if findings.loose:
        console.print(Text(_LOOSE, style="chat.dim"))
    for number, hit in enumerate(findings.hits, 1):
        console.print(Text.assemble((f"{number}", "chat.prompt"), " ", _heading(hit, console.width - 4)))
        marked = [(neutralise(piece), "chat.found" if wanted else "") for piece, wanted in _pieces(hit.excerpt)]
        console.print(Padding(Text.assemble(*marked), (0, 0, 0, _INDENT)))
        if resume:
            console.print(Padding(Text(resume(hit.session), style="chat.dim"), (0, 0, 0, _INDENT)))
        console.print()


def _lines(number: int, hit: Hit, resume: Resume | None) -> Iterator[str]:
    """Yield the lines of a hit as plain text."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 200
    yield f"{number}  {_heading(hit, width)}"
    yield " " * _INDENT + "".join(neutralise(piece) for piece, _ in _pieces(hit.excerpt))
    if resume:
        yield " " * _INDENT + resume(hit.session)


def _heading(hit: Hit, width: int) -> str:
    """Return which message of which session it is, in at most `width` cells: the title is what is cut."""
    turn = f"turn {hit.turn:,}" if hit.role != "title" else ""
    who = one_line(hit.author, 40) or _SPEAKERS.get(hit.role, hit.role)
    ends = [part for part in (turn, who, _day(hit.time)) if part]
    name = one_line(hit.session, 60)
    rest = " · ".join(ends)
    room = width - len(name) * 2 - len(rest)
    title = [one_line(hit.title, min(room, 40))] if room > 10 and hit.title else []
    return one_line(" · ".join([name, *title, rest]), max(width, 1))


def _pieces(excerpt: Excerpt) -> Iterator[tuple[str, bool]]:
    """Yield the excerpt piece by piece, each with whether it was looked for."""
    at = 0
    if excerpt.more_before:
        yield "…", False
    for start, end in excerpt.matches:
        yield excerpt.text[at:start], False
        yield excerpt.text[start:end], True
        at = end
    yield excerpt.text[at:].rstrip(), False
    if excerpt.more_after:
        yield "…", False


def resume_command(session: str, store: str | None = None) -> str:
    """Return the command that opens a session, to be copied into a shell; `store` None: in the configured store."""
    return neutralise(f"chatcli sessions resume{store_in_shell(store)} {in_shell(session)}")


def hit_as_data(hit: Hit) -> dict[str, Any]:
    """Return a hit as data for JSON; `matches` are the first character and the one behind the last in `excerpt`."""
    return {
        "session": hit.session,
        "title": hit.title,
        "turn": hit.turn,
        "position": hit.position,
        "role": hit.role,
        "time": hit.time,
        "excerpt": hit.excerpt.text,
        "matches": [list(span) for span in hit.excerpt.matches],
        "score": round(hit.score, 3),
    }


def _day(when: float | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(when)) if when else ""
