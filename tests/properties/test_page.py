"""An exported page holds nothing that could do harm, whatever was said."""

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chatcli.messages import Message
from chatcli.transfer import Carried
from chatcli.transfer.departure import written
from tests.page import Page

_HTML = """
< > </ <script> </script> <!-- --> <img/src=x/onerror=y> </title> </style> </article> </pre></code> <a/href= onclick=
&lt; &#60; &quot; " ' & javascript: data:text/html,
"""
_MARKDOWN = "` ``` ```html\v ~~~\v \v \v\v - 1. > # | |\v|---|\v [ ]( ] ) ![ [a]:\t http://x.example \\ * _ ~~ $$"
PIECES = [*_HTML.split(), *_MARKDOWN.replace("\v", "\n").split(" "), "    ", " ", "a", "中", "\x00", "\x1b", "\ud800"]
TEXT = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map("".join)
STYLES = Page("".join(written(Carried("s", []), "html"))).styles


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=150)
@given(TEXT, TEXT, TEXT, TEXT)
@example("</title>", '"><script>', "```\"onclick='\n<\n```", '[a](http://x.example/"onclick=)')
def test_a_page_holds_nothing_that_could_do_harm(title: str, model: str, asked: str, said: str) -> None:
    image = {"type": "image_url", "image_url": {"url": asked}}
    messages = [
        Message("user", ({"type": "text", "text": asked}, image)),
        Message("assistant", said, model=model),
        Message("assistant", asked),
    ]
    text = "".join(written(Carried("s", messages, title=title), "html"))
    text.encode()
    shown = Page(text)
    assert shown.wrong == []
    assert shown.styles == STYLES
    assert (shown.counts["article"], shown.counts.get("img", 0)) == (3, 0)
