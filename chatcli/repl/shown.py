"""How the text of the edit line is shown: folded pastes as what they are, the files that it mentions marked."""

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache

from prompt_toolkit.formatted_text import FormattedText, StyleAndTextTuples
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from prompt_toolkit.layout.screen import Char
from prompt_toolkit.layout.utils import explode_text_fragments

from chatcli.repl.folds import Folds

_TURNING = [*map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))]
"""What turns the words beside it round, see `render.safe`: a name that Tab puts into the line may have it."""


class ShownText(Processor):
    """Draws each line of the text as the user is to see it; the cursor passes a folded paste in one step."""

    def __init__(self, folds: Folds) -> None:
        self._folds = folds
        self._mentioned = lru_cache(64)(_mentioned)
        # prompt_toolkit shows control characters as their codes; these it would hand on to the terminal
        Char.display_mappings |= {char: f"<{ord(char):x}>" for char in _TURNING}

    def look_again(self) -> None:
        """Ask the disk again which files there are."""
        self._mentioned.cache_clear()

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """Return how a line is drawn."""
        line = transformation_input.document.lines[transformation_input.lineno]
        is_command = transformation_input.document.text.startswith("/")
        mentioned = () if is_command or "@" not in line else self._mentioned(line)
        folded = any(label for _, label in self._folds.pieces(line))
        fragments = transformation_input.fragments
        if not mentioned and not folded:
            return Transformation(fragments)
        marked = _marked(explode_text_fragments(fragments), mentioned)
        return self._unfolded(marked) if folded else Transformation(marked)

    def _unfolded(self, chars: StyleAndTextTuples) -> Transformation:
        shown: StyleAndTextTuples = []
        starts: list[int] = []  # where each character of the text begins on the screen's line
        length = 0
        for style, char, *_ in chars:
            starts.append(length)
            pieces = [(char, label) for char, label in self._folds.pieces(char) if char]
            label = pieces[0][1] if pieces else ""
            shown.append((f"{style} class:folded" if label else style, label or char))
            length += len(label or char)
        starts.append(length)
        return Transformation(
            shown,
            source_to_display=lambda at: starts[at] if at < len(starts) else length + at - len(starts) + 1,
            display_to_source=lambda at: max(bisect_right(starts, at) - 1, 0),
        )


def said(prompt: str, text: str, folds: Folds) -> FormattedText:
    """Return what stays on the screen of a text that was sent: the prompt, and the text with its pastes folded."""
    pieces = [("class:folded", label) if label else ("", _visible(piece)) for piece, label in folds.pieces(text)]
    return FormattedText([("class:prompt", prompt), *pieces])


def _visible(text: str) -> str:
    return "".join(char if char == "\n" else Char.display_mappings.get(char, char) for char in text)


def _mentioned(line: str) -> Sequence[tuple[int, int]]:
    from chatcli.mentions import mentions

    return [(found.start, found.stop) for found in mentions(line)]


def _marked(chars: StyleAndTextTuples, mentioned: Sequence[tuple[int, int]]) -> StyleAndTextTuples:
    marked = list(chars)
    for start, stop in mentioned:
        for index in range(start, min(stop, len(marked))):
            style, char, *_ = marked[index]
            marked[index] = (f"{style} class:mention", char)
    return marked
