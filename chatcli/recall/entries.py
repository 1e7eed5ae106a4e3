"""What is taken into the index: messages, and passages of long ones, with the terms they are found by."""

from collections.abc import Iterator
from typing import NamedTuple

from chatcli.messages import Message, fingerprint, is_time
from chatcli.recall.form import form
from chatcli.recall.passages import length, passages
from chatcli.recall.rows import PARTS
from chatcli.recall.segment import date_terms, terms

TextRow = tuple[int, str, bytes | None, float | None, str, bytes, int, str]
"""A row of the table `texts`: number, role, name, time, day, text, whole, fingerprint."""


class Entry(NamedTuple):
    """A unit as it is taken in: a message or a passage of one, with the terms it is found by."""

    number: int
    message: Message
    text: str
    whole: bool
    day: str
    terms: list[str]
    tokens: int
    form: int
    fingerprint: str


def entries(position: int, message: Message) -> Iterator[Entry]:
    """Yield the units of a message; none for one that says nothing or is nobody's words."""
    text = message.text
    if message.role not in ("user", "assistant") or not text.strip():
        return
    mark = fingerprint(message)
    day = date_terms(message.time)
    before = [*(terms(message.name) if message.name else ()), *day]
    total = length(text)
    found = passages(text, total)
    for part, passage in enumerate(found):
        yield Entry(
            (position << PARTS) + part,
            message,
            passage,
            len(found) == 1,
            " ".join(day),
            [*before, *terms(passage)],
            length(passage) if len(found) > 1 else total,
            form(passage),
            mark,
        )


def read_entry(row: TextRow) -> Entry:
    """Return the unit of a row, as it was taken in."""
    number, _, _, _, day, _, whole, mark = row
    message = to_message(row)
    before = [*(terms(message.name) if message.name else ()), *day.split()]
    return Entry(number, message, message.text, bool(whole), day, [*before, *terms(message.text)], 0, 0, mark)


def to_message(row: TextRow) -> Message:
    """Return what a row says, as a message; raise ValueError for what only a damaged file says."""
    _, role, name, when, _, text, _, _ = row
    if role not in ("user", "assistant") or not (when is None or is_time(when)):
        raise ValueError(f"no message: {role!r}, {when!r}")
    who = name.decode("utf-8", "surrogatepass") if name else None
    return Message(role, text.decode("utf-8", "surrogatepass"), time=when, name=who)  # type: ignore[arg-type]


def text_row(entry: Entry) -> TextRow:
    """Return the row that keeps what an entry says."""
    message = entry.message
    name = message.name.encode("utf-8", "surrogatepass") if message.name else None
    text = entry.text.encode("utf-8", "surrogatepass")
    return (entry.number, message.role, name, message.time, entry.day, text, entry.whole, entry.fingerprint)
