"""What answers: a model is anything that streams events for a list of messages; see `protocol`.

Its names are loaded when they are first used: which model is meant can be found out without them, before the prompt.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatcli.model.protocol import Delta as Delta
    from chatcli.model.protocol import Event as Event
    from chatcli.model.protocol import Finished as Finished
    from chatcli.model.protocol import Model as Model
    from chatcli.model.protocol import Reasoning as Reasoning
    from chatcli.model.protocol import Reply as Reply
    from chatcli.model.protocol import Retrying as Retrying
    from chatcli.model.protocol import Used as Used

__all__ = ["Delta", "Event", "Finished", "Model", "Reasoning", "Reply", "Retrying", "Used"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from chatcli.model import protocol

    found: object = getattr(protocol, name)
    return found
