"""Random markdown, for property tests: documents of all kinds of blocks, and texts of nothing but trouble."""

from hypothesis import strategies as st

_WORDS = [
    "a",
    "word",
    "the",
    "Antidisestablishmentarianism",
    "中文",
    "历史最长的城市",
    "👍",
    "👩‍👩‍👧",
    "é",
    "x_y_z",
    "1.",
    "http://x.y/z",
]
_MARKED = [
    "*em*",
    "**strong**",
    "`code`",
    "~~gone~~",
    "[t](http://x.y)",
    "[t](foo:bar)",
    "![i](http://x.y/i.png)",
    "[early]",
    "<b>html</b>",
    "&amp;",
    "&#x202e;",
    "\\*",
    "*",
    "**",
    "`",
    "[",
    "|",
    "a  \nb",
    "a\nb",
    "a\\\nb",
    "- ",
    "# ",
]
inline = st.lists(st.sampled_from(_WORDS + _MARKED), min_size=1, max_size=12).map(" ".join)
_line = inline.map(lambda text: text.replace("\n", " "))
_code = st.lists(
    st.sampled_from(["x = 1", "", "def f(a):", "    return '''", '  y = "中文"', "# note", "/* open", "*/", "x" * 50]),
    max_size=12,
)


def _indent(text: str, first: str, rest: str) -> str:
    return first + text.replace("\n", "\n" + rest).replace("\n" + rest + "\n", "\n\n")


def _list(items: list[str], marker: str, loose: bool) -> str:
    marks = [f"{number}." if marker == "1" else marker for number in range(1, len(items) + 1)]
    return ("\n\n" if loose else "\n").join(
        _indent(item, mark + " ", " " * (len(mark) + 1)) for mark, item in zip(marks, items, strict=True)
    )


_rows = st.lists(st.lists(_line, min_size=2, max_size=2), max_size=8)
leaf = st.one_of(
    inline,
    st.tuples(st.sampled_from(["#", "##", "###"]), _line).map(" ".join),
    st.tuples(_line, st.sampled_from(["\n===", "\n---"])).map("".join),
    st.tuples(st.sampled_from(["```", "```python\n", "~~~\n", "````c\n"]), _code).map(
        lambda fence: fence[0].rstrip("\n") + "\n" + "\n".join(fence[1]) + "\n" + fence[0].strip("\npythonc")
    ),
    _code.map(lambda lines: "\n".join("    " + line for line in lines)),
    st.sampled_from(["---", "***", "- - -", "<div>\nhtml\n</div>", "<!-- x -->", "[late]: http://late.x\n'title'"]),
    st.tuples(_line, _line, _rows).map(
        lambda t: "\n".join([f"| {t[0]} | b |".replace("||", "|"), "|---|:-:|", *(f"| {a} | {b} |" for a, b in t[2])])
    ),
)
block = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.builds(
            _list,
            st.lists(st.lists(inner, min_size=1, max_size=2).map("\n\n".join), min_size=1, max_size=4),
            st.sampled_from("-*+1"),
            st.booleans(),
        ),
        st.lists(inner, min_size=1, max_size=2).map("\n\n".join).map(lambda text: _indent(text, "> ", "> ")),
    ),
    max_leaves=6,
)
_many = st.one_of(
    st.builds(_list, st.lists(_line, min_size=8, max_size=14), st.sampled_from("-1"), st.booleans()),
    st.integers(20, 60).map(lambda n: "```python\n" + "\n".join(f"x{i} = {i}" for i in range(n)) + "\n```"),
)
_between = st.sampled_from(["\n\n", "\n\n", "\n\n", "\n", "\n\n\n"])
documents = st.lists(st.tuples(block | _many, _between).map("".join), max_size=7).map("".join)
# Definitions stand before their uses, as the law of streaming asks.
DEFINITION = "[early]: http://early.x 'title'\n\n"

_SCRAPS = [
    "-",
    "- ",
    "* ",
    "+",
    "1. ",
    "2) ",
    "10. ",
    "> ",
    ">",
    "#",
    "# ",
    "```",
    "~~~",
    "|",
    "|-",
    "|---|",
    "| a | b |",
    "---",
    "===",
    "***",
    "    ",
    "  ",
    " ",
    "\t",
    "\n",
    "\n",
    "\n",
    "\n\n",
    "a",
    "b c",
    "`",
    "*",
    "_",
    "[",
    "]",
    "(",
    ")",
    ":",
    "[early]",
    "<",
    ">",
    "&#13;",
    "\\",
    "!",
    "中",
    "👍",
    "\u200d",
    "\ufe0f",
    "\r\n",
    "\x1b[2J",
    "\u00a0",
    "\u2028",
    "'",
]
scraps = st.lists(st.sampled_from(_SCRAPS), max_size=60).map("".join)
texts = st.one_of(documents, documents, scraps).map(lambda text: DEFINITION + text)
