"""Blocks: what stands between two `\"""` is one text, whatever its lines."""

FENCE = '"""'


def in_open_block(text: str) -> bool:
    """Return whether `text` has an open block: its first line opens a `\"""` that is not closed."""
    return text.split("\n", 1)[0].count(FENCE) % 2 == 1 and text.count(FENCE) % 2 == 1


def without_fence(text: str) -> str:
    """Return what is said by `text`: a block that is the whole of it loses its `\"""`, all else stays."""
    body = text.strip()
    fences = body.count(FENCE)
    whole = body.startswith(FENCE) and body.endswith(FENCE) and len(body) >= 2 * len(FENCE)
    # With fences inside, only a closing one on a line of its own is surely the block's.
    if whole and (fences == 2 or (fences % 2 == 0 and body.endswith("\n" + FENCE))):
        return body[len(FENCE) : -len(FENCE)].strip("\n")
    return text.rstrip("\n")
