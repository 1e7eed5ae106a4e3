"""Random blocks that are longer than what is kept of a growing one: a paragraph, a table, a fence, a list."""

from hypothesis import strategies as st

_PLAIN = [
    "一个很长的段落，没有空格。" * 4,
    "word",
    "the",
    "中文",
    "历史最长的城市",
    "👩‍👩‍👧",
    "Antidisestablishmentarianism",
    "a|b",
    "$5",
    "[1]",
    "-",
    "é",
]
_MARKED = [
    "*em phasis*",
    "**strong words**",
    "`code span`",
    "~~gone~~",
    "[a link](http://x.y 'its title')",
    "[a link](http://x.y",
    "$a_1 b_2$",
    r"\(x^2 + y\)",
    "*open",
    "closed*",
    "**open",
    "`open",
    "[open",
    "]",
    "](http://x.y)",
    "![pic](http://x.y/i.png)",
    "\\*",
    "a\\",
]
_ENDS = [" "] * 12 + ["\n", "  \n", "\n- ", "\n| ", "\n---\n", "\n===\n", "\n1. "]


def _words(marked: float) -> st.SearchStrategy[str]:
    word = st.sampled_from(_PLAIN * 4 + (_MARKED if marked else []))
    return st.tuples(word, st.sampled_from(_ENDS if marked else [" "] * 30 + ["\n"])).map("".join)


paragraphs = st.builds(
    lambda before, long, words: before + long * 12 + "".join(words),
    st.sampled_from(["", "[early]: http://x.y 'title'\n\n", "text\n\n", "  "]),
    st.lists(_words(False), min_size=15, max_size=40).map("".join),
    st.lists(st.one_of(_words(False), _words(False), _words(True)), max_size=80),
)
_cell = st.lists(
    st.sampled_from(["a", "word", "中文", "*em*", "`a\\|b`", "[x](http://x.y)", "long" * 12]), max_size=6
).map(" ".join)
tables = st.lists(
    st.tuples(_cell, _cell, _cell).map(lambda row: f"| {' | '.join(row)} |\n"), min_size=15, max_size=60
).map(lambda rows: "| a | b | the third |\n|---|--:|:-:|\n" + "".join(rows))
_code_line = st.sampled_from(
    [
        "",
        "",
        "x = 1",
        "def f(a):",
        "    return '''",
        "/* open",
        "*/ int y;",
        "`raw",
        '"',
        "\tindented",
        "x" * 130,
        "中文" * 30,
    ]
)
fences = st.builds(
    lambda fence, lines, end: fence + "\n".join(lines) + end,
    st.sampled_from(["```python\n", "```c\n", "~~~go\n", "```\n", "  ````yaml title\n", "```json\n"]),
    st.lists(_code_line, max_size=80),
    st.sampled_from(["\n```\n", "\n~~~\n", "\n````\n", "\n", "", "\n\n\n```\nafter"]),
)
lists = st.lists(
    st.sampled_from(["one", "two\n  two", "a\n\n   b", "```\n   code\n   ```", "- in\n   - in"]), max_size=40
).flatmap(
    lambda items: st.sampled_from(["1. ", "7. ", "- ", "1) "]).map(
        lambda mark: "".join(f"{mark}{item}\n" for item in items)
    )
)
indented = st.lists(_code_line, max_size=60).map(lambda lines: "".join(f"    {line}\n" for line in lines))
giant_words = st.lists(
    st.sampled_from(["a1B2" * 30, "x" * 90, "+/=", "%2F", "&amp;", "*", "_", "<b:", "中"]), max_size=12
)
_leaves = st.one_of(paragraphs, tables, fences, lists, indented, giant_words.map("".join))


def _quoted(text: str, mark: str, lazy: bool) -> str:
    lines = text.split("\n")
    return "\n".join(
        line if lazy and number % 3 == 2 and line[:1].isalpha() else mark + line for number, line in enumerate(lines)
    )


def _item(text: str, mark: str, room: str) -> str:
    return mark + text.replace("\n", "\n" + room)


def _nest(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    within = st.lists(inner, min_size=1, max_size=3).map("\n\n".join)
    marks = st.sampled_from(["- ", "-   ", "1. ", "23) ", "* ", " - ", "-     ", "-\n  ", "+\t"])
    items = st.lists(
        st.tuples(within, marks).map(lambda one: _item(one[0], one[1], " " * min(len(one[1]), 4))),
        min_size=1,
        max_size=3,
    ).map("\n".join)
    quotes = st.builds(_quoted, within, st.sampled_from(["> ", "> ", ">", " > ", ">\t"]), st.booleans())
    return st.one_of(items, quotes)


nested = st.recursive(_leaves, _nest, max_leaves=4)
nested_documents = st.lists(nested, min_size=1, max_size=3).map("\n\n".join)
long_documents = st.lists(st.one_of(paragraphs, tables, fences, lists), min_size=1, max_size=3).map("\n\n".join)
