"""Where the blocks of a markdown text end, while the text still grows.

A block is finished when an empty line ends it or the next one has begun, and that is only believed of
complete lines: `-` may become `---` or `- item`, `|--` may become a table or not. Then nothing that follows
can change it: CommonMark's blocks are decided line by line, and no block looks back over the one before.
The items of a list count as blocks of their own, for nothing in how they are drawn depends on their siblings;
of other long blocks a part may be finished before the whole is. So little is ever parsed again.
"""

from collections.abc import Iterator

from markdown_it.token import Token

from chatcli.render.growth import Cut, Growth, is_long_text, lines_of, offset_of
from chatcli.render.nesting import Blocks


class BlockReader:
    """Cuts a growing text into finished blocks and a growing rest."""

    def __init__(self) -> None:
        self._rest = ""
        self._looked_at = 0
        self._references: dict[str, object] = {}
        self._growth = Growth()
        self._parsed: tuple[list[Token], dict[str, object]] | None = None  # the rest, until it changes

    def feed(self, text: str) -> None:
        """Add the next piece of the text, already neutralised."""
        self._rest += text
        self._parsed = None

    def finished(self) -> Iterator[Blocks]:
        """Yield what was finished since the last call, in pieces that follow each other."""
        while (blocks := self._complete() or self._settled()) is not None:
            yield blocks

    def growing(self) -> Blocks:
        """Return what is not finished yet, as it would be if the text ended here."""
        return Blocks(self._growing()[0], self._growth.depth)

    def _growing(self) -> tuple[list[Token], dict[str, object]]:
        if self._parsed is None:
            self._parsed = self._growth.parse(self._rest, self._references)
        return self._parsed

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
        if (cut := self._growth.cut_blocks(tokens, text)) is not None:
            blocks = self._taken(cut, references)
            if text.count("\n", cut.length) > 1:
                self._looked_at = -1  # what is left of the lines may hold more
            return blocks
        start = lines_of(tokens[0])[0]
        if start > self._growth.lines and not text.split("\n", start)[start - 1].strip():
            self._learn(references, start)  # the block needs nothing that stands before the empty line
            self._forget(offset_of(text, start))
            self._looked_at = -1
            return self._complete()
        return self._taken(self._growth.cut_lines(tokens, text), references)

    def _settled(self) -> Blocks | None:
        """Return what is settled of a long paragraph, be its last line complete or not."""
        tokens, references = self._growing() if self._rest else ([], {})
        if not tokens:
            return None
        cut = self._growth.cut_text(tokens, self._rest, self._references)
        if cut is None and is_long_text(tokens, self._rest):
            cut = self._growth.cut_blocks(tokens, self._rest, more=1)
        return self._taken(cut, references)

    def _taken(self, cut: Cut | None, references: dict[str, object]) -> Blocks | None:
        """Cut off what is finished, and return it."""
        if cut is None:
            return None
        blocks = Blocks(cut.tokens, self._growth.depth, cut.growth.depth)
        self._learn(references, cut.end)
        self._growth = cut.growth
        self._forget(cut.length)
        return blocks

    def _learn(self, references: dict[str, object], end: int) -> None:
        """Keep what is defined before line `end`."""
        for label, target in references.items():
            if label not in self._references and target["map"][1] <= end:  # type: ignore[index]
                self._references[label] = target

    def _forget(self, length: int) -> None:
        self._rest = self._rest[length:]
        self._looked_at = max(self._looked_at - length, 0)
        self._parsed = None
