"""Sessions out of the store: each format, and what can be in the way of a file."""

import json
import os
import stat
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from chatcli.errors import ChatError
from chatcli.messages import Message, Usage
from chatcli.palette import LIGHT
from chatcli.render.theme import drawn_in
from chatcli.stores.address import open_store
from chatcli.transfer import Carried
from chatcli.transfer.departure import file_name, save, written
from tests.unit.conftest import Command

PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
IMAGE = {"type": "image_url", "image_url": {"url": PIXEL}}
HOSTILE = "\x1b]52;c;AAAA\x07 \x9b31m \u202edrawkcab <script>alert(1)</script> <img src=http://evil.example/x>"


@pytest.fixture
def talked(home: Path) -> Path:
    """A session `JavaEdge`, with settings, of two turns and an image."""
    store = open_store("sqlite", data_folder=home / "data")
    store.update("JavaEdge", title="中国历史", settings={"memory": "window:3"})
    reply = Message("assistant", "**西安**\n\n```python\nx = 1\n```", "m1", 1e9, model="qwen-plus", usage=Usage(5, 2))
    store.append("JavaEdge", [Message("user", "哪个城市?", "u1", 1e9), reply])
    asked = Message("user", ({"type": "text", "text": "what?"}, IMAGE))
    store.append("JavaEdge", [asked, Message("assistant", "a dot", finish="interrupted")])
    store.close()
    return home


def page(*messages: Message) -> str:
    return "".join(written(Carried("s", messages), "html"))


# To stdout


def test_markdown_is_what_stdout_gets_when_nothing_is_said(command: Command, talked: Path) -> None:
    shown = command("history", "export").out
    assert shown.startswith("# 中国历史\n\n## user (turn 1 · 2001-09-09 ")
    assert "\n\n## assistant (qwen-plus · 2001-09-09 " in shown
    assert "**西安**\n\n```python\nx = 1\n```\n\n## user (turn 2)\n\nwhat?\n" in shown
    assert shown.endswith("## assistant\n\na dot\n\n*stopped here*\n")


def test_json_holds_everything_and_a_message_a_line(command: Command, talked: Path) -> None:
    shown = command("history", "export", "-s", "JavaEdge", "--format", "json").out
    found = json.loads(shown)
    assert (found["chatcli"], found["name"], found["title"]) == (1, "JavaEdge", "中国历史")
    assert found["settings"] == {"memory": "window:3"}
    assert found["messages"][1]["usage"] == {"prompt": 5, "completion": 2, "cached": 0}
    assert len(shown.splitlines()) == 6


def test_jsonl_is_one_line_as_openai_trains_on(command: Command, talked: Path) -> None:
    (line,) = command("history", "export", "--format", "jsonl").out.splitlines()
    assert [set(message) for message in json.loads(line)["messages"]] == [{"role", "content"}] * 4
    assert json.loads(line)["messages"][2]["content"] == [{"type": "text", "text": "what?"}, IMAGE]


def test_what_is_exported_is_utf8_whatever_the_locale(talked: Path) -> None:
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "chatcli", "history", "export", "--format", "json"], env=env, capture_output=True
    )
    assert json.loads(done.stdout.decode())["messages"][0]["content"] == "哪个城市?"


@pytest.mark.parametrize("format", ["md", "json", "jsonl", "html", "svg"])
def test_no_terminal_obeys_what_is_exported(format: str) -> None:
    unreadable = Message("unreadable", HOSTILE, extra={"langchain": {"raw": HOSTILE}})
    said = [Message("user", HOSTILE), Message("assistant", HOSTILE, model=HOSTILE), unreadable]
    text = "".join(written(Carried(HOSTILE, said, title=HOSTILE), format))
    text.encode()
    assert not {"\x1b", "\x9b", "\u202e", "\x07"} & set(text)


