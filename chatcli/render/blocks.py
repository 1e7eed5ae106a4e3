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
        self._growing: Blocks | None = None  # parsed, until something is fed or cut off

    def feed(self, text: str) -> None:
        """Add the next piece of the text, already neutralised."""
        self._rest += text
        self._growing = None

    def finished(self) -> Blocks:
        """Return the blocks that were finished since the last call; maybe none."""
        complete = self._rest.rfind("\n") + 1
        if complete == self._looked_at:
            return Blocks(())
        self._looked_at = complete
        tokens, references = parse(self._rest[:complete], self._references)
        done, end = _finished(tokens, self._rest.count("\n"))
        blocks = Blocks(done, self._joined)
        if done:
            self._joined = done[-1] is tokens[-1] and done[-1].type == "bullet_list_close"
            self._forget(end, references)
        elif complete == len(self._rest):
            self._growing = Blocks(tokens, self._joined)
        return blocks

    def growing(self) -> Blocks:
        """Return what is not finished yet, as it would be if the text ended here."""
        if self._growing is None:
            self._growing = Blocks(parse(self._rest, self._references)[0], self._joined)
        return self._growing

    def _forget(self, lines: int, references: dict[str, object]) -> None:
        """Cut off the first `lines` lines; what they define stays defined."""
        offset = 0
        for _ in range(lines):
            offset = self._rest.index("\n", offset) + 1
        self._rest = self._rest[offset:]
        self._looked_at -= offset
        self._growing = None
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
