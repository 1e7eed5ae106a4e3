"""Where the blocks of a markdown text end, while the text still grows.

A block is finished when an empty line ends it or the next one has begun, and that is only believed of
complete lines: `-` may become `---` or `- item`, `|--` may become a table or not. Then nothing that follows
can change it: CommonMark's blocks are decided line by line, and no block looks back over the one before.
The items of a bullet list count as blocks of their own, for nothing in how they are drawn depends on their
siblings (the items of a numbered list share the width of their numbers). So only the block that grows is
ever parsed again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markdown_it.token import Token

from chatcli.render.growth import Growth
from chatcli.render.markdown import parse

_ENDED_BY_ITSELF = ("heading_open", "hr")
_ENDED_BY_EMPTY_LINE = ("paragraph_open", "blockquote_open", "table_open", "fence")


@dataclass(frozen=True, slots=True)
class Blocks:
    """Neighbouring blocks. `joined`: they begin with the rest of a list whose first items came before."""

    tokens: Sequence[Token]
    joined: bool = False


class BlockReader:
    """Cuts a growing text into finished blocks and a growing rest."""

    def __init__(self) -> None:
        self._rest = ""
        self._joined = False
        self._looked_at = 0
        self._references: dict[str, object] = {}
        self._growth = Growth()
        self._tokens: list[Token] | None = None  # of the rest, until something is fed or cut off

    def feed(self, text: str) -> None:
        """Add the next piece of the text, already neutralised."""
        self._rest += text
        self._tokens = None

    def finished(self) -> Blocks:
        """Return the blocks that were finished since the last call; maybe none."""
        complete = self._rest.rfind("\n") + 1
        if complete == self._looked_at:
            return Blocks(())
        self._looked_at = complete
        text = self._growth.head + self._rest[:complete]
        tokens, references = parse(text, self._references)
        done, end = _finished(tokens, text.count("\n"))
        if not done:
            self._hold(tokens, text, references)
            return Blocks(())
        blocks = Blocks(self._growth.join(done), self._joined)
        self._joined = done[-1] is tokens[-1] and done[-1].type == "bullet_list_close"
        self._forget(end, references)
        self._growth = Growth()
        return blocks

    def growing(self, limit: int | None = None) -> Blocks:
        """Return what is not finished yet, as it would be if the text ended here.

        With `limit` a long numbered list or table may lack all but so many items or rows.
        """
        if self._tokens is None:
            self._tokens = parse(self._growth.head + self._rest, self._references)[0]
        return Blocks(self._growth.join(self._tokens, limit), self._joined)

    def _hold(self, tokens: list[Token], text: str, references: dict[str, object]) -> None:
        if tokens:
            growth, decided = self._growth.hold(tokens, text)
            self._forget(decided, references)
            self._growth = growth

    def _forget(self, lines: int, references: dict[str, object]) -> None:
        """Cut off the first `lines` lines, which the growth's head opens; what they define stays defined."""
        offset = 0
        for _ in range(lines - self._growth.head.count("\n")):
            offset = self._rest.index("\n", offset) + 1
        self._rest = self._rest[offset:]
        self._looked_at -= offset
        self._tokens = None
        for label, target in references.items():
            if label not in self._references and target["map"][1] <= lines:  # type: ignore[index]
                self._references[label] = target


def _finished(tokens: list[Token], lines: int) -> tuple[list[Token], int]:
    """Return the tokens of the blocks that are finished among `lines` complete lines, and where the last ends."""
    starts = [index for index, token in enumerate(tokens) if token.level == 0 and token.nesting >= 0]
    if not starts:
        return [], 0
    last = tokens[starts[-1]]
    if last.type in _ENDED_BY_ITSELF or (last.type in _ENDED_BY_EMPTY_LINE and _map(last)[1] < lines):
        return tokens, _map(last)[1]
    if last.type == "bullet_list_open":
        items = [index for index in range(starts[-1], len(tokens)) if _opens_item(tokens[index])]
        if len(items) > 1:
            return [*tokens[: items[-1]], tokens[-1]], _map(tokens[items[-1]])[0]
    if len(starts) == 1:
        return [], 0
    # Not up to where the last block begins: a link definition may stand between, and still grow a title.
    return tokens[: starts[-1]], _map(tokens[starts[-2]])[1]


def _opens_item(token: Token) -> bool:
    return token.type == "list_item_open" and token.level == 1


def _map(token: Token) -> list[int]:
    assert token.map is not None, "every block has its lines"
    return token.map
