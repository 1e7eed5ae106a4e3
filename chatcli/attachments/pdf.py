"""The text of a PDF, page by page: with pypdf, if the extra `pdf` is installed."""

import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from chatcli.errors import ChatError, UsageError
from chatcli.extras import how_to_install

if TYPE_CHECKING:
    from pypdf import PdfReader


def pdf_text(path: Path, data: bytes, limit: int, pause: Callable[[], object]) -> str:
    """Return the text of the PDF, `[page 1]` and so on above each page's; `pause` is called before each.

    Raises UsageError when pypdf is missing, and for a PDF that is broken, encrypted, has only pictures, or has
    more than `limit` characters.
    """
    try:
        import pypdf
    except ImportError:
        hint = f"{how_to_install('pypdf')}; or attach its text"
        raise UsageError(f"{path} is a PDF: reading its text needs the package pypdf", hint) from None
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it tells every oddity of a file on stderr
    try:
        pages = _pages(path, pypdf.PdfReader(io.BytesIO(data)), limit, pause)
        return "\n\n".join(f"[page {number}]\n{text}" for number, text in pages)
    except ChatError:
        raise
    except Exception as error:  # noqa: BLE001 - a broken file breaks pypdf in many ways: KeyError, RecursionError, …
        what = f"{path} is a broken PDF ({type(error).__name__})"
        raise UsageError(what, "open it in another program, save it again, and attach that") from None


def _pages(path: Path, reader: "PdfReader", limit: int, pause: Callable[[], object]) -> list[tuple[int, str]]:
    if reader.is_encrypted and not _opens(reader):
        raise UsageError(f"{path} is encrypted", "save a copy without its password, and attach that")
    found = list(_read(path, reader, limit, pause))
    if not any(text for _, text in found):
        hint = "attach its pages as images, or a copy that went through text recognition (OCR)"
        raise UsageError(f"{path} holds no text: its pages are pictures", hint)
    return found


def _opens(reader: "PdfReader") -> bool:
    """Say whether the file opens without a password: many are only protected against changes."""
    try:
        return bool(reader.decrypt(""))
    except Exception:  # noqa: BLE001 - a cipher that needs another package is one that we cannot open
        return False


def _read(path: Path, reader: "PdfReader", limit: int, pause: Callable[[], object]) -> Iterator[tuple[int, str]]:
    total, count = 0, len(reader.pages)
    for number, page in enumerate(reader.pages, 1):
        pause()
        text = page.extract_text().replace("\0", "").strip()
        total += len(text)
        if total > limit:
            raise UsageError(
                f"{path} has more than {limit:,} characters on the first {number} of its {count} pages",
                "attach a part of it",
            )
        yield number, text
