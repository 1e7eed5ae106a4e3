"""`chatcli ask`: one turn, for scripts and for the hurry."""

import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chatcli.cli.flags import Flags, with_flags
from chatcli.errors import ModelError, NotFound
from chatcli.names import store_in_shell
from chatcli.render.safe import neutralise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chatcli.attachments import Attachment
    from chatcli.chat import Chat
    from chatcli.cli.answers import Schema
    from chatcli.cli.resolve import Workplace
    from chatcli.config import Config
    from chatcli.messages import Content, Message
    from chatcli.render.reply import ReplyView
    from chatcli.turn import Turning


@dataclass(frozen=True, slots=True)
class Form:
    """What a script wants of the answer."""

    as_json: bool = False
    extract: bool = False
    schema: "Schema | None" = None

    @property
    def wants_whole(self) -> bool:
        """Whether nothing can be printed before the answer is whole."""
        return self.as_json or self.extract or self.schema is not None


@with_flags
def ask(
    flags: Flags,
    text: Annotated[str | None, typer.Argument(metavar="TEXT", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The reply and its figures as one JSON document.")] = False,
    extract: Annotated[bool, typer.Option("-x", "--extract", help="Only the first code block of the reply.")] = False,
    schema: Annotated[
        str | None, typer.Option("--schema", metavar="FILE", help="The reply is JSON that fits this JSON Schema.")
    ] = None,
) -> None:
    """Ask once: the reply alone goes to stdout. Piped input is added after TEXT.

    Example: git diff | chatcli ask "Write a commit message"
    """
    from chatcli.attachments import attach_all, with_attachments
    from chatcli.cli.later import derive_later
    from chatcli.cli.opened import opened_chat

    form = _form(as_json, extract, schema)
    attached = attach_all(flags.attachments)
    content = with_attachments(_question(text), attached)
    with opened_chat(flags) as (chat, place):
        _tell_attached(chat, attached, flags.quiet)
        chat.background.close()  # it would end with us, half done and paid for
        reply = _answer(chat, content, flags, form, place.config)
        _tell(chat, flags.quiet)
        derive_later(chat, flags.store)
        if reply is not None:
            _print(chat, reply, form, place, flags.store)
            _tell_cut(chat, reply, flags)
    if reply is None or reply.finish == "interrupted":
        raise typer.Exit(130)


def _tell_attached(chat: "Chat", attached: "Sequence[Attachment]", quiet: bool) -> None:
    """Say in one line what goes with the question, and what it costs; to somebody who sits there."""
    from chatcli.cli.output import notice

    if attached and not quiet and sys.stderr.isatty():
        from chatcli.render.attached import listed

        notice(listed(chat, attached))


def _tell(chat: "Chat", quiet: bool) -> None:
    """Say in one line what the memory did."""
    from chatcli.cli.output import notice

    notes = chat.last_context.notes if chat.last_context else ()
    news = chat.aids.index.news if chat.aids.index else []
    if told := dict.fromkeys([*notes, *news]):
        notice(" · ".join(told), quiet)


def _tell_cut(chat: "Chat", reply: "Message", flags: Flags) -> None:
    """Say that the reply ended at the token limit, and how to have the rest."""
    from chatcli.cli.output import notice

    if reply.finish == "length":
        rest = f"; chatcli chat {_where(chat, flags.store)} and /continue go on" if chat.store.durable else ""
        notice(f"cut at the token limit{rest}", flags.quiet)


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


def _form(as_json: bool, extract: bool, schema: str | None) -> Form:
    from chatcli.errors import UsageError

    if extract and (as_json or schema is not None):
        raise UsageError("-x and JSON are two forms of an answer", "leave one of them out")
    if schema is None:
        return Form(as_json, extract)
    from chatcli.cli.answers import Schema

    return Form(as_json, schema=Schema(Path(schema)))


def _answer(chat: "Chat", content: "Content", flags: Flags, form: Form, config: "Config") -> "Message | None":
    """Return the reply; an endpoint that knows no schemas is asked in words, once."""
    from chatcli.errors import BadRequest

    if form.schema is None:
        return _shown(chat, content, flags, form, config)
    own = chat.options
    try:
        chat.options = {**own, **form.schema.options}
        return _shown(chat, content, flags, form, config)
    except BadRequest:
        chat.options, chat.prompt = own, form.schema.in_words(chat.prompt)
        return _shown(chat, content, flags, form, config)


def _shown(chat: "Chat", content: "Content", flags: Flags, form: Form, config: "Config") -> "Message | None":
    from chatcli.cli.output import notice
    from chatcli.render.reply import AwaitedReply, reply_view
    from chatcli.render.turn import show_turn
    from chatcli.repl.keys import on_interrupt

    whole = form.wants_whole or flags.no_stream or not config.stream
    if form.wants_whole:
        view: ReplyView = AwaitedReply(sys.stdout, None if flags.quiet else sys.stderr)
    else:
        view = reply_view(sys.stdout, plain=flags.plain or config.plain, quiet=flags.quiet)
    with closing(_turn(chat, content, flags.quiet)) as events, on_interrupt(chat.stop):
        speed = notice if config.show_speed and not flags.quiet else None
        return show_turn(events, view, whole=whole, reasoning=config.reasoning, tell_speed=speed)


def _turn(chat: "Chat", content: "Content", quiet: bool) -> "Turning":
    """Start the turn; say that others wait which are not taken up by this one."""
    from chatcli.cli.output import notice

    unfinished = chat.unfinished()
    if any(turn.user.content != content for turn in unfinished):
        notice(f"{chat.session} has an unfinished turn; chatcli chat -s offers it", quiet)
    return chat.send(content, unfinished)


def _print(chat: "Chat", reply: "Message", form: Form, place: "Workplace", store: str | None) -> None:
    """Print what was not printed while it came.

    Raises NotFound for a reply without the code that is wanted, BrokenStream for one that does not fit its schema.
    """
    from chatcli.cli.output import print_json

    if form.extract:
        from chatcli.render.fences import code_in

        if blocks := code_in(reply.text):
            print(neutralise(blocks[0]))
        elif reply.finish != "interrupted":
            raise _no_code(chat, store)
        return
    broken, data = None, {}
    if form.schema is not None and reply.finish != "interrupted":
        try:
            data = {"data": form.schema.document(reply.text, _kept(chat, store))}
        except ModelError as error:
            broken, data = error, {"data": None}
    if form.as_json:
        print_json({**_document(chat, reply, place), **data})
    elif data and not broken:
        print_json(data["data"])
    if broken:
        raise broken


def _no_code(chat: "Chat", store: str | None) -> NotFound:
    return NotFound("the reply has no code block", _kept(chat, store) or "without -x all of it is printed")


def _kept(chat: "Chat", store: str | None) -> str:
    """Return how all of the reply can be seen; '' where it is not kept."""
    return f"it is kept: chatcli history show {_where(chat, store)}" if chat.store.durable else ""


def _where(chat: "Chat", store: str | None) -> str:
    """Return the options that find the session again, in a shell."""
    return f"-s {quote(chat.session)}{store_in_shell(store)}"


def _document(chat: "Chat", reply: "Message", place: "Workplace") -> dict[str, Any]:
    from chatcli.cli.resolve import prices_of
    from chatcli.prices import cost

    usage, prices = reply.usage, prices_of(place.config)(reply.model or "")
    return {
        "text": reply.text,
        "session": chat.session,
        "model": reply.model,
        "memory": chat.memory.spec,
        "finish": reply.finish,
        "usage": usage and {"prompt": usage.prompt, "completion": usage.completion, "cached": usage.cached},
        "cost": cost(usage, prices) if usage and prices else None,
    }
