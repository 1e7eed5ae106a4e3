"""What the store would not take is kept in a file until it does."""

import json
import os
from pathlib import Path

from chatcli.chat import Chat
from chatcli.errors import StoreError
from chatcli.messages import to_dict
from chatcli.private import private_folder
from chatcli.repl.screen import Screen


def rescue(chat: Chat, folder: Path, screen: Screen, before: Path | None) -> Path | None:
    """Save what is unsaved, in the store or in a file; say where it is, once. Return the file.

    `before` is the file of an earlier call: it goes when it is not needed any more.
    """
    try:
        path = save_or_rescue(chat, folder)
    except OSError:
        screen.warn("the last turn could not be saved anywhere; it stands above")
        return before
    if path is None and before is not None:
        before.unlink(missing_ok=True)
    elif path is not None and path != before:
        screen.warn(f"the last turn is not in the store yet; it is kept in {path}")
    return path


def save_or_rescue(chat: Chat, folder: Path) -> Path | None:
    """Save the reply that is still unsaved, if there is one: in the store, else in a file in `folder`.

    Returns the file; None when nothing is unsaved any more. Raises OSError when even the file cannot be written.
    """
    unsaved = chat.unsaved
    if unsaved is None:
        return None
    path = folder / f"unsaved-{unsaved[1].id}.json"
    try:
        chat.flush()
    except StoreError:
        if not path.exists():
            _write(path, {"session": chat.session, "messages": [to_dict(message) for message in unsaved]})
        return path
    return None


def _write(path: Path, data: object) -> None:
    private_folder(path.parent)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(data, file, ensure_ascii=False, indent=2, default=dict)
