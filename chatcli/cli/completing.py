"""What the shell's Tab offers."""

from contextlib import closing


def session_names(incomplete: str) -> list[str]:
    """Return the sessions whose names begin so, for the shell's Tab; none when the store cannot say."""
    from chatcli.cli.resolve import workplace
    from chatcli.cli.stores import open_named_store
    from chatcli.errors import ChatError
    from chatcli.names import listed

    try:
        with closing(open_named_store(workplace())) as store:
            found = [session.name for session in listed(store, 200)]
    except ChatError:
        return []
    return [name for name in found if name.startswith(incomplete)]


def memory_specs(incomplete: str) -> list[str]:
    """Return the specs that begin so, for the shell's Tab; behind a `+` what can be added there."""
    from chatcli.memory import EXAMPLES

    before, plus, begun = incomplete.rpartition("+")
    taken = {spec.partition(":")[0] for spec in before.split("+")}
    specs = [spec for spec in EXAMPLES.split(", ") if spec.partition(":")[0] not in taken]
    return [f"{before}{plus}{spec}" for spec in specs if spec.startswith(begun)]
