"""What the shell's Tab offers."""

import io
import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager, redirect_stdout

_TO_A_SHELL = re.compile(r"""[\\$`"'!~^*?#;&|<>(){}\[\]]|  """)
"""What a shell reads otherwise than it stands there. zsh evaluates the text that offers the names, which typer quotes
only in part: of the session `\\$(reboot)`, which whoever writes to the store may have made, Tab ran the command. Of two
spaces it makes one."""


@contextmanager
def words_for_bash() -> Iterator[None]:
    """Print what is offered to Tab in bash as the words they are to be; it puts them on the line as they are printed.

    The other shells quote them by themselves, and typer leaves bash to do so too.
    """
    offered = io.StringIO()
    try:
        with redirect_stdout(offered):
            yield
    finally:
        words, at = os.environ.get("COMP_WORDS", "").split("\n"), int(os.environ.get("COMP_CWORD", "0"))
        begun = "".join(words[at : at + 1])
        quoted = begun.startswith(('"', "'"))  # by the user
        print(offered.getvalue() if quoted else offered.getvalue().replace(" ", "\\ "), end="")


def session_names(incomplete: str) -> list[str]:
    """Return the sessions whose names begin so, for the shell's Tab; none when the store cannot say.

    A name that would have to be quoted, or that the terminal would obey, is left out.
    """
    from chatcli.cli.resolve import workplace
    from chatcli.cli.stores import open_named_store
    from chatcli.errors import ChatError
    from chatcli.names import listed

    try:
        with closing(open_named_store(workplace())) as store:
            found = [session.name for session in listed(store, 200)]
    except ChatError:
        return []
    return [name for name in found if name.startswith(incomplete) and _is_plain(name)]


def _is_plain(name: str) -> bool:
    from chatcli.render.safe import neutralise

    return neutralise(name) == name and not _TO_A_SHELL.search(name)


def memory_specs(incomplete: str) -> list[str]:
    """Return the specs that begin so, for the shell's Tab; behind a `+` what can be added there."""
    from chatcli.memory import EXAMPLES

    before, plus, begun = incomplete.rpartition("+")
    taken = {spec.partition(":")[0] for spec in before.split("+")}
    specs = [spec for spec in EXAMPLES.split(", ") if spec.partition(":")[0] not in taken]
    return [f"{before}{plus}{spec}" for spec in specs if spec.startswith(begun)]
