"""The growing block, when it is long: the parts of it that need not be parsed again.

The items of a numbered list, the rows of a table and the lines of a fence are each decided by themselves.
They are held here until their block is finished: the numbers share one width, the columns too, so that
nothing of the block can be printed before. Without it a frame would cost the whole block each time.
"""

from dataclasses import dataclass
from itertools import chain, pairwise

from markdown_it.token import Token


@dataclass(frozen=True, slots=True)
class Growth:
    """What is held of a growing block.

    `head` are the lines that the rest of the block needs before it to be parsed as its continuation. `opening`
    is the block's first token; `parts` are the tokens of its items or rows; `code` are the lines of a fence.
    """

    head: str = ""
    opening: Token | None = None
    parts: tuple[tuple[Token, ...], ...] = ()
    code: str = ""

    def join(self, tokens: list[Token], limit: int | None = None) -> list[Token]:
        """Return `tokens`, which begin with the rest of the block, with what is held of it.

        With `limit` at most that many items or rows are taken, the last ones.
        """
        if self.opening is None or not tokens:
            return tokens
        if self.opening.type == "fence":
            return [tokens[0].copy(content=self.code + tokens[0].content), *tokens[1:]]
        parts = self.parts if limit is None else self.parts[-limit:]
        if self.opening.type == "table_open":
            return _with_rows(tokens, list(chain.from_iterable(parts)))
        first = int(self.opening.attrs.get("start", 1)) + len(self.parts) - len(parts)
        return [self.opening.copy(attrs={"start": first}), *chain.from_iterable(parts), *tokens[1:]]

    def hold(self, tokens: list[Token], text: str) -> tuple["Growth", int]:
        """Return the growth with what is decided of the one block `tokens`, and the line where the rest begins.

        `text` are the complete lines the tokens were parsed from, with this growth's `head`; line 0 when
        there is nothing to hold.
        """
        block = tokens[0]
        if block.type == "ordered_list_open":
            return self._hold_items(tokens)
        if block.type == "table_open":
            return self._hold_rows(tokens, text)
        if block.type == "fence":
            return self._hold_code(block, text)
        return self, 0

    def _hold_items(self, tokens: list[Token]) -> tuple["Growth", int]:
        items = [index for index, token in enumerate(tokens) if (token.type, token.level) == ("list_item_open", 1)]
        held = [tuple(tokens[start:stop]) for start, stop in pairwise(items)]
        if not held:
            return self, 0
        return Growth("", self.opening or tokens[0], (*self.parts, *held)), _lines(tokens[items[-1]])[0]

    def _hold_rows(self, tokens: list[Token], text: str) -> tuple["Growth", int]:
        start, stop = _lines(tokens[0])
        if stop <= start + 2:
            return self, 0
        body = next(index for index, token in enumerate(tokens) if token.type == "tbody_open")
        rows = [index for index in range(body, len(tokens)) if tokens[index].type == "tr_open"]
        held = [tuple(tokens[row:end]) for row, end in zip(rows, [*rows[1:], len(tokens) - 2], strict=True)]
        return Growth(_cut(text, start, start + 2), tokens[0], (*self.parts, *held)), stop

    def _hold_code(self, fence: Token, text: str) -> tuple["Growth", int]:
        start, stop = _lines(fence)
        closed = fence.content.count("\n") < stop - start - 1
        if closed or not fence.content:
            return self, 0
        return Growth(_cut(text, start, start + 1), fence, (), self.code + fence.content), stop


def _with_rows(tokens: list[Token], rows: list[Token]) -> list[Token]:
    """Return the tokens, which begin with a table, with `rows` before its own."""
    place = next(index for index, token in enumerate(tokens) if token.type == "thead_close") + 1
    if tokens[place].type == "tbody_open":
        return [*tokens[: place + 1], *rows, *tokens[place + 1 :]]
    opening, closing = Token("tbody_open", "tbody", 1, level=1), Token("tbody_close", "tbody", -1, level=1)
    return [*tokens[:place], opening, *rows, closing, *tokens[place:]] if rows else tokens


def _cut(text: str, start: int, stop: int) -> str:
    return "".join(line + "\n" for line in text.split("\n", stop)[start:stop])


def _lines(token: Token) -> list[int]:
    assert token.map is not None, "every block has its lines"
    return token.map