def test_an_unknown_format_is_refused(command: Command, talked: Path) -> None:
    refused = command("history", "export", "--format", "pdf")
    assert (refused.code, refused.err) == (
        2, "error: there is no format 'pdf' to export to\nhint: choose one of md, json, jsonl, html, svg\n"
    )  # fmt: skip
    assert command("history", "export", "-o", "x.pdf").code == 2
    assert command("history", "export", "-s", "nobody").code == 1


# A page


def test_a_page_shows_markdown_code_and_pictures_and_runs_nothing(command: Command, talked: Path) -> None:
    shown = command("history", "export", "--format", "html").out
    assert "<strong>西安</strong>" in shown
    assert '<span class="mi">1</span>' in shown
    assert f'<img src="{PIXEL}" alt="image">' in shown
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in shown
    assert "<script" not in shown


def test_a_page_has_links_to_the_web_alone_and_loads_no_image() -> None:
    shown = page(
        Message(
            "assistant",
            "[a](https://x.example/?q=\"'><b>) [b](javascript:alert(1)) [c](data:text/html,x) [d](file:///etc/passwd)"
            " ![e](https://evil.example/pixel.png) <https://f.example> <javascript:alert(2)> [g](mailto:a@b.example)"
            " <iframe src=https://evil.example></iframe> <p onclick=alert(3)>",
        )
    )
    links = [part.split('"')[0] for part in shown.split('<a href="')[1:]]
    assert [link.partition(":")[0] for link in links] == ["https", "https", "https", "mailto"]
    assert shown.count('rel="noopener noreferrer"') == 4
    assert "<img" not in shown
    assert "<iframe" not in shown
    assert "<p onclick" not in shown


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x.png",
        'data:image/png;base64,AAAA" onerror="alert(1)',
        "data:image/svg+xml;base64,AAAA",
        "data:text/html,x",
    ],
)
def test_only_pictures_that_are_data_are_in_a_page(url: str) -> None:
    assert "<img" not in page(Message("user", ({"type": "image_url", "image_url": {"url": url}},)))


def test_code_in_a_language_that_nobody_knows_is_shown_as_it_is() -> None:
    assert "<pre><code>a &lt; b</code></pre>" in page(Message("assistant", "```nonsense\na < b\n```"))


# A picture


def test_a_picture_is_whole_and_asks_for_nothing(command: Command, talked: Path) -> None:
    shown = command("history", "export", "--format", "svg").out
    assert ElementTree.fromstring(shown).tag.endswith("svg")
    assert "西安" in shown
    assert 'textLength="48.8"' in shown.split(">西安<")[0].rpartition("<text")[2], "as wide as four cells"
    assert "font-face" not in shown
    assert "http" not in shown.replace("http://www.w3.org/2000/svg", "").replace("https://www.textualize.io", "")


