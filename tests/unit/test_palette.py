"""Colours: themes, `[colors]` and `code_style` of the config, as each of the libraries writes them."""

from collections.abc import Iterator

import pytest
from prompt_toolkit.styles import Style
from pygments.token import Keyword
from rich.console import Console
from rich.style import Style as RichStyle
from rich.theme import Theme

from chatcli.errors import ConfigError
from chatcli.palette import DARK, LIGHT, THINGS, for_prompt_toolkit, for_rich, palette, sgr
from chatcli.render import theme
from chatcli.render.code import INK
from chatcli.render.context import KINDS
from chatcli.render.styles import code_theme, styles


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    theme.choose(DARK)


@pytest.mark.parametrize(
    ("name", "says", "light"),
    [
        ("auto", "", False),
        ("auto", "15;0", False),
        ("auto", "0;15", True),
        ("auto", "0;default;7", True),
        ("auto", "nonsense", False),
        ("dark", "0;15", False),
        ("light", "15;0", True),
    ],
)
def test_the_theme_is_light_when_it_is_said_or_the_terminal_says_so(name: str, says: str, light: bool) -> None:
    assert palette(name, {}, "", {"COLORFGBG": says}) == (LIGHT if light else DARK)


def test_colours_go_over_the_theme() -> None:
    chosen = palette("light", {"prompt": "#ff8800", "dim": ""}, "friendly", {})
    assert (chosen.prompt, chosen.dim, chosen.warning) == ("#ff8800", "", LIGHT.warning)
    assert chosen.code_style == "friendly"


@pytest.mark.parametrize(
    ("name", "colors", "code_style", "message", "hint"),
    [
        ("drak", {}, "", "theme: there is no 'drak'", "did you mean 'dark'?"),
        ("solarized", {}, "", "theme: there is no 'solarized'", "known: auto, dark, light"),
        ("auto", {"promt": "red"}, "", "colors: there is no 'promt'", "did you mean 'prompt'?"),
        ("auto", {"prompt": "bold rde"}, "", "colors.prompt: there is no 'rde'", "did you mean 'red'?"),
        ("auto", {"prompt": "#ff88"}, "", "colors.prompt: there is no '#ff88'", "'#ff8800'"),
        ("auto", {}, "monokia", "code_style: there is no 'monokia'", "did you mean 'monokai'?"),
    ],
)
def test_what_does_not_exist_is_an_error_that_names_the_nearest(
    name: str, colors: dict[str, str], code_style: str, message: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        palette(name, colors, code_style, {})
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_every_library_understands_every_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")
    written = ["bold cyan", "dim", "underline brightblue", "white", "brightwhite", "#FF8800", "italic black", ""]
    for one in [*written, *(getattr(look, thing) for look in (DARK, LIGHT) for thing in THINGS)]:
        Style.from_dict({"x": for_prompt_toolkit(one)})
        RichStyle.parse(for_rich(one))
    assert sgr("bold cyan") == "\x1b[1;36m"
    assert sgr("brightblue") == "\x1b[94m"
    assert sgr("#ff8800") == "\x1b[38;2;255;136;0m"
    assert sgr("") == ""
    monkeypatch.delenv("COLORTERM")
    assert sgr("#ff8800") == "\x1b[38;5;214m"


def test_the_parts_of_a_request_are_told_apart_on_either_background() -> None:
    for look in (DARK, LIGHT):
        console = Console(theme=Theme(styles(look)))
        drawn = [console.get_style(kind.colour).color for kind in KINDS.values()]
        assert len(set(drawn)) == len(drawn)


def test_on_a_light_background_nothing_is_cyan_or_yellow() -> None:
    theme.choose(LIGHT)
    drawn = {
        name: style if isinstance(style, RichStyle) else RichStyle.parse(style) for name, style in styles().items()
    }
    assert not {name for name, style in drawn.items() if style.color and style.color.name in ("cyan", "yellow")}
    assert {"cyan", "bold cyan", "yellow"} <= drawn.keys()  # what our own lines call so is drawn otherwise
    assert "markdown.list" in drawn


def test_code_has_the_style_of_the_config() -> None:
    assert code_theme() is INK
    theme.choose(palette("auto", {"code": "bold red"}, "monokai", {}))
    keyword = code_theme().get_style_for_token(Keyword)
    assert (keyword.color and keyword.color.name, keyword.bgcolor) == ("#66d9ef", None)
    assert styles()["markdown.code"] == "bold red"
