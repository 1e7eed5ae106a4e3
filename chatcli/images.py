"""What the first bytes of an image tell: its kind and its size in pixels. Nothing is decoded."""

import base64
import binascii
from dataclasses import dataclass
from struct import error as TooShort
from struct import unpack_from

_HEADER = 2**15
"""Bytes in which nearly every image says its size."""

_FAR = 2**20
"""Bytes until which a JPEG may carry profiles and previews before it says its size."""

_MAGIC = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}

_SIZES_IN_JPEG = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""The markers of a frame; the three between are tables and extensions."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image: its media type, and its width and height in pixels (0: the header is broken or too short)."""

    kind: str
    width: int
    height: int


def look(data: bytes) -> Picture | None:
    """Return what the bytes of a PNG, JPEG, GIF or WebP say of themselves; None for all else."""
    kind = _kind(data)
    if kind is None:
        return None
    try:
        width, height = _SIZES[kind](data)
    except (TooShort, IndexError):
        width = height = 0
    return Picture(kind, width, height)


def from_url(url: str) -> Picture | None:
    """Return what a data URL holds; None for another address, or for no image that we know."""
    if not url.startswith("data:image/"):
        return None
    start = url.find(";base64,") + len(";base64,")
    for most in (_HEADER, _FAR):
        picture = look(_decoded(url[start : start + most // 3 * 4]))
        if picture is None or picture.width:
            return picture
    return picture


def label(url: str) -> str:
    """Return how an image is named where only text can stand: `[image 240 kB]`, or with its address."""
    if not url.startswith("data:"):
        return f"[image {url}]"
    encoded = url.partition(",")[2]
    return f"[image {size_of(len(encoded) * 3 // 4 - encoded[-2:].count('='))}]"


def size_of(count: int) -> str:
    """Return a number of bytes as `240 kB`; thousands, as file managers count."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}" if count < 10 * size else f"{count / size:,.0f} {unit}"
    return f"{count} bytes"


def is_whole(data: bytes, picture: Picture) -> bool:
    """Say whether the file has its end: one that was cut while it was written or fetched has none."""
    match picture.kind:
        case "image/png":
            return b"IEND\xae\x42\x60\x82" in data[-4096:]
        case "image/jpeg":
            return data.rfind(b"\xff\xd9") > 0
        case "image/gif":
            return b";" in data[-16:]
    return len(data) >= 8 + int.from_bytes(data[4:8], "little")


def _kind(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), None)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text[: len(text) // 4 * 4])
    except (binascii.Error, ValueError):
        return b""


def _png(data: bytes) -> tuple[int, int]:
    width, height = unpack_from(">II", data, 16)
    return width, height


def _gif(data: bytes) -> tuple[int, int]:
    width, height = unpack_from("<HH", data, 6)
    return width, height


def _webp(data: bytes) -> tuple[int, int]:
    match data[12:16]:
        case b"VP8X":
            return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
        case b"VP8L":
            (bits,) = unpack_from("<I", data, 21)
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _jpeg(data: bytes) -> tuple[int, int]:
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker in _SIZES_IN_JPEG:
            height, width = unpack_from(">HH", data, at + 5)
            return width, height
        (length,) = unpack_from(">H", data, at + 2)
        at += 2 + length
    return 0, 0


_SIZES = {"image/png": _png, "image/gif": _gif, "image/webp": _webp, "image/jpeg": _jpeg}
