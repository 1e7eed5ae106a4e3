"""What others write is printed above the line once the terminal has said where that stands."""

import asyncio
from io import StringIO

from prompt_toolkit import PromptSession
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from chatcli.repl.above import above

WHERE = "\x1b[6n"
PATIENCE = 20.0  # seconds


class Paper(StringIO):
    """A terminal that answers when it is told to."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError("no file")


async def until(seen: asyncio.Event) -> None:
    await asyncio.wait_for(seen.wait(), PATIENCE)


def test_nothing_is_printed_above_a_line_whose_place_the_terminal_has_not_told_yet() -> None:
    async def at_the_line() -> None:
        paper, drawn, shown = Paper(), asyncio.Event(), asyncio.Event()
        with create_pipe_input() as keyboard:
            output = Vt100_Output(paper, lambda: Size(rows=24, columns=80), term="xterm")
            session: PromptSession[str] = PromptSession(input=keyboard, output=output)
            session.app.after_render += lambda app: drawn.set()
            line = asyncio.create_task(session.prompt_async("you> ", handle_sigint=False))
            await until(drawn)
            assert paper.getvalue().count(WHERE) == 1
            above(session, shown.set, lambda: False)
            await asyncio.sleep(0)
            assert not shown.is_set()
            keyboard.send_text("\x1b[5;1R")
            await until(shown)
            assert paper.getvalue().count(WHERE) == 2, "it is asked anew: the line stands elsewhere"
            keyboard.send_text("\x1b[6;1Rsent\r")
            assert await asyncio.wait_for(line, PATIENCE) == "sent"

    asyncio.run(at_the_line())
