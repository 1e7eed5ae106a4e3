"""A chat in the terminal over sentinels: the master is lost in the middle of a reply."""

import threading

from tests.e2e.conftest import User
from tests.redis_sentinel import trio


def test_a_chat_goes_on_when_the_master_is_lost_in_the_middle_of_a_reply(user: User) -> None:
    go_on = threading.Event()
    with trio(password="hunter2", down_after=3000) as servers:
        config = user.home / "config"
        config.mkdir()
        (user.home / "secret").write_text("hunter2\n")
        address = servers.url.replace(":hunter2@", "")
        lines = ["[stores.team]", f'address = "{address}"', 'password_file = "~/secret"', "wait_replicas = 2"]
        (config / "config.toml").write_text("\n".join(lines))
        user.server.replies("The first ", go_on, "half.")
        with user.chat("-s", "live", "--store", "team", cols=100, HOME=str(user.home)) as terminal:
            terminal.wait_for("you>")
            terminal.enter("a question")
            terminal.wait_for("The first")
            servers.kill_master()
            go_on.set()
            terminal.wait_for("store away · 1 turn kept here")  # nobody waits for the sentinels' vote
            terminal.wait_gone("store away ·", timeout=60)
            terminal.enter("another one")
            terminal.wait_for("Turn 2", timeout=60)
            terminal.wait_for("the store is back; 1 turn kept here is in it now", timeout=60)
            terminal.wait(lambda t: "of 2 replicas" in " ".join(t.text().split()), timeout=60)
            terminal.key("c-d")
            terminal.wait_exit()
        assert "hunter2" not in terminal.raw.decode("utf-8", "replace")
        shown = user.run("history", "show", "-s", "live", "--store", "team", env={"HOME": str(user.home)})
        assert "The first half." in shown.stdout
        assert shown.stdout.count("a question") == 1
