"""Finding: what was said in this session, where something was said in any of them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from chatcli.render.safe import one_line
from chatcli.repl.slash import slash
from chatcli.values import turn_range, whole_number

if TYPE_CHECKING:
    from chatcli.repl.loop import Repl
    from chatcli.search.find import Findings, Hit

_HITS = 10
_AROUND = 2  # messages on either side of a hit


class _Stopped(Exception):
    """^C: the user does not want to wait."""


@slash("history", arguments="[n]", help="show the last 10 turns, or the last n; 3-7: turns 3 to 7, 3-: from 3 on")
def history(repl: "Repl", argument: str) -> None:
    """Show the newest turns, or a range of them."""
    from chatcli.render.history import last_turns, print_history, turns_between

    store, session = repl.chat.store, repl.chat.session
    if "-" in argument.lstrip("-"):
        excerpt = turns_between(store, session, *turn_range(argument))
    else:
        excerpt = last_turns(store, session, whole_number(argument) if argument else 10)
    print_history(excerpt, repl.screen.plain)
    if not excerpt.messages:
        repl.screen.aside("nothing was said there" if argument else "nothing was said yet")


@slash("search", "find", arguments="query", help='find what was said in any session: words, "a phrase", begin*')
def search(repl: "Repl", argument: str) -> None:
    """Show the best hits; open the session of the one that the user picks, and show the turns around it."""
    from chatcli.render.hits import print_findings

    findings = _found(repl, argument)
    if findings is None:
        return
    if not findings.hits:
        repl.screen.tell("nothing was found")
        return
    print_findings(findings, repl.screen.plain)
    if repl.screen.on_a_terminal and (hit := _picked(repl, findings)):
        _open(repl, hit)


def _found(repl: "Repl", query: str) -> "Findings | None":
    """Return what is found; None when the user stopped it."""

    def work(is_stopped: Callable[[], bool]) -> "Findings":
        def progress(done: int, of: int) -> None:
            if is_stopped():
                raise _Stopped

        return repl.tools.find(query, _HITS, progress, repl.screen.aside)

    try:
        return repl.wait_for("reading the sessions, this once", work)
    except _Stopped:
        repl.screen.aside("stopped")
        return None


def _picked(repl: "Repl", findings: "Findings") -> "Hit | None":
    """Return the hit whose number the user gives; None for an empty answer."""
    last = len(findings.hits)
    answer = repl.ask(f"open which? [{f'1-{last}' if last > 1 else 1}, Enter: none]")
    if not answer:
        return None
    if not (answer.isascii() and answer.isdigit() and 1 <= int(answer[:9]) <= last):
        repl.screen.tell(f"there is no hit {one_line(answer, 20)}")
        return None
    return findings.hits[int(answer) - 1]


def _open(repl: "Repl", hit: "Hit") -> None:
    """Go on with the hit's session, and show what stands around it."""
    from chatcli.render.history import around, print_history

    if hit.session != repl.chat.session:
        repl.switch(repl.tools.open_session(hit.session), with_turns=hit.role == "title")
    if hit.role != "title":
        repl.screen.heading(f"turn {hit.turn:,} of {one_line(hit.session, 60)}")
        print_history(around(repl.chat.store, hit.session, hit.position, hit.turn, _AROUND), repl.screen.plain)
