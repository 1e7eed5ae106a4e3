"""Files that go with a message: what becomes of each kind, and what is refused in two lines."""

import base64
import io
import os
import struct
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from chatcli.attachments import TEXT_LIMIT, attach, attach_all, attached_name, with_attachments
from chatcli.attachments.files import LARGEST
from chatcli.attachments.pictures import ACCEPTED, PIXELS, SIDE, WORTHWHILE
from chatcli.errors import UsageError
from chatcli.extras import how_to_install
from chatcli.images import from_url
from tests.pictures import gif, jpeg, pdf, png, webp


def written(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def text_of(path: Path) -> str:
    return str(attach(path).part["text"])


def url_of(path: Path) -> str:
    return str(attach(path).part["image_url"]["url"])


def refused(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        attach(path)
    assert caught.value.exit_code == 2
    assert caught.value.hint
    assert "\n" not in caught.value.hint
    return caught.value.message


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have a package not be installed."""
    return lambda name: monkeypatch.setitem(sys.modules, name, None)


def test_without_files_the_input_stays_text() -> None:
    assert with_attachments("Hi", []) == "Hi"


def test_each_file_is_a_part_behind_what_was_typed(tmp_path: Path) -> None:
    files = [written(tmp_path / "a.txt", "one"), written(tmp_path / "b.png", png()), written(tmp_path / "c.txt", "two")]
    said, first, image, last = with_attachments("Look @a.txt", attach_all([*files, files[0]]))
    assert said == {"type": "text", "text": "Look @a.txt"}
    assert first == {"type": "text", "text": "a.txt:\n```\none\n```"}
    assert (image["type"], last["text"]) == ("image_url", "c.txt:\n```\ntwo\n```")  # type: ignore[index]
    assert with_attachments("", attach_all(files[:1])) == (first,)


def test_a_text_stands_in_a_fence_that_nothing_in_it_closes(tmp_path: Path) -> None:
    path = written(tmp_path / "notes.md", "\ufeff你好\n````x\n````\n")
    assert text_of(path) == "notes.md:\n`````\n你好\n````x\n````\n`````"
    assert attached_name(text_of(path)) == "notes.md"
    assert [attached_name(text) for text in ("", "a", "a:\n```", "a:\n```\nb", "so:\n```\nx\n```\nand")] == [None] * 5


def test_a_name_is_one_readable_line(tmp_path: Path) -> None:
    assert text_of(written(tmp_path / os.fsdecode(b"caf\xe9.txt"), "hot")) == "caf?.txt:\n```\nhot\n```"
    assert text_of(written(tmp_path / "a\x1b]0;x\nb.txt", "")).startswith("a?]0;x?b.txt:\n```\n")


def test_text_in_utf_16_is_read_by_its_mark(tmp_path: Path) -> None:
    assert "中文" in text_of(written(tmp_path / "w.txt", "中文".encode("utf-16")))


@pytest.mark.parametrize(
    ("data", "kind"),
    [(png(), "image/png"), (jpeg(), "image/jpeg"), (gif(), "image/gif"), (webp(), "image/webp")],
)
def test_an_image_becomes_a_part_with_a_data_url(tmp_path: Path, data: bytes, kind: str) -> None:
    path = written(tmp_path / "picture", data)
    assert url_of(path) == f"data:{kind};base64,{base64.b64encode(data).decode()}"
    assert attach(path).is_image


def test_what_cannot_be_sent_is_refused_by_name(tmp_path: Path) -> None:
    assert "cannot be attached" in refused(tmp_path / "missing.txt")
    assert "is a folder" in refused(tmp_path)
    assert "~nosuch" in refused(Path("~nosuch/f"))
    assert "cannot be attached" in refused(Path("a\0b"))
    assert "cannot be attached" in refused(Path("x" * 5000))
    assert "neither text" in refused(written(tmp_path / "program", b"\x7fELF\xff\xfe"))
    assert "neither text" in refused(written(tmp_path / "zeros", b"a\0b"))
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "cannot be attached" in refused(tmp_path / "loop")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "secret.txt", "x")
    path.chmod(0)
    assert "Permission denied" in refused(path)


def test_a_pipe_and_a_device_are_refused_without_a_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/null")):
        assert "a pipe or a device" in refused(path)


def test_a_file_is_too_large_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(LARGEST * 50)
    assert "has 5.0 GB; 100 MB is the limit" in refused(path)
    os.truncate(path, TEXT_LIMIT + 1)
    assert "limit for a text" in refused(path)


# The kernel writes on as it is read: for the file system it has no byte, and is a regular file all the same.
GROWING = Path("/proc/self/pagemap")


@pytest.mark.skipif(not GROWING.is_file(), reason="no such file here")
def test_a_file_that_grows_while_it_is_read_comes_to_an_end() -> None:
    assert GROWING.stat().st_size == 0
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from chatcli.attachments.files import contents\n"
        "from chatcli.errors import UsageError\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))\n"
        "try:\n    contents(Path(sys.argv[1]))\n"
        "except UsageError as error:\n    print(error.message, error.hint, sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code, GROWING], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"{GROWING} has 101 MB; 100 MB is the limit for a file",
        "it grows while it is read: attach a copy of a part of it",
    ]


# Images


def test_a_broken_image_is_refused(tmp_path: Path) -> None:
    whole = png(noise=bytes(9000))
    for data in (whole[:20], whole[:-200], jpeg()[:-2], gif()[:-1], webp()[:-4], b"\xff\xd8\xff", png(0, 5)):
        assert "is a broken image" in refused(written(tmp_path / "broken", data))
    assert url_of(written(tmp_path / "whole.png", whole))


def test_an_image_with_more_pixels_than_memory_is_refused_unopened(tmp_path: Path) -> None:
    bomb = png(2, 2).replace(b"\0\0\0\2\0\0\0\2", b"\0\0\xff\xff\0\0\xff\xff")
    assert "65,535 × 65,535 pixels" in refused(written(tmp_path / "bomb.png", bomb))


def test_pillow_has_nothing_to_warn_of_in_an_image_within_the_limit() -> None:
    from PIL import Image

    assert Image.MAX_IMAGE_PIXELS is not None
    assert Image.MAX_IMAGE_PIXELS * 0.99 < PIXELS < Image.MAX_IMAGE_PIXELS


def test_an_image_that_is_larger_than_its_header_says_is_refused_without_a_warning(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    warnings.simplefilter("always")
    header = b"GIF89a" + struct.pack("<HH", SIDE + 1, 2) + b"\0\0\0"
    comment = b"\x21\xfe" + (b"\xff" + b"x" * 255) * (WORTHWHILE // 255) + b"\0"
    frame = b"\x2c" + struct.pack("<HHHH", 0, 0, 9500, 10_000) + b"\0\x02\x02\x4c\x01\0"
    assert "is a broken image" in refused(written(tmp_path / "trap.gif", header + comment + frame + b";"))
    assert [str(one.message) for one in recwarn] == []


def test_a_large_image_is_scaled_down_and_keeps_its_form(tmp_path: Path) -> None:
    path = written(tmp_path / "screen.png", png(5000, 1000, noise=bytes(WORTHWHILE)))
    url = url_of(path)
    found = from_url(url)
    assert found is not None
    assert (found.kind, found.width, found.height) == ("image/png", SIDE, 410)
    assert len(url) < 100_000
    small = png(5000, 1000)
    assert len(base64.b64decode(url_of(written(path, small)).partition(",")[2])) == len(small)


def test_a_photograph_is_turned_upright_before_it_loses_its_marks(tmp_path: Path) -> None:
    from PIL import Image

    photo, out = Image.effect_noise((4000, 3000), 90).convert("RGB"), io.BytesIO()
    marks = Image.Exif()
    marks[0x0112] = 6  # turned by 90 degrees
    photo.save(out, "JPEG", exif=marks, quality=60)
    found = from_url(url_of(written(tmp_path / "photo.jpg", out.getvalue())))
    assert found is not None
    assert (found.kind, found.height) == ("image/jpeg", SIDE)
    assert found.width < SIDE


def test_an_image_that_only_its_header_says_is_one_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    data = bytearray(png(3000, 3000, noise=bytes(WORTHWHILE)))
    at = data.index(b"IDAT")
    data[at + 4 : at + 24] = bytes(20)
    assert "is a broken image" in refused(written(tmp_path / "hollow.png", bytes(data)))


def test_without_pillow_an_image_goes_as_it_is_and_one_that_is_too_large_says_how_to_get_it(
    tmp_path: Path, without: Callable[[str], None]
) -> None:
    without("PIL")
    data = png(5000, 1000, noise=bytes(WORTHWHILE))
    assert len(url_of(written(tmp_path / "a.png", data))) > len(data)
    path = written(tmp_path / "b.png", png(5000, 1000, noise=bytes(ACCEPTED)))
    with pytest.raises(UsageError, match="20 MB is the limit for an image") as caught:
        attach(path)
    assert " install " in caught.value.hint
    assert " pillow: it is scaled down then" in caught.value.hint
    assert "chatcli[" not in caught.value.hint


def test_pillow_is_not_imported_for_an_image_that_fits(tmp_path: Path, without: Callable[[str], None]) -> None:
    without("PIL")
    assert url_of(written(tmp_path / "a.png", png(SIDE, SIDE)))


# PDFs


def test_the_text_of_a_pdf_stands_page_by_page(tmp_path: Path) -> None:
    path = written(tmp_path / "report.pdf", pdf("Ada was here", "", "and left"))
    assert text_of(path) == "report.pdf:\n```\n[page 1]\nAda was here\n\n[page 2]\n\n\n[page 3]\nand left\n```"


def test_a_pdf_without_text_or_with_a_password_or_broken_says_what_to_do(tmp_path: Path) -> None:
    from pypdf import PdfReader, PdfWriter

    assert "holds no text" in refused(written(tmp_path / "scan.pdf", pdf("", "")))
    writer = PdfWriter(PdfReader(io.BytesIO(pdf("secret"))))
    writer.encrypt("word", algorithm="RC4-128")
    writer.write(tmp_path / "locked.pdf")
    assert "is encrypted" in refused(tmp_path / "locked.pdf")
    for data in (b"%PDF-1.7", pdf("a")[:200], b"%PDF-1.4\n" + os.urandom(5000)):
        assert "is a broken PDF" in refused(written(tmp_path / "broken.pdf", data))


def test_a_pdf_that_is_only_protected_against_changes_is_read(tmp_path: Path) -> None:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(PdfReader(io.BytesIO(pdf("Ada was here"))))
    writer.encrypt("", "owner", algorithm="RC4-128")
    writer.write(tmp_path / "fixed.pdf")
    assert "Ada was here" in text_of(tmp_path / "fixed.pdf")


def test_a_pdf_with_too_much_text_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "book.pdf", pdf(*["x" * (TEXT_LIMIT // 2)] * 3))
    assert "first 3 of its 3 pages" in refused(path)


def test_reading_a_pdf_can_be_broken_off_between_pages(tmp_path: Path) -> None:
    def stop() -> None:
        raise UsageError("stopped", "go on")

    with pytest.raises(UsageError, match="stopped"):
        attach(written(tmp_path / "report.pdf", pdf("one", "two")), stop)


def test_without_pypdf_a_pdf_says_how_to_get_it(tmp_path: Path, without: Callable[[str], None]) -> None:
    without("pypdf")
    with pytest.raises(UsageError, match="needs the package pypdf") as caught:
        attach(written(tmp_path / "report.pdf", pdf("x")))
    assert caught.value.hint == f"{how_to_install('pypdf')}; or attach its text"
