"""Which keys do what at the prompt: the names of keys, the defaults, and what `[keys]` of the config makes of them.

A key is written as `enter`, `tab`, `f2`, `c-x` (control), `m-x` (Alt), `s-tab` (shift); several after each other
as `c-x c-e`. An action may have several, as a list, and none, as "".
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from chatcli.errors import ConfigError

Keys = tuple[str, ...]
"""Keys pressed one after the other, in the words of prompt_toolkit."""

_NAMED = (
    "enter", "tab", "s-tab", "escape", "backspace", "delete", "insert", "up", "down", "left", "right",
    "home", "end", "pageup", "pagedown",
)  # fmt: skip
_CONTROL = [f"c-{char}" for char in (*"abcdefghijklmnopqrstuvwxyz", "\\", "]", "^", "_", "space")]
_MOVING = ("up", "down", "left", "right", "home", "end", "delete", "pageup", "pagedown", "insert")
_KNOWN = {
    *_NAMED, *_CONTROL, *(f"f{number}" for number in range(1, 25)), *(f"{m}-{key}" for m in "cs" for key in _MOVING)
}  # fmt: skip
_SAME = {"c-m": "enter", "c-i": "tab", "c-h": "backspace", "c-[": "escape", "esc": "escape", "return": "enter"}
_OF_THE_TERMINAL = {"enter", "tab", "backspace", "c-j", "c-z", "c-s", "c-q", "c-\\", "c-space"}
_SHOWN = {"escape": "Esc", "pageup": "PageUp", "pagedown": "PageDown"}


class Keymap(NamedTuple):
    """The keys of each action."""

    send: tuple[Keys, ...] = (("enter",),)
    new_line: tuple[Keys, ...] = (("c-j",), ("escape", "enter"))
    complete: tuple[Keys, ...] = (("tab",),)
    history_search: tuple[Keys, ...] = (("c-r",),)
    editor: tuple[Keys, ...] = (("c-x", "c-e"),)
    clear: tuple[Keys, ...] = (("c-c",),)
    leave: tuple[Keys, ...] = (("c-d",),)
    """At an empty line."""
    stop: tuple[Keys, ...] = (("c-c",),)
    """While a reply runs: one control key, which the terminal itself makes into a signal."""

    def shown(self, action: str) -> str:
        """Return the keys of an action for people: `^J, Alt+Enter`; '' when it has none."""
        return ", ".join(shown_keys(keys) for keys in getattr(self, action))

    @property
    def stop_byte(self) -> bytes:
        """What the terminal sends for the key that stops a reply."""
        return bytes([ord(self.stop[0][0].removeprefix("c-").upper()) & 0x1F])


ACTIONS = Keymap._fields


def keymap(settings: Mapping[str, str | Sequence[str]], *, vi: bool = False) -> Keymap:
    """Return the keys that hold: the defaults, and over them the `settings` by action.

    A default gives way to a key that the settings give to another action; in vi mode those with Alt give way to
    Escape, which would have to wait whether it is one of them. Raises ConfigError for an action or
    a key that does not exist, a key with two actions, and for what would leave no way to send or to stop.
    """
    chosen = {action: _several(action, written) for action, written in settings.items()}
    taken: dict[Keys, str] = {}
    for keys, action in ((keys, one) for one in chosen if one != "stop" for keys in chosen[one]):
        if taken.setdefault(keys, action) != action:
            raise ConfigError(
                f"keys.{action}: {shown_keys(keys)} means {taken[keys]} already", "give each action a key of its own"
            )
    kept = {action: _default(action, set(taken), vi) for action in ACTIONS if action != "stop"}
    result = Keymap()._replace(**{**kept, **chosen})
    _check(result)
    return result


def _default(action: str, taken: set[Keys], vi: bool) -> tuple[Keys, ...]:
    """Return the default keys of an action without those that are taken, and in vi mode without those with Alt."""
    keys: tuple[Keys, ...] = getattr(Keymap(), action)
    return tuple(one for one in keys if one not in taken and not (vi and one[0] == "escape"))


def shown_keys(keys: Keys) -> str:
    """Return keys for people: `^X ^E`, `Alt+Enter`, `F2`."""
    return " ".join(_words(keys))


def _words(keys: Keys) -> Iterator[str]:
    pressed = iter(keys)
    for key in pressed:
        after = next(pressed, None) if key == "escape" else None
        yield _shown(key) if after is None else f"Alt+{_shown(after)}"


def _shown(key: str) -> str:
    if len(key) == 3 and key.startswith("c-"):
        return f"^{key[2].upper()}"
    for modifier, name in (("c-", "Ctrl"), ("s-", "Shift")):
        if key.startswith(modifier):
            return f"{name}+{_shown(key[2:])}"
    return _SHOWN.get(key, key.capitalize() if len(key) > 1 else key)


def _several(action: str, written: str | Sequence[str]) -> tuple[Keys, ...]:
    if action not in ACTIONS:
        raise ConfigError(f"keys.{action}: there is no such action", _nearest(action, ACTIONS))
    several = [written] if isinstance(written, str) else written
    return tuple(dict.fromkeys(_keys(action, one) for one in several if one.strip()))


def _keys(action: str, written: str) -> Keys:
    keys: list[str] = []
    for word in written.split():
        if word.lower().startswith(("m-", "alt-")) and len(word) > 2:
            keys.append("escape")
            word = word.partition("-")[2]
        keys.append(_key(action, word, first=not keys))
    return tuple(keys)


def _key(action: str, word: str, first: bool) -> str:
    """Return the key that a word names; a letter by itself only after another key: it has to be typed."""
    if len(word) == 1 and not first:
        return word
    name = _SAME.get(word.lower(), word.lower())
    if name in _KNOWN:
        return name
    if len(word) == 1:
        raise ConfigError(f"keys.{action}: {word!r} is there to be typed", f"write 'c-{name}' or 'm-{name}', say")
    hint = _nearest(name, sorted(_KNOWN), "keys are written as 'enter', 'f2', 'c-x c-e', 'm-enter'")
    raise ConfigError(f"keys.{action}: there is no key {word!r}", hint)


def _nearest(said: str, known: Sequence[str], otherwise: str = "") -> str:
    from difflib import get_close_matches

    near = get_close_matches(said, known, n=1)
    return f"did you mean {near[0]!r}?" if near else otherwise or f"known: {', '.join(known)}"


def _check(keys: Keymap) -> None:
    if not keys.send:
        raise ConfigError("keys: nothing sends what is typed", "give send a key, such as 'm-enter'")
    one = len(keys.stop) == 1 and len(keys.stop[0]) == 1
    if not one or keys.stop[0][0] not in _CONTROL or keys.stop[0][0] in _OF_THE_TERMINAL:
        raise ConfigError(
            "keys.stop: a reply is stopped by one control key that the terminal does not need itself",
            "write 'c-c' or 'c-g', say",
        )
