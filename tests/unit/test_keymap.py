"""Which keys do what: what `[keys]` of the config may say."""

import pytest

from chatcli.errors import ConfigError
from chatcli.keymap import ACTIONS, Keymap, keymap


def test_without_settings_the_defaults_hold() -> None:
    assert keymap({}) == Keymap()
    shown = {action: Keymap().shown(action) for action in ACTIONS}
    assert shown == {
        "send": "Enter",
        "new_line": "^J, Alt+Enter",
        "complete": "Tab",
        "history_search": "^R",
        "editor": "^X ^E",
        "clear": "^C",
        "leave": "^D",
        "stop": "^C",
    }


@pytest.mark.parametrize(
    ("written", "keys", "shown"),
    [
        ("f2", (("f2",),), "F2"),
        ("C-X e", (("c-x", "e"),), "^X e"),
        ("m-enter", (("escape", "enter"),), "Alt+Enter"),
        ("alt-e", (("escape", "e"),), "Alt+e"),
        ("escape enter", (("escape", "enter"),), "Alt+Enter"),
        ("esc", (("escape",),), "Esc"),
        (["c-m", "return"], (("enter",),), "Enter"),
        ("s-tab", (("s-tab",),), "Shift+Tab"),
        ("c-left", (("c-left",),), "Ctrl+Left"),
        ("c-space", (("c-space",),), "Ctrl+Space"),
        ("", (), ""),
    ],
)
def test_keys_are_written_in_words_and_shown_as_people_say_them(
    written: str | list[str], keys: tuple[tuple[str, ...], ...], shown: str
) -> None:
    bound = keymap({"editor": written, "send": "c-t"})
    assert bound.editor == keys
    assert bound.shown("editor") == shown


def test_a_default_gives_way_to_what_the_settings_say() -> None:
    swapped = keymap({"send": "m-enter", "new_line": "enter"})
    assert (swapped.send, swapped.new_line) == ((("escape", "enter"),), (("enter",),))
    assert keymap({"send": "c-j"}).new_line == (("escape", "enter"),)


def test_in_vi_mode_escape_has_no_keys_behind_it_unless_they_are_asked_for() -> None:
    assert keymap({}, vi=True).new_line == (("c-j",),)
    assert keymap({"new_line": "m-enter"}, vi=True).new_line == (("escape", "enter"),)


def test_the_key_that_stops_is_a_byte_of_the_terminal() -> None:
    assert keymap({}).stop_byte == b"\x03"
    assert keymap({"stop": "c-g"}).stop_byte == b"\x07"
    assert keymap({"stop": "c-]"}).stop_byte == b"\x1d"


@pytest.mark.parametrize(
    ("settings", "named", "hint"),
    [
        ({"snd": "enter"}, "keys.snd: there is no such action", "did you mean 'send'?"),
        ({"xyz": "enter"}, "keys.xyz", "known: send, new_line"),
        ({"send": "entr"}, "there is no key 'entr'", "did you mean 'enter'?"),
        ({"editor": "c-x c-é"}, "there is no key 'c-é'", "did you mean"),
        ({"editor": "hyper"}, "there is no key 'hyper'", "keys are written as"),
        ({"editor": "e"}, "keys.editor: 'e' is there to be typed", "'c-e'"),
        ({"editor": "c-t", "clear": "c-t"}, "keys.clear: ^T means editor already", "a key of its own"),
        ({"new_line": "enter"}, "nothing sends", "'m-enter'"),
        ({"send": []}, "nothing sends", "'m-enter'"),
        ({"stop": "c-x c-c"}, "keys.stop", "'c-c' or 'c-g'"),
        ({"stop": "f2"}, "keys.stop", "'c-c' or 'c-g'"),
        ({"stop": "c-z"}, "keys.stop", "'c-c' or 'c-g'"),
        ({"stop": ["c-c", "c-g"]}, "keys.stop", "'c-c' or 'c-g'"),
    ],
)
def test_what_cannot_be_is_an_error_that_says_what_could(settings: dict[str, str], named: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        keymap(settings)
    assert named in caught.value.message
    assert hint in caught.value.hint


def test_every_key_that_may_be_written_is_one_of_prompt_toolkits() -> None:
    from prompt_toolkit.key_binding import KeyBindings

    from chatcli.keymap import _KNOWN

    for key in _KNOWN:
        KeyBindings().add(key)(lambda event: None)
