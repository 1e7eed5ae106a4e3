"""Reads an exported page as a browser does, and says what in it could do harm."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser

_EMPTY = {"meta", "img", "br", "hr"}
_TEXT = re.compile(r".*", re.DOTALL)
_ANCHOR = {
    "href": re.compile(r"(?i:https?://|mailto:).*", re.DOTALL),
    "rel": re.compile("noopener noreferrer"),
    "title": _TEXT,
}
_CELL = {"style": re.compile("text-align:(left|right|center)")}
_NOTHING: Mapping[str, re.Pattern[str]] = {}
_BARE = (
    "html head title style body header main footer h1 h2 h3 h4 h5 h6 ul li pre code em strong s blockquote"
    " table thead tbody tr br hr"
)
_ALLOWED: Mapping[str, Mapping[str, re.Pattern[str]]] = {
    "a": _ANCHOR,
    "img": {"src": re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+=*"), "alt": re.compile("image")},
    "article": {"class": re.compile("system|user|assistant|tool"), "id": re.compile(r"turn-\d+")},
    "div": {"class": re.compile("as-typed")},
    "p": {"class": re.compile("note")},
    "span": {"class": re.compile("[a-z0-9]+")},
    "ol": {"start": re.compile(r"\d+")},
    "th": _CELL,
    "td": _CELL,
    "meta": {"charset": _TEXT, "http-equiv": _TEXT, "content": _TEXT, "name": _TEXT},
    **dict.fromkeys(_BARE.split(), _NOTHING),
}


class Page(HTMLParser):
    """A page that was read: its words, its links, how often each element is in it, and what is wrong with it."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.words = ""
        self.title = ""
        self.styles: list[str] = []
        self.links: list[str] = []
        self.counts: dict[str, int] = {}
        self._open: list[str] = []
        self.feed(text)
        self.close()
        self.wrong += [f"not closed: {self._open}"] if self._open else []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        for name, value in attrs:
            form = _ALLOWED.get(tag, {}).get(name)
            if form is None or not form.fullmatch(value or ""):
                self.wrong.append(f"<{tag} {name}={value!r}>")
        if tag not in _ALLOWED:
            self.wrong.append(f"<{tag}>")
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag not in _EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _EMPTY:
            return
        if not self._open or self._open.pop() != tag:
            self.wrong.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            self.styles.append(data)
        elif self._open and self._open[-1] == "title":
            self.title += data
        else:
            self.words += data

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"<!--{data}-->")

    def handle_pi(self, data: str) -> None:
        self.wrong.append(f"<?{data}>")

    def unknown_decl(self, data: str) -> None:
        self.wrong.append(f"<![{data}]>")
