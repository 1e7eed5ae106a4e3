"""Files that go with an input: text is put into it under its name, an image becomes a part with a data URL."""

import base64
from collections.abc import Sequence
from pathlib import Path

from chatcli.errors import UsageError
from chatcli.messages import Content

TEXT_LIMIT = 1_000_000
"""Bytes of a text file: about 250,000 tokens, more than most models take."""

IMAGE_LIMIT = 20_000_000
"""Bytes of an image: what OpenAI and DashScope accept."""

_IMAGES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}


def with_attachments(text: str, paths: Sequence[Path]) -> Content:
    """Return the input `text` together with the files; raise UsageError for one that cannot be sent."""
    images = []
    for path in paths:
        data = _read(path)
        if kind := _image_type(data):
            url = f"data:{kind};base64,{base64.b64encode(data).decode()}"
            images.append({"type": "image_url", "image_url": {"url": url}})
        else:
            text = f"{text}\n\n{_as_text(path, data)}".lstrip("\n")
    return ({"type": "text", "text": text}, *images) if images else text


def _read(path: Path) -> bytes:
    try:
        path = path.expanduser()
        if path.is_dir():
            raise UsageError(f"{path} is a folder", "attach the files in it one by one")
        if path.stat().st_size > IMAGE_LIMIT:
            size = path.stat().st_size // 1_000_000
            raise UsageError(f"{path} has {size} MB; {IMAGE_LIMIT // 1_000_000} MB is the limit", "attach a part of it")
        if not path.is_file():
            raise UsageError(f"{path} is no file", "attach a text file or an image")
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be attached: {error.strerror}", "check the path") from None
    except (RuntimeError, ValueError) as error:  # ~nobody, a NUL
        raise UsageError(f"{path} cannot be attached: {error}", "write the whole path") from None


def _image_type(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _IMAGES.items() if data.startswith(magic)), None)


def _as_text(path: Path, data: bytes) -> str:
    hint = "attach text in UTF-8, or a PNG, JPEG, GIF or WebP image"
    if len(data) > TEXT_LIMIT:
        raise UsageError(f"{path} has {len(data):,} bytes; {TEXT_LIMIT:,} is the limit for text", "attach a part of it")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is neither text nor an image", hint) from None
    if "\0" in text:
        raise UsageError(f"{path} is neither text nor an image", hint)
    fence = "```" if "```" not in text else "~~~~~~"
    return f"{_readable(path.name)}:\n{fence}\n{text.rstrip()}\n{fence}"


def _readable(name: str) -> str:
    """Return a file's name as text that can be sent: a name may hold bytes that are no characters."""
    return name.encode("utf-8", "replace").decode()
