"""Picks a session from a list below the cursor: typing filters it, the highlighted one's last turns stand under it.

It is drawn in place and erased when it is done: the scrollback has nothing of it.
"""

import asyncio

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import BufferControl, FormattedTextControl, HSplit, Layout, Window
from prompt_toolkit.layout.containers import ConditionalContainer
from prompt_toolkit.layout.dimension import Dimension
from prompt_toolkit.layout.processors import BeforeInput
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.styles import Style

from chatcli.errors import NotFound, StoreError, UsageError
from chatcli.names import listed
from chatcli.palette import for_prompt_toolkit
from chatcli.render.safe import one_line
from chatcli.render.theme import colors
from chatcli.repl.bindings import drop_mouse_events
from chatcli.repl.choosing import Choices, line, preview
from chatcli.repl.output import on_a_terminal
from chatcli.stores import Store

_FIRST_PAGE = 200
"""Sessions that are there at once; the others come while the user looks."""

_TALLEST = 24  # lines, in a terminal that has more
_PREVIEW_FROM = 10  # lines of a terminal that has room for a preview
_NARROWEST = 24  # columns of one that has
_ESCAPE = 0.05  # seconds after which an escape character is the key of that name


def pick_session(store: Store) -> str | None:
    """Return the name of the session that the user picks, None when they would rather not.

    Raises NotFound when there is no session, UsageError without a terminal.
    """
    if not on_a_terminal():
        raise UsageError("there is no terminal to pick a session on", "name it: chatcli sessions resume NAME")
    found = listed(store, _FIRST_PAGE)
    if not found:
        raise NotFound("there is no session yet", "chatcli chat -s NAME makes one")
    return _Picker(store, Choices(found)).run()


def _style() -> Style:
    """Return the colours in force."""
    look = colors()
    ask, dim = for_prompt_toolkit(look.prompt), for_prompt_toolkit(look.dim)
    return Style.from_dict({"ask": ask, "here": "reverse", "dim": dim})


class _Picker:
    """The list on the screen, from its first line to its end."""

    def __init__(self, store: Store, choices: Choices) -> None:
        self._store = store
        self._choices = choices
        self._previews: dict[tuple[str, int, int], list[str]] = {}
        self._wanted = asyncio.Event()
        self._filter = Buffer(multiline=False, on_text_changed=lambda buffer: self._filtered(buffer.text))
        self._app: Application[str | None] = Application(
            Layout(self._container()),
            style=_style(),
            key_bindings=self._keys(),
            erase_when_done=True,
            color_depth=ColorDepth.from_env(),  # NO_COLOR
        )
        self._app.ttimeoutlen = _ESCAPE
        self._app.renderer.cpr_not_supported_callback = None

    def run(self) -> str | None:
        """Return the name of the session that was picked."""
        return self._app.run(pre_run=self._begin)

    def _begin(self) -> None:
        if len(self._choices) == _FIRST_PAGE:
            self._app.create_background_task(self._load_the_others())
        self._app.create_background_task(self._load_previews())
        self._wanted.set()

    # What is drawn

    def _container(self) -> HSplit:
        asked = BufferControl(self._filter, [BeforeInput(self._question, style="class:ask")])
        below = HSplit(
            [
                Window(height=1, char="─", style="class:dim"),
                Window(FormattedTextControl(self._preview), height=lambda: Dimension.exact(self._heights()[1])),
            ]
        )
        return HSplit(
            [
                Window(asked, height=1),
                Window(FormattedTextControl(self._list), height=lambda: Dimension.exact(self._heights()[0])),
                ConditionalContainer(below, Condition(lambda: self._heights()[1] > 0)),
                Window(FormattedTextControl(self._hint), height=1, style="class:dim"),
            ]
        )

    def _size(self) -> tuple[int, int]:
        size = self._app.output.get_size()
        return size.columns, size.rows

    def _heights(self) -> tuple[int, int]:
        """Return the lines of the list and of the preview: they stay as they are, whatever is typed."""
        columns, rows = self._size()
        room = max(1, min(rows, _TALLEST) - 3)  # the question, the hint, one line that stays free
        if rows < _PREVIEW_FROM or columns < _NARROWEST:
            return min(room, max(1, len(self._choices))), 0
        upper = min(room // 2, max(1, len(self._choices)))
        return upper, room - upper - 1

    def _question(self) -> str:
        return "session> " if self._size()[0] >= _NARROWEST else "> "

    def _list(self) -> StyleAndTextTuples:
        width, names = self._size()[0] - 1, self._choices.widest
        shown, here = self._choices.shown(self._heights()[0])
        return [("class:here" if at == here else "", line(one, width, names) + "\n") for at, one in enumerate(shown)]

    def _preview(self) -> StyleAndTextTuples:
        current = self._choices.current
        lines = self._previews.get((current.name, *self._preview_size())) if current else None
        return [("class:dim", "\n".join(lines or []))]

    def _preview_size(self) -> tuple[int, int]:
        return self._size()[0] - 1, self._heights()[1]

    def _hint(self) -> str:
        found, known = len(self._choices.matching), len(self._choices)
        count = f"{known:,}" if found == known else f"{found:,} of {known:,}"
        return one_line(f"{count} · Enter resumes · Esc leaves", self._size()[0] - 1)

    # What happens

    def _filtered(self, typed: str) -> None:
        self._choices.filter(typed)
        self._wanted.set()

    def _move(self, by: int) -> None:
        self._choices.move(by)
        self._wanted.set()

    async def _load_the_others(self) -> None:
        """Add the sessions behind the first page."""
        try:
            others = await asyncio.to_thread(self._store.sessions, None, _FIRST_PAGE)
        except StoreError:
            return  # those that are there can be picked
        self._choices.add(others)
        self._app.invalidate()

    async def _load_previews(self) -> None:
        """Load the preview of the one that is highlighted, when it is: a quick walk down the list loads the last."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            current, size = self._choices.current, self._preview_size()
            if current is None or not size[1] or (current.name, *size) in self._previews:
                continue
            try:
                lines = await asyncio.to_thread(preview, self._store, current.name, *size)
            except StoreError as error:
                lines = [one_line(error.message, size[0])]
            self._previews[(current.name, *size)] = lines
            self._app.invalidate()

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        drop_mouse_events(keys)
        page = self._heights
        for names, by in {
            ("up", "c-p"): lambda: -1,
            ("down", "c-n", "tab"): lambda: 1,
            ("pageup",): lambda: -page()[0],
            ("pagedown",): lambda: page()[0],
            ("c-home",): lambda: -len(self._choices),
            ("c-end",): lambda: len(self._choices),
        }.items():
            for name in names:
                keys.add(name)(lambda event, by=by: self._move(by()))
        keys.add("enter")(self._take)
        for name in ("escape", "c-c", "<sigint>", "c-d"):
            keys.add(name, eager=True)(lambda event: event.app.exit(result=None))
        return keys

    def _take(self, event: KeyPressEvent) -> None:
        if self._choices.current is not None:
            event.app.exit(result=self._choices.current.name)
