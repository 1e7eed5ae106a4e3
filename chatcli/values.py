"""Values as the user writes them, on the command line and in the chat: text, whole numbers, the model's options."""

import re
from typing import Any

from chatcli.errors import UsageError

DIGITS = 9
"""Of a whole number at most: more turns or sessions than that nobody has."""

DEPTH = 50
"""Levels of brackets in an option's value: those who pass it on count on less than Python's recursion limit."""

_OPTIONS = (
    "temperature", "top_p", "max_tokens", "max_completion_tokens", "seed", "stop", "presence_penalty",
    "frequency_penalty", "response_format", "logit_bias", "logprobs", "top_logprobs", "reasoning_effort", "user",
)  # fmt: skip
_OURS = {
    "model": "-m NAME, in a chat /model NAME",
    "messages": "they are the prompt, what the memory gives, and your input; -a sends files along",
    "stream": "--no-stream shows a reply when it is whole",
    "n": "a turn has one reply; in a chat /retry asks for another, /alternatives lists them",
    "stream_options": "leave it out: tokens are counted where the endpoint can",
}
"""What is chatcli's to say in a request, and what is there for it in place of an option."""
_SURROGATE = "[\ud800-\udfff]"


def readable_text(text: str) -> str:
    """Return `text`; raise UsageError when bytes in it are no characters, which nothing could send or keep."""
    if re.search(_SURROGATE, text):
        raise UsageError(f"{_short(text)} is not UTF-8", "write it in UTF-8, in a terminal with a UTF-8 locale")
    return text


def whole_number(text: str, least: int = 1, option: str = "") -> int:
    """Return the whole number that `text` is; raise UsageError for anything else, and for more than nine digits.

    The error names the `option` that it was given to.
    """
    digits, said = text.removeprefix("-"), f"{option} {_short(text)}".lstrip()
    if not (digits.isascii() and digits.isdigit()):
        raise UsageError(f"{said} is not a whole number", f"write a whole number from {least} on")
    if len(digits) > DIGITS:
        raise UsageError(f"{said} is too large a number", f"write one with at most {DIGITS} digits")
    if int(text) < least:
        raise UsageError(f"{said} is less than {least}", f"write a whole number from {least} on")
    return int(text)


def turn_range(text: str, option: str = "") -> tuple[int, int | None]:
    """Return the first and the last turn of `3-7`, `3-` (None: to the end) or `3`; raise UsageError for others."""
    if not re.fullmatch(r"\d+ *(- *(\d+)?)?", text.strip(), re.ASCII):
        raise UsageError(f"{option} {_short(text)} names no turns".lstrip(), "write 3-7, 3- (to the end) or 3")
    first, dash, last = text.partition("-")
    start = whole_number(first.strip(), option=option)
    end = (whole_number(last.strip(), option=option) if last.strip() else None) if dash else start
    if end is not None and end < start:
        raise UsageError(f"{option} {_short(text)} ends before it begins".lstrip(), f"write {end}-{start}")
    return start, end


def lifetime(text: str) -> int | None:
    """Return the seconds that `7d`, `12h`, `30m` or `90s` says, None for `never`; raise UsageError for all else."""
    if text.strip().lower() == "never":
        return None
    found = re.fullmatch(r"(\d{1,9})([smhdw])", text.strip().lower(), re.ASCII)
    if found is None or not 0 < int(found[1]) * _SECONDS[found[2]] <= _LONGEST_LIFE:
        raise UsageError(f"{_short(text)} is no time to keep a session", "write 7d, 12h, 30m or never")
    return int(found[1]) * _SECONDS[found[2]]


def in_words(seconds: float) -> str:
    """Return a time as `lifetime` reads it, in its largest unit: `7d`, `36h`, `5m`, `1s`."""
    for unit, length in reversed(_SECONDS.items()):
        if unit != "w" and seconds >= 2 * length - (unit == "d") * length:
            return f"{seconds / length:.0f}{unit}"
    return f"{max(0, seconds):.0f}s"


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST_LIFE = 100 * 365 * 86_400  # a hundred years


def option_value(name: str, text: str) -> Any:
    """Return the value of the option `name`: `text` read as JSON, and text itself when it is none.

    Raises UsageError for what JSON cannot carry (NaN, infinities, what is nested too deep), and for what is no option
    because it is chatcli's to say.
    """
    import json  # not before the prompt

    if name in _OURS:
        raise UsageError(f"{name} is no option: it is chatcli's to say", _OURS[name])
    try:
        value = json.loads(text, parse_float=_finite, parse_constant=_finite)
        readable_text(json.dumps(value, ensure_ascii=False))
        _check_depth(value)
    except json.JSONDecodeError:
        return readable_text(text)
    except (ValueError, RecursionError):  # thousands of digits, thousands of brackets
        raise UsageError(
            f"the option {_short(name)}: {_short(text)} is no number that can be sent", "write a number, true or text"
        ) from None
    return value


def meant_option(name: str) -> str | None:
    """Return the known option that `name` looks like a slip of; None for a known or quite another one."""
    from difflib import get_close_matches  # here: only a mistake needs it

    near = get_close_matches(name, _OPTIONS, n=1, cutoff=0.8)
    return near[0] if near and name not in _OPTIONS else None


def counted(number: int, word: str) -> str:
    """Return `1 turn`, `2 turns`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _finite(digits: str) -> float:
    import math

    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(digits)
    return value


def _check_depth(value: Any) -> None:
    if _depth(value) > DEPTH:
        raise RecursionError


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
