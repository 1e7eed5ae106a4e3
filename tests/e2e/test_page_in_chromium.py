"""An exported page in a real browser: nothing in it runs, nothing is loaded, light and dark as the system is."""

import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from chatcli.messages import Message
from tests.e2e.conftest import User

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")

PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
HOSTILE = """<script>document.title = "ran"</script> <img src="{url}/1" onerror="document.title = 'ran'">
<iframe src="{url}/2"></iframe> ![picture]({url}/3) <link rel=stylesheet href="{url}/4"> [x](javascript:document.title='ran')
</title></style></article><svg onload="document.title='ran'"> <style>@import url("{url}/5")</style> <base href="{url}/6">

```html
</code></pre><script src="{url}/7"></script>
```

```"><script>document.title='ran'</script>
x
```

| <img src="{url}/8"> |
|---|
| <video src="{url}/9" autoplay> |
"""  # noqa: E501


def chromium(page: Path, *words: str) -> str:
    """Open the page in a Chromium with a profile of its own; return what it prints."""
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]
    command += [f"--user-data-dir={page.parent / 'profile'}", *words, page.as_uri()]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


@pytest.fixture
def page(user: User) -> Path:
    hostile = HOSTILE.replace("{url}", user.server.url)
    shown = ({"type": "text", "text": hostile}, {"type": "image_url", "image_url": {"url": PIXEL}},
             {"type": "image_url", "image_url": {"url": f"{user.server.url}/10"}})  # fmt: skip
    store = user.store()
    store.append("s", [Message("user", shown), Message("assistant", hostile, model=hostile)])
    store.update("s", title=f"A page </title><script>document.title='ran'</script> {user.server.url}")
    store.close()
    assert user.run("history", "export", "-o", "page.html").returncode == 0
    return user.home / "page.html"


def test_nothing_in_the_page_runs_and_nothing_is_loaded(page: Path, user: User) -> None:
    shown = chromium(page, "--virtual-time-budget=2000", "--dump-dom")
    title = shown.partition("<title>")[2].partition("</title>")[0]
    assert title.startswith("A page &lt;/title&gt;&lt;script&gt;")
    for element in ("script", "iframe", "svg", "link", "base", "video"):
        assert f"<{element}" not in shown
    assert shown.count("<img") == 1
    assert f'<img src="{PIXEL}"' in shown
    assert shown.count("<article") == 2
    assert user.server.requests == []


def test_the_page_is_light_or_dark_as_the_system_is(page: Path) -> None:
    colours = []
    for scheme in (1, 0):  # light, dark
        picture = page.parent / f"{scheme}.png"
        chromium(page, f"--blink-settings=preferredColorScheme={scheme}", f"--screenshot={picture}")
        colours.append(first_pixel(picture))
    assert colours == [(255, 255, 255), (13, 17, 23)]


def first_pixel(picture: Path) -> tuple[int, ...]:
    """Return the colour of the upper left corner of a PNG, which no filter changes."""
    data, at, packed = picture.read_bytes(), 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        packed += data[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += length + 12
    return tuple(zlib.decompress(packed)[1:4])
