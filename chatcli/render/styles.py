"""The colours in force as rich has them: of markdown, of code, of the words for colours that our lines use."""

from functools import cache
from typing import cast

from rich.default_styles import DEFAULT_STYLES
from rich.style import Style
from rich.syntax import ANSISyntaxTheme, PygmentsSyntaxTheme, SyntaxTheme, TokenType

from chatcli.palette import Palette, for_rich
from chatcli.render.code import INK
from chatcli.render.theme import colors

_ON_LIGHT = {"cyan": "blue", "yellow": "magenta", "bright_yellow": "magenta", "bright_blue": "blue"}


def styles(look: Palette | None = None) -> dict[str, str | Style]:
    """Return the styles of a console for replies: markdown's, the palette's as `chat.prompt` and so on, and on a light
    background what our lines call cyan.

    `look`: other colours than those in force.
    """
    look = look or colors()
    own: dict[str, str | Style] = {
        "chat.prompt": for_rich(look.prompt),
        "chat.dim": for_rich(look.dim),
        "markdown.target": for_rich(look.dim),
        "chat.warning": for_rich(look.warning),
        "chat.found": for_rich(f"bold {look.warning}"),
    }
    code_style = for_rich(look.code)
    # rich's defaults for code put it on black, which tears holes into a light background.
    own["markdown.code"] = code_style
    return {**_light_styles(), **own} if look.light else {**own, "markdown.code_block": Style(color="cyan")}


def code_theme() -> SyntaxTheme:
    """Return what colours code: the Pygments style of the config, else the terminal's own colours."""
    return _OnPaper(colors().code_style) if colors().code_style else _ink(colors().light)


class _OnPaper(PygmentsSyntaxTheme):
    """A style of Pygments without its background: behind single words it would be a patchwork."""

    def get_style_for_token(self, token_type: TokenType) -> Style:
        """Return the style of a kind of word."""
        style = super().get_style_for_token(token_type)
        return Style(color=style.color, bold=style.bold, italic=style.italic, underline=style.underline)

    def get_background_style(self) -> Style:
        """Return that of the terminal."""
        return Style()


@cache
def _ink(light: bool) -> SyntaxTheme:
    if not light:
        return INK
    return ANSISyntaxTheme({token: _on_light(style) for token, style in cast(ANSISyntaxTheme, INK).style_map.items()})


@cache
def _light_styles() -> dict[str, Style]:
    said = {f"{look} {color}".strip(): Style.parse(f"{look} {color}") for color in _ON_LIGHT for look in ("", "bold")}
    known = {name: style for name, style in DEFAULT_STYLES.items() if name.startswith("markdown.")}
    return {name: _on_light(style) for name, style in {**known, **said}.items()}


def _on_light(style: Style) -> Style:
    """Return the style in a colour that can be read on white, without a background."""
    name = style.color.name if style.color else ""
    return style.without_color + Style(color=_ON_LIGHT.get(name, name) or None)
