"""A chat in the terminal with a memory you can see and steer.

As a library: `Chat`, and the pieces it is put together from, `make_prompt`, `parse_memory`, `open_store` and
`open_model`. They are loaded when they are first used: importing chatcli costs nothing.
"""

TYPE_CHECKING = False  # as in typing, which takes longer to import than `chatcli --version` takes to answer
if TYPE_CHECKING:
    from chatcli.library import Chat as Chat
    from chatcli.library import make_prompt as make_prompt
    from chatcli.library import open_model as open_model
    from chatcli.library import open_store as open_store
    from chatcli.library import parse_memory as parse_memory

__version__ = "0.1.0"
__all__ = ["Chat", "make_prompt", "open_model", "open_store", "parse_memory"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from chatcli import library

    found: object = getattr(library, name)
    return found


def __dir__() -> list[str]:
    return [*globals(), *__all__]
