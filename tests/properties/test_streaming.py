"""What a streamed reply leaves on screen and scrollback is what rich prints for the whole text at once."""

import re
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.markdown import Markdown

from chatcli.render.elements import InnerRule
from chatcli.render.markdown import whole
from chatcli.render.reply import PlainReply
from chatcli.render.safe import neutralise
from chatcli.render.streaming import MarkdownReply
from tests.properties.long_blocks import long_documents, nested_documents
from tests.properties.markdown_texts import texts
from tests.screen import ScreenFile
from tests.unit.test_streaming import forget_terminal

WIDTHS = st.sampled_from([20, 40, 80])
HEIGHTS = st.integers(5, 24)
CUTS = st.lists(st.integers(0, 400), max_size=12)

slow = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def pieces(text: str, cuts: Iterable[int]) -> Iterator[str]:
    """Cut the text at some of `cuts`; the rest of it is one piece."""
    start = 0
    for cut in sorted(cuts):
        if start < cut <= len(text):
            yield text[start:cut]
            start = cut
    yield text[start:]


def streamed(text: str, width: int, height: int, cuts: Iterable[int]) -> ScreenFile:
    out = ScreenFile(width, height)
    reply = MarkdownReply(out.console)
    for piece in pieces(text, cuts):
        reply.feed(piece)
        reply.draw()
    reply.finish()
    return out


def at_once(text: str, width: int, height: int) -> ScreenFile:
    out = ScreenFile(width, height)
    out.console.print(whole(text))
    return out


def without_what_is_ours(text: str) -> str:
    """Leave out what is drawn differently on purpose: HTML, images, entities, code, tables, formulas, numbers, CJK."""
    return re.sub(" {4,}", "   ", re.sub(r"[<!&`~\t|$\\\u3000-\u9fff\uff00-\uffef]|\d+[.)]", "", text))


def words_by_line(written: str) -> list[str]:
    """Return the lines of what was written, without colours, links and the spaces that fill the line."""
    return [line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m|\x1b\]8;[^\x1b]*\x1b\\", "", written).split("\n")]


@slow
@given(texts, WIDTHS, HEIGHTS, CUTS)
def test_a_streamed_reply_leaves_what_printing_the_whole_text_leaves(
    text: str, width: int, height: int, cuts: list[int]
) -> None:
    assert streamed(text, width, height, cuts).lines() == at_once(text, width, height).lines()


@settings(slow, max_examples=25)
@given(long_documents, st.sampled_from([10, 40, 200]), HEIGHTS, st.lists(st.integers(0, 4000), max_size=40))
def test_a_reply_of_long_blocks_leaves_what_printing_the_whole_text_leaves(
    text: str, width: int, height: int, cuts: list[int]
) -> None:
    assert streamed(text, width, height, cuts).lines() == at_once(text, width, height).lines()


@settings(slow, max_examples=12)
@given(nested_documents, st.sampled_from([10, 40, 200]), HEIGHTS, st.lists(st.integers(0, 6000), max_size=40))
def test_a_reply_of_blocks_within_blocks_leaves_what_printing_the_whole_text_leaves(
    text: str, width: int, height: int, cuts: list[int]
) -> None:
    assert streamed(text, width, height, cuts).lines() == at_once(text, width, height).lines()


@settings(slow, max_examples=40)
@given(
    st.lists(
        st.sampled_from(["中", "，", "。", "历史的", "（", "）", " ", "word", " The", "*em*", "“", "\n"]), max_size=300
    ),
    st.sampled_from([5, 11, 40]),
    HEIGHTS,
    st.lists(st.integers(0, 700), max_size=40),
)
def test_a_paragraph_of_two_scripts_leaves_what_printing_the_whole_text_leaves(
    parts: list[str], width: int, height: int, cuts: list[int]
) -> None:
    text = "".join(parts)
    assert streamed(text, width, height, cuts).lines() == at_once(text, width, height).lines()


@slow
@given(texts, WIDTHS, HEIGHTS, CUTS)
def test_a_reply_that_is_stopped_leaves_what_came(text: str, width: int, height: int, cuts: list[int]) -> None:
    came = text[: len(text) // 2]
    assert streamed(came, width, height, cuts).lines() == at_once(came, width, height).lines()


class Rich(Markdown):
    """rich's own, but for a rule that ends a quotation: it does not move the quotation up to what stands above."""

    elements = Markdown.elements | {"hr": InnerRule}


@slow
@given(texts.map(without_what_is_ours), WIDTHS)
def test_the_whole_is_drawn_as_rich_draws_it(text: str, width: int) -> None:
    ours, rich = ScreenFile(width, 24), ScreenFile(width, 24)
    with pytest.MonkeyPatch.context() as patch:
        forget_terminal(patch, TERM="xterm-kitty")  # which is known to make links, as rich believes of all
        ours.console.print(whole(text))
    rich.console.print(Rich(neutralise(text)))
    assert words_by_line(ours.written) == words_by_line(rich.written)


@given(st.lists(st.sampled_from(["a", "中文 ", "\n", "\n\n", "\r", "\r\n", "\x1b[2J"]), max_size=40), CUTS)
def test_a_plain_reply_is_the_text_with_one_newline_at_its_end(parts: list[str], cuts: list[int]) -> None:
    text = "".join(parts)
    out = ScreenFile(80, 24)
    reply = PlainReply(out)  # type: ignore[arg-type]
    for piece in pieces(text, cuts):
        reply.feed(piece)
    reply.finish()
    reply.finish()
    shown = neutralise(text).rstrip("\n")
    assert out.written == (shown + "\n" if shown else "")
    assert not re.search("[\x00-\x08\x0b-\x1f]", out.written)
