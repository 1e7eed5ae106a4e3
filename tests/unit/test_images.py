"""What an image says of itself, and what it costs."""

import base64

import pytest

from chatcli import tokens
from chatcli.images import from_url, label, look, size_of
from chatcli.messages import Message
from tests.pictures import gif, jpeg, png, webp


def url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def cost(data: bytes | str, **more: str) -> int:
    image = {"url": data if isinstance(data, str) else url(data), **more}
    part = {"type": "image_url", "image_url": image}
    return tokens.of_message(Message("user", (part,))) - tokens.MESSAGE_OVERHEAD


@pytest.mark.parametrize("make", [png, jpeg, gif, webp])
def test_the_size_of_each_kind_is_read_from_its_header(make: object) -> None:
    found = look(make(1234, 321))  # type: ignore[operator]
    assert found is not None
    assert (found.width, found.height) == (1234, 321)


def test_the_sizes_of_the_other_webps_are_read() -> None:
    lossless = b"RIFF\0\0\0\0WEBPVP8L" + bytes(5) + (99 | 49 << 14).to_bytes(4, "little")
    extended = b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + (99).to_bytes(3, "little") + (49).to_bytes(3, "little")
    for data in (lossless, extended):
        found = look(data)
        assert found is not None
        assert (found.width, found.height) == (100, 50)


def test_a_jpeg_may_say_its_size_behind_a_long_profile() -> None:
    found = from_url(url(jpeg(640, 480, before=600_000)))
    assert found is not None
    assert (found.width, found.height) == (640, 480)


def test_what_is_cut_or_no_image_has_no_size() -> None:
    for data in (png()[:9], jpeg()[:5], gif()[:7], webp()[:13], b"\xff\xd8\xff\xe0\0\0" * 9):
        found = look(data)
        assert found is not None
        assert found.width == 0
    assert look(b"text") is None
    for text in (
        "https://example.org/x.png",
        "data:image/png;base64,",
        "data:image/png;base64,%%%%",
        "data:image/png",
        "",
    ):
        assert from_url(text) is None


@pytest.mark.parametrize(
    ("width", "height", "count"),
    [(512, 512, 255), (1024, 1024, 765), (2048, 4096, 1105), (1, 1, 255), (513, 10, 425), (20_000, 10, 765)],
)
def test_an_image_costs_what_openai_says(width: int, height: int, count: int) -> None:
    assert cost(png(width, height)) == count  # examples of its documentation: 765 and 1,105


def test_an_image_of_low_detail_costs_little_and_one_of_unknown_size_a_thousand() -> None:
    assert cost(png(4000, 4000), detail="low") == 85
    assert cost("https://example.org/cat.png") == tokens.IMAGE
    assert cost("data:image/png;base64,AAAA") == tokens.IMAGE


def test_the_tokens_of_an_image_do_not_grow_with_its_bytes() -> None:
    assert cost(png(512, 512, noise=bytes(3_000_000))) == cost(png(512, 512))


def test_an_image_is_named_by_its_size() -> None:
    assert label(url(bytes(240_000))) == "[image 240 kB]"
    assert label("https://example.org/cat.png") == "[image https://example.org/cat.png]"
    assert [size_of(count) for count in (0, 999, 1000, 9_950, 20_300_000, 5e9)] == [  # type: ignore[arg-type]
        "0 bytes", "999 bytes", "1.0 kB", "9.9 kB", "20 MB", "5.0 GB"
    ]  # fmt: skip
