"""An image as a data URL, made smaller where it is too large: with Pillow, if the extra `images` is installed."""

import base64
from pathlib import Path
from typing import TYPE_CHECKING

from chatcli.attachments.files import too_much
from chatcli.errors import UsageError
from chatcli.extras import how_to_install
from chatcli.images import Picture, is_whole

if TYPE_CHECKING:
    from PIL.Image import Image

ACCEPTED = 20_000_000
"""Bytes of an image that OpenAI and DashScope accept."""

SIDE = 2048
"""Pixels of the longer side, beyond which every endpoint scales an image down itself, and less is seen."""

WORTHWHILE = 1_000_000
"""Bytes from which an image of more pixels is made smaller; below, sending it costs less than scaling it."""

PIXELS = 89_000_000
"""Pixels of an image that is sent: it takes 360 MB when it is opened. More in a small file is a trap.

Pillow warns of more than 89.5 million: it speaks only when it finds another size than the header told, a trap as well.
"""


def sendable(path: Path, data: bytes, picture: Picture) -> str:
    """Return the image as a data URL, scaled down when it is larger than is seen; raise UsageError for a broken one.

    Without Pillow it goes as it is, up to ACCEPTED bytes.
    """
    if not picture.width or not picture.height or not is_whole(data, picture):
        raise broken(path)
    if picture.width * picture.height > PIXELS:
        size = f"{picture.width:,} × {picture.height:,} pixels"
        raise UsageError(f"{path} has {size}; {PIXELS:,} are the limit", "make it smaller, or attach a part of it")
    kind = picture.kind
    if len(data) > ACCEPTED or (len(data) > WORTHWHILE and max(picture.width, picture.height) > SIDE):
        smaller = _smaller(path, data)
        if smaller is not None:
            kind, data = smaller
    if len(data) > ACCEPTED:
        raise too_much(path, len(data), ACCEPTED, "an image", f"{how_to_install('pillow')}: it is scaled down then")
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def broken(path: Path) -> UsageError:
    """Return the error for a file that begins as an image and is none."""
    return UsageError(f"{path} is a broken image", "open it in another program, save it again, and attach that")


def _smaller(path: Path, data: bytes) -> tuple[str, bytes] | None:
    """Return the image, its longer side SIDE pixels at most, with its media type; None without Pillow."""
    try:
        from PIL import Image
    except ImportError:
        return None
    import warnings

    # what Pillow raises for broken files
    wrong = (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nothing of it belongs on a terminal
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _scaled_down(data)
    except wrong:
        raise broken(path) from None


def _scaled_down(data: bytes) -> tuple[str, bytes]:
    import io

    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (SIDE, SIDE))  # a JPEG is decoded at about the size that is needed
        upright = ImageOps.exif_transpose(image)
        upright.thumbnail((SIDE, SIDE))
        return _encoded(upright, image.format)


def _encoded(image: "Image", was: str | None) -> tuple[str, bytes]:
    """Return a small image as a PNG, or as a JPEG where it was one, or a photograph, which is huge as a PNG."""
    import io

    from PIL import Image

    if was != "JPEG":
        png = io.BytesIO()
        image.save(png, "PNG")
        if png.tell() <= ACCEPTED // 4:
            return "image/png", png.getvalue()
        full = image.convert("RGBA")  # what shows through is white, not black
        image = Image.alpha_composite(Image.new("RGBA", full.size, "white"), full)
    jpeg = io.BytesIO()
    image.convert("RGB").save(jpeg, "JPEG", quality=88)
    return "image/jpeg", jpeg.getvalue()
