"""The passwords of stores: where they may come from, and that nothing shows them."""

import json
from pathlib import Path

import pytest

from chatcli.cli.resolve import workplace
from chatcli.cli.stores import open_named_store
from chatcli.errors import ChatError, UsageError
from chatcli.stores.address import with_option, with_password
from chatcli.stores.redis_pool import connections
from tests.unit.conftest import Command

ADDRESS = "redis://chatcli@127.0.0.1:1/0"
SENTINELS = "redis+sentinel://chatcli@127.0.0.1:1,127.0.0.1:2/mymaster/0"


def configured(home: Path, *lines: str, address: str = ADDRESS) -> None:
    folder = home / "config"
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text("\n".join(["[stores.team]", f'address = "{address}"', *lines]))


def password_in_use() -> str:
    """Return the password that the store's connections give."""
    store = open_named_store(workplace(), "team")
    store.close()
    return str(store._wire._pool.connection_kwargs["password"])  # type: ignore[attr-defined]


def refused(*lines: str, home: Path, address: str = ADDRESS) -> ChatError:
    configured(home, *lines, address=address)
    with pytest.raises(UsageError) as caught:
        open_named_store(workplace(), "team")
    assert "hunter2" not in caught.value.message + caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint
    return caught.value


@pytest.mark.parametrize("address", [ADDRESS, SENTINELS, "redis://127.0.0.1:1", "redis"])
def test_a_password_comes_from_a_variable_a_file_or_a_command(
    home: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    (home / "secret").write_text("hunter2 @/#?&%\n")
    monkeypatch.setenv("SECRET", "hunter2 @/#?&%")
    command = f"password_command = \"cat '{home}/secret'\""
    for line in ('password_env = "SECRET"', f'password_file = "{home}/secret"', command):
        configured(home, line, address=address)
        assert password_in_use() == "hunter2 @/#?&%"


def test_a_mistyped_store_of_the_config_is_told_which_there_are(home: Path, command: Command) -> None:
    configured(home)
    done = command("sessions", "list", "--store", "teem")
    assert done.code == 2
    assert done.err == "error: there is no store 'teem'\nhint: stores of the config: team; or write an address\n"
    assert command("sessions", "list", "--store", "sqlite", "--json").err == ""


def test_a_name_that_is_no_store_is_no_address_where_the_config_has_none_either(command: Command) -> None:
    done = command("sessions", "list", "--store", "team")
    assert done.err == "error: there is no store 'team'\nhint: stores of the config: none yet; or write an address\n"


def test_the_sentinels_password_comes_from_elsewhere_too(home: Path) -> None:
    (home / "secret").write_text("hunter2 &x\n")
    configured(home, f'sentinel_password_file = "{home}/secret"', "wait_replicas = 2", address=SENTINELS)
    store = open_named_store(workplace(), "team")
    sentinels = store._wire._pool.sentinel_manager.sentinels  # type: ignore[attr-defined]
    assert [one.connection_pool.connection_kwargs["password"] for one in sentinels] == ["hunter2 &x"] * 2
    assert "hunter2" not in store.address
    store.close()


def test_a_password_that_leads_nowhere_is_an_error_without_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    monkeypatch.setenv("EMPTY", "")
    assert "stores.team.password_env" in refused('password_env = "hunter2"', home=home).message
    assert "not set" in refused('password_env = "EMPTY"', home=home).message
    assert "stores.team.password_file" in refused('password_file = "hunter2"', home=home).message
    assert "stores.team.password_command" in refused('password_command = "hunter2"', home=home).message
    both = refused('password_env = "SECRET"', 'password_command = "echo hunter2"', home=home)
    assert "password_env and stores.team.password_command" in both.message
    twice = refused('password_env = "SECRET"', home=home, address="redis://:hunter2@127.0.0.1:1/0")
    assert "of its own" in twice.message
    for address in ("sqlite", "memory:", "sqlite:///x.db"):
        assert "takes no password" in refused('password_env = "SECRET"', home=home, address=address).message
        assert "takes no wait_replicas" in refused("wait_replicas = 1", home=home, address=address).message


def test_no_command_shows_a_password(home: Path, command: Command) -> None:
    configured(home, 'password_command = "echo hunter2"', "wait_replicas = 1")
    for arguments in (["config", "show"], ["doctor", "--store", "team"], ["sessions", "list", "--store", "team"]):
        done = command(*arguments)
        assert "hunter2" not in done.out + done.err
    shown = json.loads(command("config", "show").out)["stores"]["team"]
    assert shown["password_command"] == "echo …"
    assert shown["address"] == ADDRESS


def test_what_redis_py_says_of_itself_holds_no_password() -> None:
    for address in (f"{SENTINELS}?sentinel_password=hunter2", ADDRESS):
        pool = connections(with_password(address, "hunter2"))
        connection = pool.make_connection()
        for one in (pool, connection, *getattr(getattr(pool, "sentinel_manager", None), "sentinels", [])):
            assert "hunter2" not in repr(one)
        pool.close()


def test_a_password_and_an_option_stand_where_they_belong() -> None:
    for address, whole in [
        ("redis://h:1/0", "redis://:p%40@h:1/0"),
        ("redis://h", "redis://:p%40@h"),
        ("redis://u@h:1/0?client_name=a@b", "redis://u:p%40@h:1/0?client_name=a@b"),
        ("rediss+sentinel://u@a:1,b:2/m/0", "rediss+sentinel://u:p%40@a:1,b:2/m/0"),
        ("unix:///run/redis.sock?db=1", "unix://:p%40@/run/redis.sock?db=1"),
    ]:
        assert with_password(address, "p@") == whole
    assert with_option("redis://h", "x", "a b&c") == "redis://h?x=a%20b%26c"
    assert with_option("redis://h?y=1", "x", 2) == "redis://h?y=1&x=2"
