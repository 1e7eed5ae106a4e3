"""Where the blocks of a markdown text end, while the text still grows.

A block is finished when an empty line ends it or the next one has begun, and that is only believed of
complete lines: `-` may become `---` or `- item`, `|--` may become a table or not. Then nothing that follows
can change it: CommonMark's blocks are decided line by line, and no block looks back over the one before.
The items of a list count as blocks of their own, for nothing in how they are drawn depends on their siblings;
of other long blocks a part may be finished before the whole is. So little is ever parsed again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markdown_it.token import Token

from chatcli.render.growth import Cut, Growth, is_closed, lines_of, offset_of

_ENDED_BY_ITSELF = ("heading_open", "hr")
_ENDED_BY_EMPTY_LINE = ("paragraph_open", "blockquote_open", "table_open", "formula")
_LISTS = ("bullet_list_open", "ordered_list_open")


@dataclass(frozen=True, slots=True)
class Blocks:
    """Neighbouring blocks.

    `joined`: the first is the rest of one whose beginning came before; `open`: the last goes on in what follows.
    """

    tokens: Sequence[Token]
    joined: bool = False
    open: bool = False


class BlockReader:
    """Cuts a growing text into finished blocks and a growing rest."""

    def __init__(self) -> None:
        self._rest = ""
        self._looked_at = 0
        self._references: dict[str, object] = {}
        self._growth = Growth()
        self._joined = False
        self._number: int | None = None  # of the first item in the rest, when it goes on with a numbered list
        self._tokens: list[Token] | None = None  # of the rest, until something is fed or cut off

    def feed(self, text: str) -> None:
        """Add the next piece of the text, already neutralised."""
        self._rest += text
        self._tokens = None

    def finished(self) -> Iterator[Blocks]:
        """Yield what was finished since the last call, in pieces that follow each other."""
        while (blocks := self._complete() or self._settled()) is not None:
            yield blocks

    def growing(self) -> Blocks:
        """Return what is not finished yet, as it would be if the text ended here."""
        if self._tokens is None:
            self._tokens = self._growth.parse(self._rest, self._references)[0]
        return Blocks(self._numbered(self._tokens), self._joined)

    def _complete(self) -> Blocks | None:
        """Return what is finished by the complete lines."""
        complete = self._rest.rfind("\n") + 1
        if complete == self._looked_at:
            return None
        self._looked_at = complete
        text = self._rest[:complete]
        tokens, references = self._growth.parse(text, self._references)
        if not tokens:
            return None
        done, end = _finished(tokens, self._growth.lines + text.count("\n"))
        if done:
            return self._finish(done, tokens, end, references)
        start = lines_of(tokens[0])[0]
        if start > self._growth.lines and not text.split("\n", start)[start - 1].strip():
            self._learn(references, start)  # the block needs nothing that stands before the empty line
            self._forget(offset_of(text, start))
            self._looked_at = -1
            return self._complete()
        cut = self._growth.cut_lines(tokens, text)
        if cut is not None:
            self._learn(references, lines_of(tokens[0])[1])
        return self._taken(cut)

    def _finish(self, done: list[Token], tokens: list[Token], end: int, references: dict[str, object]) -> Blocks:
        blocks = Blocks(self._numbered(done), self._joined, done[-1] is tokens[-1] and _closes_list(done[-1]))
        self._number = _next_number(blocks) if blocks.open else None
        self._joined = blocks.open
        self._learn(references, end)
        length = offset_of(self._rest, end - self._growth.lines)
        self._growth = Growth()
        self._forget(length)
        return blocks

    def _learn(self, references: dict[str, object], end: int) -> None:
        """Keep what is defined before line `end`."""
        for label, target in references.items():
            if label not in self._references and target["map"][1] <= end:  # type: ignore[index]
                self._references[label] = target

    def _settled(self) -> Blocks | None:
        """Return what is settled of a long paragraph, be its last line complete or not."""
        if not self._rest:
            return None
        tokens = list(self.growing().tokens)
        return self._taken(self._growth.cut_text(tokens, self._rest, self._references))

    def _taken(self, cut: Cut | None) -> Blocks | None:
        """Cut off what is finished of the growing block, and return it."""
        if cut is None:
            return None
        blocks = Blocks(cut.tokens, self._joined, open=True)
        self._growth, self._joined = cut.growth, True
        self._forget(cut.length)
        return blocks

    def _forget(self, length: int) -> None:
        self._rest = self._rest[length:]
        self._looked_at = max(self._looked_at - length, 0)
        self._tokens = None

    def _numbered(self, tokens: list[Token]) -> list[Token]:
        """Return the tokens with the number that a list goes on with."""
        if self._number is None or not tokens:
            return tokens
        return [tokens[0].copy(attrs={"start": self._number}), *tokens[1:]]


def _finished(tokens: list[Token], lines: int) -> tuple[list[Token], int]:
    """Return the tokens of the blocks that are finished among `lines` complete lines, and where the last ends."""
    starts = [index for index, token in enumerate(tokens) if token.level == 0 and token.nesting >= 0]
    last = tokens[starts[-1]]
    if _is_finished(last, lines):
        return tokens, lines_of(last)[1]
    if last.type in _LISTS:
        items = [index for index in range(starts[-1], len(tokens)) if _opens_item(tokens[index])]
        if len(items) > 1:
            return [*tokens[: items[-1]], tokens[-1]], lines_of(tokens[items[-1]])[0]
    if len(starts) == 1:
        return [], 0
    # Not up to where the last block begins: a link definition may stand between, and still grow a title.
    return tokens[: starts[-1]], lines_of(tokens[starts[-2]])[1]


def _is_finished(block: Token, lines: int) -> bool:
    if block.type == "fence":
        return is_closed(block)
    ended = lines_of(block)[1] < lines
    return block.type in _ENDED_BY_ITSELF or (block.type in _ENDED_BY_EMPTY_LINE and ended)


def _next_number(blocks: Blocks) -> int | None:
    """Return the number behind the last item of the list that the blocks end with; None for one of bullets."""
    start = max(index for index, token in enumerate(blocks.tokens) if token.level == 0 and token.nesting == 1)
    if blocks.tokens[start].type == "bullet_list_open":
        return None
    items = sum(map(_opens_item, blocks.tokens[start:]))
    return int(blocks.tokens[start].attrs.get("start", 1)) + items


def _closes_list(token: Token) -> bool:
    return token.type in ("bullet_list_close", "ordered_list_close")


def _opens_item(token: Token) -> bool:
    return token.type == "list_item_open" and token.level == 1
