"""Nothing in an exported page runs, and nothing is loaded, whatever a session holds: read by an HTML parser.

A real browser: tests/e2e/test_page_in_chromium.py.
"""

import pytest

from chatcli.attachments import fenced
from chatcli.messages import Message
from chatcli.transfer import Carried
from chatcli.transfer.departure import written
from tests.page import Page

HOSTILE = {
    "script": "</title></style></code></pre><script>ran()</script>",
    "out of an attribute": "\"'><img src=http://evil.example/canary onerror=ran()>",
    "another attribute": '" onclick="ran()" x="',
    "comment": "<!-- ran() --><![CDATA[ <?x ?>",
    "entities": "&lt;script&gt;ran()&#60;/script&#x3e; &quot;&#34;&apos;",
}


def text(said: str) -> dict[str, str]:
    return {"type": "text", "text": said}


def reply(said: str) -> Carried:
    return Carried("s", [Message("assistant", said)])


PLACES = {
    "title": lambda bad: Carried("s", [], title=bad),
    "name": lambda bad: Carried(bad, []),
    "question": lambda bad: Carried("s", [Message("user", bad)]),
    "system text": lambda bad: Carried("s", [Message("system", bad)]),
    "model": lambda bad: Carried("s", [Message("assistant", "x", model=bad)]),
    "tool's answer": lambda bad: Carried("s", [Message("tool", bad, tool_call_id=bad, name=bad)]),
    "tool's name": lambda bad: Carried("s", [Message("assistant", "x", tool_calls=({"name": bad},))]),
    "function's name": lambda bad: Carried("s", [Message("assistant", "x", tool_calls=({"function": {"name": bad}},))]),
    "what cannot be read": lambda bad: Carried("s", [Message("unreadable", bad)]),
    "attachment": lambda bad: Carried("s", [Message("user", (text("x"), text(fenced(bad, bad))))]),
    "kind of a part": lambda bad: Carried("s", [Message("user", ({"type": bad},))]),
    "address of an image": lambda bad: Carried("s", [image(bad)]),
    "data of an image": lambda bad: Carried("s", [image(f"data:image/png;base64,AAAA{bad}")]),
    "kind of an image": lambda bad: Carried("s", [image(f"data:image/{bad};base64,AAAA")]),
    "reply": reply,
    "code": lambda bad: reply(f"```\n{bad}\n```\n\n    {bad}"),
    "code in a language": lambda bad: reply(f"```html\n{bad}\n```"),
    "code in a language that nobody knows": lambda bad: reply(f"```nonsense\n{bad}\n```"),
    "language": lambda bad: reply(f"```{bad}\nx\n```\n\n~~~ {bad} x\ny\n~~~"),
    "inline code": lambda bad: reply(f"``{bad}``"),
    "target of a link": lambda bad: reply(
        f"[a](<https://x.example/{bad}>) [a](https://x.example/{bad.replace(' ', '')})"
    ),
    "title of a link": lambda bad: reply("[a](https://x.example '{}')".format(bad.replace("'", "\\'"))),
    "reference": lambda bad: reply(f"[a][b] ![a][b]\n\n[b]: <https://x.example/{bad}> '{bad.replace(chr(39), '')}'"),
    "address": lambda bad: reply(f"<https://x.example/{bad}> https://x.example/{bad}"),
    "image": lambda bad: reply(f"![{bad}](<https://x.example/{bad}>) ![x]({bad} '{bad}')"),
    "table": lambda bad: reply(f"| {bad} |\n|:-:|\n| {bad} |"),
    "list": lambda bad: reply(f"7. {bad}\n   - {bad}\n\n> {bad}\n\n# {bad}"),
    "formula": lambda bad: reply(f"$${bad}$$ \\({bad}\\)"),
}


def image(url: str) -> Message:
    return Message("user", ({"type": "image_url", "image_url": {"url": url}},))


def page(session: Carried) -> Page:
    return Page("".join(written(session, "html")))


STYLES = page(Carried("s", [])).styles


@pytest.mark.parametrize("bad", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("place", PLACES)
def test_nothing_hostile_gets_out_of_its_place(place: str, bad: str) -> None:
    shown = page(PLACES[place](bad))
    assert shown.wrong == []
    assert shown.styles == STYLES
    assert (shown.counts.get("img", 0), shown.counts["meta"], shown.counts["title"]) == (0, 4, 1)
    assert shown.counts.get("article", 0) <= 1


@pytest.mark.parametrize("place", ["title", "name", "question", "model", "tool's name", "attachment", "reply", "code"])
def test_what_looks_like_html_is_shown_as_it_was_said(place: str) -> None:
    shown = page(PLACES[place]("<b>1 & 2</b>"))
    assert "<b>1 & 2</b>" in shown.words


@pytest.mark.parametrize(
    "target",
    [
        "javascript:ran()",
        "JaVaScRiPt:ran()",
        "&#106;avascript:ran()",
        "java&Tab;script:ran()",
        "vbscript:ran()",
        "data:text/html,ran()",
        "file:///etc/passwd",
        "//evil.example/x",
        "#turn-1",
        "ftp://evil.example",
    ],
)
def test_a_link_leads_to_the_web_or_to_a_mail_address_or_nowhere(target: str) -> None:
    shown = page(reply(f"[a]({target}) [b](<{target}>) ![c]({target}) <{target}>\n\n[d]\n\n[d]: {target}"))
    assert shown.wrong == []
    assert shown.links == []


def test_a_link_leads_where_it_was_said_to_lead() -> None:
    assert page(reply("[a](https://x.example/?a=1&copy=2#%22)")).links == ["https://x.example/?a=1&copy=2#%22"]


def test_a_page_shows_no_address_for_a_terminal_that_knows_no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    shown = page(reply("so [it says](https://x.example) there"))
    assert (shown.words.split("assistant")[1].strip(), shown.wrong) == ("so it says there", [])


def test_the_title_of_the_page_and_its_heading_are_the_sessions() -> None:
    shown = page(Carried("s", [], title="</title> & <h1>"))
    assert (shown.title, shown.words.strip()) == ("</title> & <h1>", "</title> & <h1>")


def test_the_parser_of_these_tests_sees_what_is_wrong() -> None:
    for bad in (
        "<script>x</script>",
        "<p onclick=x>a</p>",
        "<a href='javascript:x'>a</a>",
        "<img src='http://x'>",
        "</p>",
    ):
        assert Page(bad).wrong
    for bad in ("<p>", "<!-- x -->", "<?x>", "<td style='text-align:left;x:url(y)'></td>", "<svg/>"):
        assert Page(bad).wrong
    assert Page("<p class=note>a <b").wrong
