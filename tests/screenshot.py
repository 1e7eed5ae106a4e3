"""Makes the README's pictures of the main screens: a real terminal, with a server that says what a model might.

python -m tests.screenshot docs
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from chatcli.authors import own_author
from chatcli.messages import Message, Usage
from chatcli.stores.sqlite import SqliteStore
from tests.benchmarks.recall import load
from tests.servers import ModelServer
from tests.terminal import Terminal

CITY = "中国建都时间最长的城市是**西安**（古称长安）。\n"
YEARS = """它有 **1100 多年**的建都历史，先后有十三个王朝在此定都：

| 王朝 | 都城 | 约多少年 |
|---|---|---|
| 西周 | 镐京 | 275 |
| 西汉 | 长安 | 214 |
| 唐 | 长安 | 274 |

```python
total = 275 + 214 + 274   # 只是其中三个
```
"""
TITLES = {
    "diary": "Five months of chats",
    "日记": "五个月的聊天",
    "kyoto": "Ten days in Kyoto in spring",
    "sourdough": "Why my bread does not rise",
    "regex": "A regular expression for dates",
}
DATA = Path(__file__).parent / "benchmarks" / "data"
CONFIG = '[models.qwen]\nid = "qwen-plus"\nwindow = 131072\nprice = { input = 0.8, cached = 0.16, output = 2.0 }\n'
DAY = 86_400.0  # seconds


@dataclass(frozen=True)
class Desk:
    """A home with sessions in it, and an endpoint."""

    home: Path
    server: ModelServer

    @contextmanager
    def terminal(self, *arguments: str, rows: int, cols: int = 84) -> Iterator[Terminal]:
        env = {
            "CHATCLI_HOME": str(self.home),
            "OPENAI_BASE_URL": self.server.url,
            "OPENAI_API_KEY": "sk-none",
            "CHATCLI_MODEL": "qwen",
        }
        with Terminal([sys.executable, "-m", "chatcli", *arguments], env=env, rows=rows, cols=cols) as term:
            yield term

    def says(self, text: str) -> None:
        """Have the model say this next."""
        self.server.replies(*(text[at : at + 3] for at in range(0, len(text), 3)), usage=(118, 96, None))


def furnish(home: Path) -> None:
    """Put sessions into the home: two long ones, and some short ones."""
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text(CONFIG)
    (home / "data").mkdir()
    with closing(SqliteStore(home / "data" / "sessions.db")) as store:
        for days, (name, title) in enumerate(reversed(TITLES.items())):
            store.append(name, list(said(name, time.time() - (len(TITLES) - days) * DAY)))
            store.update(name, title=title)


def said(name: str, at: float) -> Iterator[Message]:
    """Yield the messages of a session."""
    kept = {"diary": "en-dev.json", "日记": "zh-dev.json"}.get(name)
    if kept is None:
        yield Message("user", TITLES[name] + "?", time=at, author=own_author())
        yield Message("assistant", "Let us look at it.", time=at + 9, model="qwen-plus", usage=Usage(900, 210))
        return
    [talk] = load(DATA / kept)
    shift = at - (talk.messages[-1].time or at)
    for message in talk.messages:
        moved = replace(message, time=(message.time or at) + shift)
        if message.role == "assistant":
            usage = Usage(60 * len(message.text) // 4, len(message.text) // 4)
            yield replace(moved, model="qwen-plus", usage=usage)
        else:
            yield replace(moved, author=own_author())


def chat(desk: Desk, target: Path) -> None:
    """Show a chat: a table, code, the menu of commands."""
    desk.says(CITY)
    desk.says(YEARS)
    flags = [
        "-s",
        "JavaEdge",
        "--system",
        "你是一个擅长{ability}的助手",
        "--var",
        "ability=历史",
        "--memory",
        "window:10",
    ]
    with desk.terminal("chat", "-q", *flags, rows=27) as term:
        term.wait_for("you>")
        term.enter("中国建都时间最长的城市是哪个?")
        term.wait(lambda t: t.text().count("you>") == 2)
        term.enter("它有多少年建都历史？")
        term.wait(lambda t: t.text().count("you>") == 3 and "118 of" in t.screen_text())
        term.send("/")
        term.wait_for("/context")
        term.svg(target, "chatcli chat --session JavaEdge")


def context(desk: Desk, target: Path) -> None:
    """Show what would be sent for a question about what was said months ago."""
    question = "What did I say about my sister?"
    asked = ["memory", "context", "-s", "diary", "--memory", "tokens:600+recall:300", question]
    with desk.terminal(*asked, rows=41) as term:
        term.wait_exit()
        term.svg(target, f'chatcli memory context -s diary "{question}"')


def picker(desk: Desk, target: Path) -> None:
    """Show the list of sessions, filtered."""
    with desk.terminal("sessions", "resume", rows=20) as term:
        term.wait_for("JavaEdge")
        term.send("e")
        term.wait(lambda t: "diary" in t.screen_text() and "regex" in t.screen_text() and "日记" not in t.screen_text())
        term.svg(target, "chatcli sessions resume")
        term.key("c-c")


def search(desk: Desk, target: Path) -> None:
    """Show hits in all sessions."""
    with desk.terminal("history", "search", "-n", "4", "sister", rows=18) as term:
        term.wait_exit()
        term.svg(target, "chatcli history search sister")


def compare(desk: Desk, target: Path) -> None:
    """Show memories side by side."""
    with desk.terminal("memory", "compare", "-s", "diary", rows=28) as term:
        term.wait_exit(60)
        term.svg(target, "chatcli memory compare -s diary")


def stats(desk: Desk, target: Path) -> None:
    """Show turns, tokens and cost."""
    with desk.terminal("stats", "--all", rows=37) as term:
        term.wait_exit()
        term.svg(target, "chatcli stats --all")


SCREENS: tuple[Callable[[Desk, Path], None], ...] = (chat, context, picker, search, compare, stats)


def main() -> None:
    """Write the pictures into the folder that the command line names."""
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    with ModelServer() as server, tempfile.TemporaryDirectory() as home:
        furnish(Path(home))
        for screen in SCREENS:
            screen(Desk(Path(home), server), folder / f"{screen.__name__}.svg")


if __name__ == "__main__":
    main()
