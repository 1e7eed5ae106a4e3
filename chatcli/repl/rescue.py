"""What the store would not take, even at the end, is written to a file."""

import json
import os
from pathlib import Path

from chatcli.chat import Chat
from chatcli.config import private_folder
from chatcli.errors import StoreError
from chatcli.messages import to_dict
from chatcli.repl.screen import Screen


def rescue(chat: Chat, folder: Path, screen: Screen) -> None:
    """Save the reply that is still unsaved: in the store, else in a file in `folder` that is named on the screen."""
    try:
        chat.flush()
    except StoreError as error:
        screen.error(error)
    unsaved = chat.unsaved
    if unsaved is None:
        return
    text = json.dumps(
        {"session": chat.session, "messages": [to_dict(m) for m in unsaved]}, ensure_ascii=False, indent=2
    )
    path = private_folder(folder) / f"unsaved-{unsaved[1].id}.json"
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        screen.warn("the last reply could not be saved anywhere; it stands above")
    else:
        screen.warn(f"the last turn is not in the store; it is kept in {path}")
