"""Files that go with an input: a text file is put into it under its name, an image becomes a part with a data URL.

A file is read once, when it is attached: what was listed with its tokens is what is sent.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from chatcli import images
from chatcli.attachments.files import UNFIT_HINT, contents, too_much
from chatcli.errors import UsageError
from chatcli.messages import Content, Part

TEXT_LIMIT = 1_000_000
"""Bytes of a text: about 250,000 tokens, more than most models take."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file as it was when it was attached: the path it was named by, and the part of a message it becomes."""

    path: Path
    part: Part

    @property
    def name(self) -> str:
        """What the file is called in the message and in lists, on one line."""
        return _readable(self.path.name or str(self.path))

    @property
    def is_image(self) -> bool:
        """Whether it is an image."""
        return bool(self.part["type"] == "image_url")


def attach(path: Path, pause: Callable[[], object] = lambda: None) -> Attachment:
    """Read a file and return it as it can be sent; raise UsageError, which names it, for one that cannot be.

    `pause` is called now and then while that takes long, and may raise a ChatError to break it off.
    """
    data = contents(path)
    if (picture := images.look(data)) is not None:
        from chatcli.attachments.pictures import sendable

        return Attachment(path, {"type": "image_url", "image_url": {"url": sendable(path, data, picture)}})
    if b"%PDF-" in data[:1024]:
        from chatcli.attachments.pdf import pdf_text

        text = pdf_text(path, data, TEXT_LIMIT, pause)
    else:
        text = _decoded(path, data)
    return Attachment(path, {"type": "text", "text": fenced(_readable(path.name), text)})


def attach_all(paths: Iterable[Path], pause: Callable[[], object] = lambda: None) -> list[Attachment]:
    """Read all the files, or raise UsageError for the first that cannot be sent; one named twice goes once."""
    return [attach(path, pause) for path in dict.fromkeys(paths)]


def with_attachments(text: str, attached: Sequence[Attachment]) -> Content:
    """Return the input `text` together with what is attached, a part for each."""
    said: Sequence[Part] = ({"type": "text", "text": text},) if text else ()
    return (*said, *(one.part for one in attached)) if attached else text


def fenced(name: str, text: str) -> str:
    """Return a file's text under its name, in a fence that nothing inside can close."""
    longest = max(map(len, re.findall("^ *(`{3,})", text, re.MULTILINE)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{name}:\n{fence}\n{text.rstrip()}\n{fence}"


def attached_name(text: str) -> str | None:
    """Return the name of the file that a part's text is, as `fenced` made it; None for any other text."""
    name, _, rest = text.partition("\n")
    fence, _, inside = rest.partition("\n")
    if not name.endswith(":") or len(fence) < 3 or fence.strip("`") or not inside.endswith(f"\n{fence}"):
        return None
    return name[:-1]


def _decoded(path: Path, data: bytes) -> str:
    if len(data) > TEXT_LIMIT:
        raise too_much(path, len(data), TEXT_LIMIT, "a text", "attach a part of it")
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UsageError(f"{path} is neither text in UTF-8 nor an image", UNFIT_HINT)
    return text


def _readable(name: str) -> str:
    """Return a file's name on one line, as text that can be sent: a name may hold bytes that are no characters."""
    known = name.encode("utf-8", "replace").decode()
    return "".join(char if char.isprintable() else "?" for char in known)
