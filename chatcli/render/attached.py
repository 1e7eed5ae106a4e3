"""What is attached, with its tokens, as it is listed before it is sent."""

from collections.abc import Iterable

from chatcli import tokens
from chatcli.attachments import Attachment
from chatcli.chat import Chat
from chatcli.messages import Message


def listed(chat: Chat, attached: Iterable[Attachment]) -> str:
    """Return the files in one line: `notes.md, 1,240 tokens · cat.png, ~765 tokens`."""
    return " · ".join(sized(chat, one) for one in attached)


def sized(chat: Chat, attached: Attachment) -> str:
    """Return a file's name and its tokens; `~` where they are estimated: pictures are counted by nobody alike."""
    measure = chat.aids.measure(chat.model.name)
    own = tokens.of_message(Message("user", (attached.part,)), measure or tokens.estimate) - tokens.MESSAGE_OVERHEAD
    rough = "~" if measure is None or attached.is_image else ""
    return f"{attached.name}, {rough}{own:,} tokens"
