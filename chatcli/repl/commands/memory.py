"""The memory by hand: the summary, what is summed up now, turns that stay in every context."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from chatcli.chat import Chat
from chatcli.errors import Conflict, ContextTooLong, NotFound, UsageError
from chatcli.memory import pins, summary
from chatcli.memory.history import History, open_history
from chatcli.memory.numbering import numbers_of, open_numbered
from chatcli.messages import Turn, readable
from chatcli.render.context import turns_from
from chatcli.render.safe import one_line
from chatcli.repl.numbered import turn_meant
from chatcli.repl.slash import slash
from chatcli.side_request import Held, SideRequest
from chatcli.values import counted, whole_number

if TYPE_CHECKING:
    from chatcli.repl.loop import Repl


# The summary


@slash(
    "summary",
    arguments="[edit|undo]",
    help="show the summary and the turns it covers, edit it, or go back to the one before",
    complete=lambda repl: ("edit", "undo"),
)
def show_summary(repl: "Repl", argument: str) -> None:
    """Show the summary, or change it."""
    match argument:
        case "":
            _show(repl)
        case "edit":
            _edit(repl)
        case "undo":
            _undo(repl)
        case _:
            raise UsageError(
                f"/summary does not know {one_line(argument, 40)!r}", "/summary, /summary edit, /summary undo"
            )


def _show(repl: "Repl") -> None:
    found = summary.versions(_history(repl.chat))
    if not found:
        repl.screen.tell(_none_yet(repl.chat))
        return
    newest, by = found[-1], "edited by you" if found[-1].edited else "written by a model"
    repl.screen.heading(f"summary of {turns_from(1, newest.turns)} · {by} · {counted(len(found), 'version')}")
    repl.screen.wrapped(newest.text, "chat.warning")
    repl.chat.background.drop(summary.STATE)
    if not _folds(repl.chat):
        repl.screen.tell(f"{repl.chat.memory.spec} does not send it; {_THOSE_THAT_DO}")


def _edit(repl: "Repl") -> None:
    opened = summary.current(_history(repl.chat))
    if opened is None:
        raise NotFound("there is no summary to edit yet", "/compact writes one")
    text = repl.edit(opened.text)
    if text is None:
        repl.screen.warn("the editor failed; the summary is as it was")
    elif not text.strip():
        repl.screen.aside("an empty text changes nothing; /summary undo goes back, /memory window:10 sends no summary")
    elif text.strip() == opened.text.strip():
        repl.screen.aside("nothing was changed")
    elif repl.chat.change(lambda history: summary.edited(history, opened, text.strip())):
        repl.chat.background.drop(summary.STATE)
        tokens = f"{'~' if repl.chat.estimates else ''}{counted(repl.chat.look().count(text.strip()), 'token')}"
        repl.screen.aside(f"the summary is yours now, {tokens}; /summary undo brings the other back")
    else:
        repl.screen.wrapped(text.strip(), "chat.warning")
        gone = f"turns of the {opened.turns:,} it sums up were taken back meanwhile"
        raise Conflict(f"{gone}: your text is kept nowhere but above", "/summary shows what holds now")


def _undo(repl: "Repl") -> None:
    if not repl.chat.change(summary.undone):
        repl.screen.aside("there is no summary to take back")
        return
    repl.chat.background.drop(summary.STATE)
    before = summary.current(_history(repl.chat))
    now = f"the summary of {turns_from(1, before.turns)} holds again" if before else "there is no summary now"
    repl.screen.aside(f"{now}; nothing is summed up for some turns, unless /compact does")


def _history(chat: Chat) -> History:
    return open_history(chat.store, chat.session)


# Now


@slash("compact", arguments="[hint]", help="sum up all but the last turn now; the hint says what matters")
def compact(repl: "Repl", argument: str) -> None:
    """Fold everything but the newest turn into the summary, one request after the other; ^C keeps what is done."""
    chat = repl.chat
    if not _folds(chat):
        raise UsageError(f"{chat.memory.spec} sends no summary", _THOSE_THAT_DO)
    before, stopped = chat.context(None).tokens, ""
    chat.background.hold(everything=True)
    try:
        repl.wait_for("summing up; ^C stops", lambda is_stopped: _fold_all(chat, argument, is_stopped))
    except Held:
        stopped = "stopped; "
    finally:
        chat.background.release()
    chat.background.drop(summary.STATE)
    chat.last_context = None
    repl.screen.aside(f"{stopped}{_covered(chat)}{_saved(before, chat.context(None).tokens)}")


def _fold_all(chat: Chat, hint: str, is_stopped: Callable[[], bool]) -> None:
    """Fold until all is done; a request that was too much for the model is made smaller.

    When somebody else wrote a summary meanwhile, it goes on from there, once: what was asked for is to be had.
    """
    ask = replace(chat.background.ask(), is_held=is_stopped)
    overtaken = False
    while True:
        room = ask.room
        try:
            if not _fold(chat, ask, hint):
                return
        except ContextTooLong:
            if ask.room >= room:
                raise
        except Conflict:
            if overtaken:
                raise
            overtaken = True


def _fold(chat: Chat, ask: SideRequest, hint: str) -> bool:
    """Take the summary one request further; return whether there was something to do."""
    view = chat.look()
    folding = next(one for one in chat.memory.derivations(view) if isinstance(one, summary.Folding))
    change = folding.compact(view, ask, hint)
    if change is not None and not chat.store.put_state(chat.session, change):
        raise Conflict(
            "the summary was changed meanwhile; what this request summed up is not kept", "/compact goes on from there"
        )
    return change is not None


def _covered(chat: Chat) -> str:
    history = _history(chat)
    found = summary.current(history)
    if found is not None:
        return f"{turns_from(1, found.turns)} {'is' if found.turns == 1 else 'are'} summed up"
    newest = next(history.turns(), None)
    return "nothing is summed up" if newest and newest.start else "nothing to sum up yet"


def _saved(before: int, now: int) -> str:
    return f"; the next request has ~{now:,} tokens, ~{before - now:,} fewer" if now < before else ""


def _folds(chat: Chat) -> bool:
    return any(isinstance(one, summary.Folding) for one in chat.memory.derivations(chat.look()))


def _none_yet(chat: Chat) -> str:
    if not _folds(chat):
        return f"no summary; {chat.memory.spec} sends none, {_THOSE_THAT_DO}"
    return "no summary yet; it is written when the turns have outgrown their limit, or by /compact now"


_THOSE_THAT_DO = "/memory auto, /memory summary and /memory summary-buffer:4000 do"


# Pins


@slash("pin", arguments="[turn]", help="keep a turn in every context: the last one, or that of this number in /history")
def pin(repl: "Repl", argument: str) -> None:
    """Pin a turn."""
    chat = repl.chat
    number, turn, _ = turn_meant(chat, argument)
    if turn.start in {one.start for one in pins.pinned(chat.look().history)}:
        repl.screen.aside(f"turn {number} is pinned already")
        return
    chat.change(lambda history: pins.pin(history, turn))
    cost = chat.look().cost(readable(turn.messages))
    repl.screen.aside(f"turn {number} is in every context now, ~{counted(cost, 'token')}: {_said(turn)}")


@slash("unpin", arguments="turn", help="let go of a pinned turn")
def unpin(repl: "Repl", argument: str) -> None:
    """Let go of a pinned turn; its number may be left out when it is the only one."""
    numbers = _pinned(repl.chat)
    if not argument and len(numbers) != 1:
        raise UsageError("which turn?", "/pins lists those that are pinned; /unpin NUMBER")
    number = whole_number(argument) if argument else next(iter(numbers))
    turn = numbers.get(number)
    if turn is None:
        raise NotFound(f"turn {number} is not pinned", "/pins lists those that are")
    repl.chat.change(lambda history: pins.unpin(history, turn))
    repl.screen.aside(f"turn {number} is not pinned any more; it stays in the history")


@slash("pins", help="list the turns that are in every context")
def list_pins(repl: "Repl", argument: str) -> None:
    """List the pinned turns."""
    view = repl.chat.look()
    for number, turn in sorted(_pinned(repl.chat).items()):
        cost = counted(view.cost(readable(turn.messages)), "token")
        repl.screen.tell(f"turn {number}, ~{cost}: {_said(turn)}")
    if not _pinned(repl.chat):
        repl.screen.tell("no turn is pinned; /pin keeps the last one in every context, /pin NUMBER another")


def _pinned(chat: Chat) -> dict[int, Turn]:
    """Return the pinned turns by their numbers."""
    history, last = open_numbered(chat.store, chat.session)
    found = pins.pinned(history)
    numbers = numbers_of(history, last, {turn.start for turn in found})
    return {numbers[turn.start]: turn for turn in found}


def _said(turn: Turn) -> str:
    return one_line(turn.messages[0].text, 60)
