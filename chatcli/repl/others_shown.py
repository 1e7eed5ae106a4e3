"""What others did to the session that is open, as it is shown above the prompt."""

from io import StringIO

from chatcli.authors import NAMELESS
from chatcli.following import News
from chatcli.messages import Message
from chatcli.render.history import describe, end_note
from chatcli.render.safe import one_line
from chatcli.render.turn import print_reply
from chatcli.repl.last_turns import LONGEST_AUTHOR
from chatcli.repl.screen import Screen
from chatcli.values import counted

_MOST_LINES, _MOST_CHARACTERS = 40, 4_000
_LONGEST_LINE = 200
_ONE = ("reply", "turn")


class _Page(StringIO):
    """What a terminal would be written."""

    def isatty(self) -> bool:
        """It is to be shown on one."""
        return True


def drawn(news: News, plain: bool = False) -> str:
    """Return what a terminal is shown of what others did: what they took back in a line, then what they wrote."""
    page = _Page()
    screen = Screen(page, page, plain)
    if news.taken:
        screen.warn(_taken(news))
    if news.total > len(news.added):
        screen.aside(f"{counted(news.total, 'message')} came from elsewhere; /history shows them")
    for message in news.added:
        _show(screen, page, message)
    return page.getvalue()


def _taken(news: News) -> str:
    if news.gone:
        lost = "it was deleted or renamed elsewhere, or the store lost it"
        return f"this session is not in the store now: {lost}; what you send next begins it anew"
    if news.emptied:
        stands = "; your last turn stands in it" if news.before_own else ""
        return f"this session was emptied {f'by {one_line(news.author, 60)}' if news.author else 'elsewhere'}{stands}"
    if news.turns is None:
        return "turns were taken back elsewhere; /history shows what stands there"
    verb = "were" if news.turns > 1 else "was"
    return f"{_what(news.turns, news.before_own)} {verb} {'replaced' if news.total else 'taken back'} elsewhere"


def _what(turns: int, before_own: bool) -> str:
    """Return what was taken back, as it is told from where the user is: behind it stands what they said, or nothing."""
    if before_own:
        return f"the {counted(turns, 'turn')} before yours" if turns > 1 else f"the {_ONE[turns]} before your last turn"
    return f"the last {counted(turns, 'turn')}" if turns > 1 else f"the last {_ONE[turns]}"


def _show(screen: Screen, page: _Page, message: Message) -> None:
    text, left = _beginning(describe(message).strip("\n"))
    if message.role == "user":
        screen.said(f"{one_line(message.author or NAMELESS, LONGEST_AUTHOR)}> ", text)
    elif message.role == "assistant":
        print_reply(text, screen.plain, page)
    else:
        screen.aside(one_line(f"{message.role}: {text}", _LONGEST_LINE))
    if left:
        screen.aside(f"… {counted(left, 'more line')}; /history shows them")
    if message.role == "assistant":
        if ending := end_note(message):
            screen.aside(ending)
        screen.say()


def _beginning(text: str) -> tuple[str, int]:
    """Return as much of a text as is shown here, and how many lines are left then."""
    lines = text[:_MOST_CHARACTERS].split("\n")[:_MOST_LINES]
    begun = "\n".join(lines)
    return begun, max(1, text.count("\n", len(begun))) if len(begun) < len(text) else 0
