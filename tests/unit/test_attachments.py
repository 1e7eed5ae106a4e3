import base64
import os
from pathlib import Path

import pytest

from chatcli.attachments import IMAGE_LIMIT, TEXT_LIMIT, with_attachments
from chatcli.errors import UsageError

PNG = b"\x89PNG\r\n\x1a\n" + bytes(10)


def test_without_files_the_input_stays_text() -> None:
    assert with_attachments("Hi", []) == "Hi"


def test_a_text_file_goes_into_the_input_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("\ufeff你好\n```x```\n", encoding="utf-8")
    assert with_attachments("Look", [path]) == "Look\n\nnotes.md:\n~~~~~~\n你好\n```x```\n~~~~~~"
    assert with_attachments("", [path]).startswith("notes.md:")  # type: ignore[union-attr]


def test_a_name_that_is_no_text_does_not_stop_its_file(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    path.write_text("hot", encoding="utf-8")
    assert with_attachments("", [path]) == "caf?.txt:\n```\nhot\n```"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
    ],
)
def test_an_image_becomes_a_part_with_a_data_url(tmp_path: Path, data: bytes, kind: str) -> None:
    path = tmp_path / "picture"
    path.write_bytes(data)
    text, image = with_attachments("What?", [path])
    assert text == {"type": "text", "text": "What?"}
    assert image == {
        "type": "image_url",
        "image_url": {"url": f"data:{kind};base64,{base64.b64encode(data).decode()}"},
    }


def refused(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        with_attachments("", [path])
    assert caught.value.exit_code == 2
    return caught.value.message


def test_what_cannot_be_sent_is_refused_by_name(tmp_path: Path) -> None:
    assert "cannot be attached" in refused(tmp_path / "missing.txt")
    assert "is a folder" in refused(tmp_path)
    assert "~nosuch" in refused(Path("~nosuch/f"))
    assert "cannot be attached" in refused(Path("a\0b"))
    binary = tmp_path / "program"
    binary.write_bytes(b"\x7fELF\xff\xfe")
    assert "neither text nor an image" in refused(binary)
    binary.write_bytes(b"a\0b")
    assert "neither text nor an image" in refused(binary)


def test_a_file_of_500_mb_is_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(500_000_000)
    assert "500 MB" in refused(path)
    os.truncate(path, IMAGE_LIMIT)
    assert "limit for text" in refused(path)
    os.truncate(path, TEXT_LIMIT + 1)
    assert "limit for text" in refused(path)


def test_a_pipe_is_no_attachment(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is no file" in refused(tmp_path / "pipe")
