"""`chatcli ask`: one turn, for scripts and for the hurry."""

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chatcli.cli.flags import Flags, with_flags
from chatcli.render.safe import neutralise

if TYPE_CHECKING:
    from chatcli.chat import Chat
    from chatcli.config import Config
    from chatcli.messages import Content, Message
    from chatcli.turn import Turning


@with_flags
def ask(
    flags: Flags,
    text: Annotated[str | None, typer.Argument(metavar="[TEXT]", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The reply and its figures as one JSON document.")] = False,
) -> None:
    """Ask once: the reply alone goes to stdout. Piped input is added after TEXT.

    Example: git diff | chatcli ask "Write a commit message"
    """
    from chatcli.attachments import with_attachments
    from chatcli.cli.later import derive_later
    from chatcli.cli.opened import opened_chat
    from chatcli.errors import StoreError

    content = with_attachments(_question(text), flags.attachments)
    with opened_chat(flags) as (chat, place):
        chat.background.close()  # it would end with us, half done and paid for
        try:
            reply = _answer(chat, content, flags, as_json, place.config)
        except StoreError as error:
            reply = _unsaved(chat, error, as_json, place.folders.state)
        if as_json and reply is not None:
            _print_document(chat, reply)
        _tell(chat, flags.quiet)
        derive_later(chat, flags.store)
    if reply is None or reply.finish == "interrupted":
        raise typer.Exit(130)


def _tell(chat: "Chat", quiet: bool) -> None:
    """Say in one line what the memory did."""
    from chatcli.cli.output import notice

    notes = chat.last_context.notes if chat.last_context else ()
    news = chat.aids.index.news if chat.aids.index else []
    if told := dict.fromkeys([*notes, *news]):
        notice(" · ".join(told), quiet)


def _question(text: str | None) -> str:
    """Return TEXT and what was piped in; raise UsageError when there is neither."""
    from chatcli.errors import UsageError

    piped = "" if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty() else _read_stdin()
    question = "\n\n".join(part for part in (text, piped.strip("\n")) if part and part.strip())
    if not question:
        raise UsageError("there is nothing to ask", 'chatcli ask "What is …?", or pipe the text in')
    return question


def _read_stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _answer(chat: "Chat", content: "Content", flags: Flags, as_json: bool, config: "Config") -> "Message | None":
    import io

    from chatcli.render.reply import reply_view
    from chatcli.render.turn import show_turn
    from chatcli.repl.keys import on_interrupt

    out = io.StringIO() if as_json else sys.stdout
    view = reply_view(out, plain=flags.plain or config.plain, quiet=flags.quiet)
    with closing(_turn(chat, content, flags.quiet)) as events, on_interrupt(chat.stop):
        whole = flags.no_stream or not config.stream
        return show_turn(events, view, whole=whole, reasoning=config.reasoning)


def _turn(chat: "Chat", content: "Content", quiet: bool) -> "Turning":
    """Start the turn; one that failed before with the very same input is taken up again, not doubled."""
    from chatcli.cli.output import notice

    unfinished = chat.unfinished()
    same = next((turn for turn in unfinished if turn.user.content == content), None)
    if len(unfinished) > (same is not None):
        notice(f"{chat.session} has an unfinished turn; chatcli chat -s offers it", quiet)
    return chat.retry(same) if same else chat.send(content)


def _unsaved(chat: "Chat", error: Exception, as_json: bool, folder: Path) -> "Message":
    """Return a reply that the store did not take at first; raise its `error` if it still does not.

    The reply is printed and kept in a file then: it was paid for.
    """
    from chatcli.repl.rescue import save_or_rescue

    if chat.unsaved is None:
        raise error
    reply = chat.unsaved[1]
    path = save_or_rescue(chat, folder)
    if path is None:
        return reply
    if as_json:
        _print_document(chat, reply)
    print(f"the turn is kept in {neutralise(str(path))}", file=sys.stderr)
    raise error


def _print_document(chat: "Chat", reply: "Message") -> None:
    from chatcli.cli.output import print_json

    usage = reply.usage
    print_json(
        {
            "text": reply.text,
            "session": chat.session,
            "model": reply.model,
            "memory": chat.memory.spec,
            "finish": reply.finish,
            "usage": usage and {"prompt": usage.prompt, "completion": usage.completion, "cached": usage.cached},
        }
    )
