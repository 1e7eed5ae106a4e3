"""Where paragraphs are broken into lines."""

from io import StringIO

import pytest
from rich._wrap import divide_line
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from chatcli.render.breaking import breaks
from chatcli.render.markdown import whole
from chatcli.render.wrapping import wrapped

MIXED = "北京是中国的首都，历史悠久（始于周代）。明朝迁都于此，定都。The quick brown fox跳过了lazy dog，「睡着」了。"


def lines(text: str, width: int) -> list[str]:
    return [line.plain.rstrip() for line in wrapped(Text(text), Console(width=width, file=StringIO()), width)]


@pytest.mark.parametrize("width", range(6, 60))
def test_mixed_text_is_broken_in_no_latin_word_and_before_no_closing_punctuation(width: int) -> None:
    found = lines(MIXED, width)

    assert all(cell_len(line) <= width for line in found)
    assert not any(line[0] in "，。、；：！？）」』】》" or line[-1] in "（「" for line in found)
    for word in ("The", "quick", "brown", "fox", "lazy", "dog"):
        assert any(word in line for line in found)


@pytest.mark.parametrize("width", range(20, 60))
def test_a_line_is_filled_with_cjk_to_its_edge(width: int) -> None:
    found = lines("The fox " + "中" * 60, width)

    assert all(cell_len(line) >= width - 1 for line in found[:-1])


@pytest.mark.parametrize("width", [2, 5, 10, 40])
@pytest.mark.parametrize("text", ["", " ", "a b  c", "x" * 30 + " y", "wörd " * 9, "한국어 단어 " * 9, "  a", "é" * 50])
def test_other_texts_are_broken_where_rich_breaks_them(text: str, width: int) -> None:
    assert sorted(set(breaks(text, width))) == divide_line(text, width)


def test_a_reply_in_a_list_is_wrapped_so_too() -> None:
    out = StringIO()
    Console(width=20, file=out).print(whole(f"- {MIXED}\n\n> {MIXED}\n\n{MIXED}"))

    shown = out.getvalue().splitlines()
    assert not any(line.lstrip(" •▌")[:1] in tuple("，。）」") for line in shown)
    assert sum("quick" in line for line in shown) == 3


@pytest.mark.parametrize("text", ["中", "，，，，", "（（（（", "が" * 9, "\t中\t文", "中 ", "葛\U000e0100" * 5])
@pytest.mark.parametrize("width", [1, 2, 3, 10])
def test_nothing_is_lost_at_any_width(text: str, width: int) -> None:
    assert "".join(lines(text, width)).split() == text.split() or "\t" in text or width == 1
