"""The blocks of code in a markdown text, without what encloses them."""


def code_in(text: str) -> list[str]:
    """Return the blocks in order, fenced or indented, wherever they stand; each without its last newline."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").parse(text)
    return [token.content.removesuffix("\n") for token in tokens if token.type in ("fence", "code_block")]
