"""The colours of the chat: `theme`, `[colors]` and `code_style` of the config.

A colour is written in words: `bold cyan`, `#ff8800`, `dim`, `underline brightblue`; "" is the terminal's own.
"""

import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from chatcli.errors import ConfigError

COLORS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_BRIGHT = tuple(f"bright{color}" for color in COLORS)
_LOOKS = {"bold": 1, "dim": 2, "italic": 3, "underline": 4}
_HEX = "#[0-9a-f]{6}"


class Palette(NamedTuple):
    """A colour for each thing, as it is written in the config, and the Pygments style of code ('': our own)."""

    prompt: str = "bold cyan"
    dim: str = "dim"
    error: str = "red"
    warning: str = "yellow"
    mention: str = "underline"
    code: str = "bold cyan"
    code_style: str = ""
    light: bool = False
    """Whether it is meant for a light background: cyan and yellow cannot be read there."""


THINGS = ("prompt", "dim", "error", "warning", "mention", "code")
DARK = Palette()
LIGHT = Palette(prompt="bold blue", warning="magenta", code="bold blue", light=True)
THEMES = ("auto", "dark", "light")


def palette(theme: str, colors: Mapping[str, str], code_style: str, environ: Mapping[str, str] = os.environ) -> Palette:
    """Return the colours that hold: those of the theme, and `colors` over them.

    `auto` is light where the terminal says so (COLORFGBG), else dark, which is read well on most backgrounds.
    Raises ConfigError for a theme, a thing, a colour or a code style that does not exist.
    """
    if theme not in THEMES:
        raise _unknown("theme", theme, THEMES)
    for thing, written in colors.items():
        if thing not in THINGS:
            raise _unknown("colors", thing, THINGS)
        _check_color(thing, written)
    if code_style:
        _check_code_style(code_style)
    base = LIGHT if theme == "light" or (theme == "auto" and _is_light(environ)) else DARK
    chosen: dict[str, Any] = {**colors, "code_style": code_style}
    return base._replace(**chosen)


def sgr(written: str) -> str:
    """Return the escape sequence that switches a colour on, '' for the terminal's own."""
    codes = [code for word in written.lower().split() for code in _codes(word)]
    return f"\x1b[{';'.join(map(str, codes))}m" if codes else ""


def for_prompt_toolkit(written: str) -> str:
    """Return the colour as prompt_toolkit writes it."""
    return " ".join(_for_prompt_toolkit(word) for word in written.lower().split())


def for_rich(written: str) -> str:
    """Return the colour as rich writes it."""
    return " ".join(word.replace("bright", "bright_") for word in written.lower().split()) or "none"


def _codes(word: str) -> list[int]:
    if word in _LOOKS:
        return [_LOOKS[word]]
    if word in COLORS:
        return [30 + COLORS.index(word)]
    if word in _BRIGHT:
        return [90 + _BRIGHT.index(word)]
    red, green, blue = (int(word[at : at + 2], 16) for at in (1, 3, 5))
    if os.environ.get("COLORTERM") in ("truecolor", "24bit"):
        return [38, 2, red, green, blue]
    return [38, 5, 16 + sum(round(part / 51) * weight for part, weight in ((red, 36), (green, 6), (blue, 1)))]


def _for_prompt_toolkit(word: str) -> str:
    if word in COLORS or word in _BRIGHT:
        return {"white": "ansigray", "brightwhite": "ansiwhite"}.get(word, f"ansi{word}")
    return word


def _is_light(environ: Mapping[str, str]) -> bool:
    return environ.get("COLORFGBG", "").rpartition(";")[2] in ("7", "15")


def _check_color(thing: str, written: str) -> None:
    known = (*_LOOKS, *COLORS, *_BRIGHT)
    for word in written.lower().split():
        if word not in known and not re.fullmatch(_HEX, word):
            raise _unknown(f"colors.{thing}", word, known, "a colour is written as 'bold cyan' or '#ff8800'")


def _check_code_style(name: str) -> None:
    from pygments.styles import get_all_styles  # type: ignore[import-untyped]  # comes with rich

    if name not in get_all_styles():  # pygments' own come first; only then are plugins looked for
        raise _unknown("code_style", name, sorted(get_all_styles()))


def _unknown(key: str, said: str, known: tuple[str, ...] | list[str], hint: str = "") -> ConfigError:
    from difflib import get_close_matches

    near = get_close_matches(said, known, n=1)
    otherwise = hint or f"known: {', '.join(known)}"
    return ConfigError(f"{key}: there is no {said!r}", f"did you mean {near[0]!r}?" if near else otherwise)
