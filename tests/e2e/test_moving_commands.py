"""Copies and backups at a terminal: progress, ^C, and the same command again."""

from chatcli.messages import Message
from chatcli.names import is_under_way
from chatcli.stores.address import open_store
from tests.e2e.conftest import User
from tests.redis_server import RedisServer

MANY = 25_000


def filled(user: User) -> None:
    store = user.store()
    store.append("s", [Message("user" if at % 2 == 0 else "assistant", f"{at} " + "x" * 200) for at in range(MANY)])
    store.close()


def test_a_copy_that_is_stopped_goes_on_with_the_same_command(user: User, redis_server: RedisServer) -> None:
    filled(user)
    command = ("sessions", "copy", "s", "--to", redis_server.url)
    with user.terminal(*command) as term:
        term.wait_for(f"of {MANY:,} messages")
        term.key("c-c")
        assert term.wait_exit(60) == 130
        assert "stopped; the same command goes on from there" in term.text()
        assert "Traceback" not in term.text()
    target = open_store(redis_server.url, data_folder=user.home)
    assert not target.exists("s")
    assert all(is_under_way(one.name) for one in target.sessions())
    done = user.run(*command)
    assert (done.returncode, done.stdout) == (0, f"s: copied, {MANY:,} messages\n")
    assert target.length("s") == MANY
    assert [one.name for one in target.sessions()] == ["s"]
    target.delete("s")
    target.close()


def test_replacing_a_backup_is_asked_at_a_terminal(user: User) -> None:
    user.store().close()
    (user.home / "b.db").write_text("mine")
    with user.terminal("sessions", "backup", "b.db", cols=200) as term:
        term.wait_for("[y/N]")
        term.enter("n")
        assert term.wait_exit() == 1
    assert (user.home / "b.db").read_text() == "mine"
    with user.terminal("sessions", "backup", "b.db", cols=200) as term:
        term.wait_for("[y/N]")
        term.enter("y")
        term.wait_for("wrote 0 sessions to")
        assert term.wait_exit() == 0
