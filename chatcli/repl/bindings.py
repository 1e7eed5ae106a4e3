"""The keys of the prompt line: what each action of the keymap does to the text."""

from collections.abc import Callable, Mapping

from prompt_toolkit.application import Application
from prompt_toolkit.application.current import get_app
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.filters import Condition, FilterOrBool, emacs_mode, has_completions, has_focus, is_searching
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys as Key
from prompt_toolkit.search import SearchDirection, do_incremental_search, start_search

from chatcli.keymap import ACTIONS, Keymap, Keys
from chatcli.repl.block import in_open_block

Act = Callable[[KeyPressEvent], None]
TYPING = has_focus("DEFAULT_BUFFER")

REST_OF_A_KEY = 0.1
"""Seconds that an Escape waits for what a terminal sends behind it: it may be the start of another key."""

_NEXT_KEY = 0.05
"""Seconds more in which a key pressed after Escape is meant with Alt, while there is a menu to be closed."""


def bindings(
    keymap: Keymap, acts: Mapping[str, Act], *, question: bool = False, multiline: Callable[[], bool] = lambda: False
) -> KeyBindings:
    """Return what the keys do: the `acts` for `clear`, `editor` and `idle`, all else here.

    While it is `multiline` the keys that send and those that make a new line change places, but for slash commands.

    `idle` is what ^C and ^D do when the keymap gives them to nothing: prompt_toolkit would end the prompt.
    """
    made = KeyBindings()
    drop_mouse_events(made)
    made.add("c-c", filter=TYPING)(acts["clear" if question else "idle"])
    made.add("c-d", filter=TYPING & _is_empty)(_leave if question else acts["idle"])
    made.add("escape", filter=TYPING & emacs_mode & has_completions)(_close_menu)
    for action, (act, where) in _told(acts, question, multiline).items():
        for keys in getattr(keymap, action):
            made.add(*keys, filter=where, eager=_stands_alone(keys, keymap))(act)
    for keys in keymap.history_search:
        made.add(*keys, filter=is_searching)(_search_on)
    return made


def wait_for_keys(app: Application[str], menu: bool) -> None:
    """Set how long Escape waits for the rest of a key that begins with it: while there is a `menu`, it closes that."""
    app.ttimeoutlen, app.timeoutlen = (REST_OF_A_KEY, _NEXT_KEY) if menu else (0.5, 1.0)  # prompt_toolkit's own


def drop_mouse_events(keys: KeyBindings) -> None:
    """Take what reads like a click for nothing: we ask for none, and colours that are typed or pasted look like one.

    prompt_toolkit would look for coordinates in `ESC [31m`, and end the prompt where there are none.
    """
    keys.add(Key.Vt100MouseEvent)(lambda event: None)


def _told(
    acts: Mapping[str, Act], question: bool, multiline: Callable[[], bool]
) -> dict[str, tuple[Act, FilterOrBool]]:
    """Return what each action does, and when."""

    def unless_swapped(act: Act, other: Act) -> Act:
        return lambda event: (other if multiline() and not _is_command(event) else act)(event)

    return {
        "send": (_answer if question else unless_swapped(_send, _new_line), TYPING),
        "new_line": (unless_swapped(_new_line, _send), TYPING),
        "complete": (_complete, TYPING & ~_is_a_choice),
        "history_search": (_search, TYPING),
        "editor": (acts["editor"], TYPING),
        "clear": (acts["clear"], TYPING),
        "leave": (_leave, TYPING & _is_empty),
    }


def _stands_alone(keys: Keys, keymap: Keymap) -> bool:
    """Return whether no other keys of ours begin with these: they need not wait for what follows."""
    ours = [one for action in ACTIONS for one in getattr(keymap, action)]
    return not any(one[: len(keys)] == keys and one != keys for one in ours)


def _is_command(event: KeyPressEvent) -> bool:
    return event.current_buffer.text.startswith("/")


@Condition
def _is_empty() -> bool:
    return not get_app().current_buffer.text


@Condition
def _is_a_choice() -> bool:
    """Whether the menu offers several: prompt_toolkit's Tab goes from one to the next."""
    menu = get_app().current_buffer.complete_state
    return menu is not None and len(menu.completions) > 1


def _send(event: KeyPressEvent) -> None:
    buffer = event.current_buffer
    if buffer.complete_state and buffer.complete_state.current_completion:
        buffer.complete_state = None  # taken; the next Enter sends
    elif in_open_block(buffer.text):
        buffer.newline(copy_margin=False)
    elif buffer.text.strip():
        buffer.validate_and_handle()


def _answer(event: KeyPressEvent) -> None:
    event.current_buffer.validate_and_handle()


def _new_line(event: KeyPressEvent) -> None:
    event.current_buffer.newline(copy_margin=False)


def _leave(event: KeyPressEvent) -> None:
    event.app.exit(exception=EOFError())


def _search(event: KeyPressEvent) -> None:
    start_search(direction=SearchDirection.BACKWARD)


def _search_on(event: KeyPressEvent) -> None:
    do_incremental_search(SearchDirection.BACKWARD)


def _close_menu(event: KeyPressEvent) -> None:
    event.current_buffer.cancel_completion()


def _complete(event: KeyPressEvent) -> None:
    buffer = event.current_buffer
    found = list(buffer.completer.get_completions(buffer.document, CompleteEvent(completion_requested=True)))
    if len(found) == 1:  # at once: a Tab typed quickly must not be lost to a menu that is still being made
        buffer.apply_completion(found[0])
    else:
        buffer.start_completion(insert_common_part=True)