@pytest.mark.parametrize(
    "environ",
    [
        {"TERM": "xterm-kitty"},
        {"TERM": "dumb", "NO_COLOR": "1"},
        {"TERM": "xterm", "COLUMNS": "20"},
    ],
)
def test_a_picture_is_the_same_whatever_terminal_it_is_made_at(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    said = Message("assistant", "[the docs](https://docs.example/guide)\n\n```python\nfor x in 'abc': pass\n```")
    for name in ("TERM", "NO_COLOR", "COLUMNS", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    plain = "".join(written(Carried("s", [said]), "svg"))
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with drawn_in(LIGHT):
        assert "".join(written(Carried("s", [said]), "svg")) == plain
    assert "docs.example/guide" in plain  # nothing can be clicked in a picture


# Into a file


def test_the_suffix_says_the_format_and_the_file_is_the_owners_alone(command: Command, talked: Path) -> None:
    assert command("history", "export", "-o", "out.json").code == 0
    assert json.loads((talked / "out.json").read_text("utf-8"))["name"] == "JavaEdge"
    assert stat.S_IMODE((talked / "out.json").stat().st_mode) == 0o600
    assert command("history", "export", "--format", "jsonl", "-o", "out.txt").code == 0
    assert (talked / "out.txt").read_text("utf-8").startswith('{"messages"')


def test_in_a_folder_it_is_called_after_the_session(command: Command, talked: Path) -> None:
    (talked / "out").mkdir()
    assert command("history", "export", "-o", "out").code == 0
    assert command("history", "export", "--format", "html", "-o", "out").code == 0
    assert sorted(path.name for path in (talked / "out").iterdir()) == ["JavaEdge.html", "JavaEdge.md"]


def test_what_ends_with_a_slash_is_a_folder_and_no_file_of_that_name_is_made(command: Command, talked: Path) -> None:
    for what in (["-s", "JavaEdge"], ["--all"]):
        refused = command("history", "export", *what, "-o", "backups/")
        assert (refused.code, len(refused.err.splitlines())) == (2, 2)
        assert "backups/" in refused.err
    assert not (talked / "backups").exists()


def test_a_file_that_exists_is_replaced_after_asking_alone(command: Command, talked: Path) -> None:
    (talked / "out.md").write_text("mine")
    refused = command("history", "export", "-o", "out.md")
    assert refused.code == 2
    assert "hint: -y says yes" in refused.err
    assert (talked / "out.md").read_text() == "mine"
    assert command("history", "export", "-o", "out.md", "-y").code == 0
    assert (talked / "out.md").read_text("utf-8").startswith("# ")
    assert sorted(path.name for path in talked.iterdir() if path.suffix != "") == ["out.md"]


def test_what_a_link_leads_to_is_written(command: Command, talked: Path) -> None:
    (talked / "real.md").write_text("old")
    (talked / "link.md").symlink_to("real.md")
    assert command("history", "export", "-o", "link.md", "-y").code == 0
    assert (talked / "link.md").is_symlink()
    assert (talked / "real.md").read_text("utf-8").startswith("# ")


def test_a_device_is_written_to_and_stays_one(command: Command, talked: Path) -> None:
    full = command("history", "export", "--format", "md", "-o", "/dev/full")
    assert full.code == 1
    assert full.err.startswith("error: /dev/full cannot be written: No space left on device\nhint: make room")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)
    assert command("history", "export", "--format", "md", "-o", "/dev/null").code == 0


@pytest.mark.parametrize(
    "path", ["no/such/folder/x.md", "/proc/x.md", "a" * 300 + ".md", "~nobody-here/x.md", "x\0.md"]
)
def test_a_path_where_nothing_can_be_written_is_two_lines(command: Command, talked: Path, path: str) -> None:
    refused = command("history", "export", "-o", path)
    assert (refused.code, len(refused.err.splitlines())) == (2, 2)


def test_an_export_that_fails_half_way_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    def pieces() -> object:
        yield "half"
        raise ChatError("the store went away", "start it")

    target = tmp_path / "x.md"
    target.write_text("old")
    with pytest.raises(ChatError):
        save(pieces(), target, lambda path: True)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["x.md"]
    assert target.read_text() == "old"


@pytest.mark.parametrize(
    ("session", "file"),
    [("JavaEdge", "JavaEdge"), ("../../etc/passwd", "-..-etc-passwd"), (".hidden", "hidden"), ("...", "session"),
     ("a\u202eb", "a-b"), ("中国" * 100, "中国" * 33)],
)  # fmt: skip
def test_a_sessions_name_as_a_files_leads_nowhere_else(session: str, file: str) -> None:
    assert file_name(session) == file


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is made by root alone")
def test_a_full_disk_costs_no_file(command: Command, talked: Path) -> None:
    small = talked / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", small], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        (small / "out.html").write_text("old")
        refused = command("history", "export", "-o", "small/out.html", "-y")
        assert refused.code == 1
        assert "No space left on device" in refused.err
        assert [path.name for path in small.iterdir()] == ["out.html"]
        assert (small / "out.html").read_text() == "old"
    finally:
        subprocess.run(["umount", small], check=True)
