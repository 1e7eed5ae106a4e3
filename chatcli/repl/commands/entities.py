"""What is known of whom, by hand: the facts with their turns, corrected and forgotten."""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from chatcli.chat import Chat
from chatcli.errors import NotFound, UsageError
from chatcli.memory import corrections, derived
from chatcli.memory.corrections import Line
from chatcli.memory.facts import LONGEST_FACT, Entity, Fact
from chatcli.memory.history import History, open_history
from chatcli.memory.naming import USER, fold, meant, tidy
from chatcli.memory.reading import Reading
from chatcli.render.safe import one_line
from chatcli.repl.slash import slash
from chatcli.values import counted

if TYPE_CHECKING:
    from chatcli.repl.loop import Repl

_EXPLAINED = """\
# What is known of whom: a name in brackets, then its facts, one a line.
# Remove a line, and it stays away. Change one or add one, and it is yours: it holds whatever is found later.
# Lines that begin with # are not read.
"""
_NOT_READ = "nothing is known yet; turns are read for facts after the answer"
_TURN = re.compile(r"(.*?)\s*\(turn (\d{1,9})\)")


def _names(repl: "Repl") -> Sequence[str]:
    return [entity.shown for entity in corrections.known(_history(repl.chat)).values()]


@slash(
    "entities",
    arguments="[name|edit]",
    help="show what is known of whom, and from which turns; correct it in the editor",
    complete=lambda repl: ("edit", *_names(repl)),
)
def entities(repl: "Repl", argument: str) -> None:
    """Show the facts about everyone or about one, or edit them."""
    if argument == "edit":
        _edit(repl)
        return
    history = _history(repl.chat)
    known = corrections.known(history)
    chosen = [_find(known, argument)] if argument else list(known.values())
    for entity in chosen:
        repl.screen.heading(one_line(entity.shown))
        for fact in entity.current:
            repl.screen.say(f"  {_with_source(fact)}")
    _tell_how_it_stands(repl, history, bool(known))


@slash("forget", arguments="name", help="forget all that was said of somebody or something until now", complete=_names)
def forget(repl: "Repl", argument: str) -> None:
    """Forget an entity: nothing said before now is known of it again, what is said later may be."""
    if not argument:
        raise UsageError("a name is needed", "/entities lists them")
    entity = _find(corrections.known(_history(repl.chat)), argument)
    repl.chat.change(lambda history: corrections.forget(history, entity.key, time.time()))
    gone, name = counted(len(entity.current), "fact"), one_line(entity.shown, 60)
    repl.screen.aside(f"forgot {name}: {gone}. The turns stay in the history, and what you say from now on may be kept")


def _history(chat: Chat) -> History:
    return open_history(chat.store, chat.session)


def _find(known: Mapping[str, Entity], name: str) -> Entity:
    """Return the entity of that name; raise NotFound, which names the nearest."""
    key = meant(name)
    if key in known:
        return known[key]
    shown = {fold(entity.shown): entity.shown for entity in known.values()}
    near = [shown[one] for one in get_close_matches(fold(name), shown, n=3, cutoff=0.5)]
    hint = f"did you mean {', '.join(near)}?" if near else "/entities lists who is known"
    raise NotFound(f"nothing is known of {one_line(name, 40)!r}", hint)


def _with_source(fact: Fact) -> str:
    day = time.strftime(", %Y-%m-%d", time.localtime(fact.time)) if fact.time is not None else ""
    return f"{fact.text} · {'yours' if fact.own else f'turn {fact.turn}{day}'}"


def _tell_how_it_stands(repl: "Repl", history: History, any_known: bool) -> None:
    """Say what the list above is not: complete, or sent."""
    chat, read = repl.chat, derived.read(history)
    is_on = any(isinstance(one, Reading) for one in chat.memory.derivations(chat.look()))
    if not is_on:
        lead = f"{chat.memory.spec} does not send them" if any_known else "nothing is known"
        does = "does, and reads" if any_known else "reads"
        repl.screen.tell(f"{lead}; /memory {chat.memory.spec}+entity {does} each turn for facts")
        return
    behind = counted(history.length - read.stop, "message") + " not read yet" if read.stop < history.length else ""
    spoiled = f"no facts could be read from turn {', '.join(map(str, read.skipped))}" if read.skipped else ""
    none_yet = f"read up to turn {read.turns:,}; no facts" if read.turns else _NOT_READ
    nothing = "" if any_known else none_yet
    if said := "; ".join(filter(None, (nothing, behind, spoiled))):
        repl.screen.tell(said)


# In the editor


def _edit(repl: "Repl") -> None:
    chat = repl.chat
    if not chat.store.exists(chat.session):
        raise NotFound("nothing was said yet", "write something first")
    opened = corrections.known(_history(chat)).values()
    before = {(entity.key, _as_line(fact)): (entity.name, fact) for entity in opened for fact in entity.current}
    after = _edited(repl, _as_text(opened))
    if after is None:
        return
    removed = [line for place, line in before.items() if place not in after]
    added = [line for place, line in after.items() if place not in before]
    if not (removed or added):
        repl.screen.aside("nothing was changed")
        return
    chat.change(lambda history: corrections.edit(history, removed, added))
    repl.screen.aside(f"{counted(len(removed), 'line')} taken out, {counted(len(added), 'line')} of your own put in")


def _edited(repl: "Repl", text: str) -> dict[tuple[str, str], Line] | None:
    """Let the user edit the text until it can be read; None when they gave up."""
    last = None
    while (after := repl.edit(text)) is not None:
        if not after.strip():
            repl.screen.aside("an empty text changes nothing; /forget NAME forgets somebody")
            return None
        try:
            return _lines_of(after)
        except UsageError as error:
            if after == last:
                raise
            text, last = f"# {error.message}: {error.hint}\n{after}", after
    repl.screen.warn("the editor failed; nothing was changed")
    return None


def _as_text(known: Iterable[Entity]) -> str:
    blocks = ("\n".join([f"\n[{one.shown}]", *(f"- {_as_line(fact)}" for fact in one.current)]) for one in known)
    return "\n".join([_EXPLAINED, *blocks]).replace("\n\n\n", "\n\n") + "\n"


def _as_line(fact: Fact) -> str:
    return f"{fact.text} (turn {fact.turn})" if fact.turn else fact.text


def _lines_of(text: str) -> dict[tuple[str, str], Line]:
    """Return the facts in an edited text by key and line; raise UsageError for a line that is none."""
    found: dict[tuple[str, str], Line] = {}
    name = ""
    for line in map(tidy, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            name = line[1:-1].strip()
            if not meant(name):
                raise UsageError(f"{one_line(line, 40)} is no name", "a name stands in brackets, alone in its line")
        elif line and not line.startswith("#"):
            said = line.removeprefix("-").strip()
            if said:
                found[_key(name, line), said] = (_own_name(name), _fact(said))
    return found


def _key(name: str, line: str) -> str:
    if not name:
        raise UsageError(f"{one_line(line, 30)!r} stands under no name", "put [Name] in a line above it")
    return meant(name)


def _own_name(name: str) -> str:
    return "the user" if meant(name) == USER else name


def _fact(said: str) -> Fact:
    match = _TURN.fullmatch(said)
    text = match[1] if match else said
    if len(text) > LONGEST_FACT:
        raise UsageError(f"{one_line(text, 30)!r} is too long", f"a fact has at most {LONGEST_FACT} characters")
    return Fact(text, int(match[2]) if match else 0, own=True)
