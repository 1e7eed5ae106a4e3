"""Makes the README's picture: a real terminal, with a server that says what a model might.

python -m tests.screenshot docs/chat.svg
"""

import sys
import tempfile
from pathlib import Path

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


def main() -> None:
    """Play the dialogue and write the picture to the file that the command line names."""
    target = Path(sys.argv[1])
    target.parent.mkdir(exist_ok=True)
    with ModelServer() as server, tempfile.TemporaryDirectory() as home:
        for text in (CITY, YEARS):
            server.replies(*(text[i : i + 3] for i in range(0, len(text), 3)), usage=(118, 96, None))
        env = {
            "CHATCLI_HOME": home,
            "OPENAI_BASE_URL": server.url,
            "OPENAI_API_KEY": "sk-none",
            "CHATCLI_MODEL": "qwen-plus",
        }
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
        with Terminal([sys.executable, "-m", "chatcli", "chat", "-q", *flags], env=env, rows=27, cols=84) as term:
            term.wait_for("you>")
            term.enter("中国建都时间最长的城市是哪个?")
            term.wait(lambda t: t.text().count("you>") == 2)
            term.enter("它有多少年建都历史？")
            term.wait(lambda t: t.text().count("you>") == 3 and "118 of" in t.screen_text())
            term.send("/")
            term.wait_for("/context")
            term.svg(target, "chatcli chat --session JavaEdge")


if __name__ == "__main__":
    main()
