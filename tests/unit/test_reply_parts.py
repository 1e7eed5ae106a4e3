"""What the blocks of a reply look like: code, tables, lists, links, formulas."""

import re

import pytest
from pygments.token import Comment, String
from rich.console import Console
from rich.style import Style

from chatcli.render.code import INK, Highlighter
from chatcli.render.links import misleads
from chatcli.render.markdown import whole
from chatcli.render.settled import settled_length
from chatcli.render.streaming import MarkdownReply
from chatcli.render.terminals import makes_links
from tests.final_screen import FinalScreen
from tests.screen import ScreenFile
from tests.unit.test_streaming import forget_terminal


def printed(text: str, columns: int = 60, rows: int = 40) -> list[str]:
    out = ScreenFile(columns, rows)
    out.console.print(whole(text))
    return out.lines()


def growing(text: str, columns: int = 60, rows: int = 12) -> ScreenFile:
    """Stream the text in large pieces, and do not finish."""
    out = ScreenFile(columns, rows)
    reply = MarkdownReply(out.console)
    for start in range(0, len(text), 50):
        reply.feed(text[start : start + 50])
        reply.draw()
    return out


# Code


@pytest.mark.parametrize(
    ("language", "lines", "inside"),
    [
        ("python", ['x = """a', "import b", 'c"""', "import d"], String),
        ("c", ["int x; /* a", "int y;", "b */ int z;", "int d;"], Comment),
        ("javascript", ["let x = `a", "let y", "b`", "let d"], String),
        ("javascript", ["/** a", "let y", "b */", "let d"], Comment),
        ("typescript", ["let x /* a", "let y", "b */", "let d"], Comment),
        ("go", ["x := `a", "var y", "b`", "var d"], String),
        ("html", ["<p><!-- a", "<b>", "c --></p>", "<i>"], Comment),
        ("bash", ["awk 'a", "if b", "c' file", "if d; then"], String),
    ],
)
def test_what_began_in_a_line_above_colours_the_lines_below_until_it_ends(
    language: str, lines: list[str], inside: object
) -> None:
    def style(code: Highlighter, line: str) -> Style:
        return code.line(line).get_style_at_offset(Console(), 0)

    code = Highlighter(language)
    styles = [style(code, line) for line in lines]
    assert styles[1] == INK.get_style_for_token(inside)
    assert styles[3] == style(Highlighter(language), lines[3]) != styles[1]


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("bash", 'echo "$HOME"'),
        ("bash", 'cd "$(dirname "$0")" && echo "$1: $2"'),
        ("bash", """echo "'$x" """),
        ("zsh", 'for x in "$@"; do'),
        ("scala", 'val x = s"$a"'),
        ("javascript", "x = '/*' // /* y"),
    ],
)
def test_a_string_that_ends_in_its_line_leaves_the_next_line_alone(language: str, line: str) -> None:
    code = Highlighter(language)
    code.line(line)
    assert code.line("if d  # e").spans == Highlighter(language).line("if d  # e").spans


LANGUAGES = """python c cpp java javascript typescript go rust bash sql html css json yaml toml ini php ruby perl kotlin
swift scala haskell lua r diff dockerfile makefile xml tsx jsx markdown powershell console pycon text nonsense"""


@pytest.mark.parametrize("language", ["", *LANGUAGES.split()])
def test_no_language_loses_or_adds_a_character(language: str) -> None:
    code = Highlighter(language)
    lines = [
        "def f(x): # 'note'",
        "",
        "  /* a",
        '<b> "x',
        "`$y` */",
        "'",
        "@",
        "- a: |",
        "    b",
        "é中文 \\",
        "$ ls",
        "}}))",
    ]
    assert [code.line(line).plain for line in lines] == lines


def test_a_long_line_of_code_is_one_line_to_copy() -> None:
    out = ScreenFile(40, 20)
    line = "x = " + "a" * 100
    reply = MarkdownReply(out.console)
    reply.feed(f"```\n{line}\nnext\n")
    reply.draw()
    reply.finish()
    assert line + "\n" in re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", out.written)
    assert out.lines() == [line[:40], line[40:80], line[80:], "next"]


def test_code_has_neither_frame_nor_background() -> None:
    out = ScreenFile(40, 20)
    out.console.print(whole("```python\ndef f():\n    return 1\n```"))
    assert re.sub(r"\x1b\[[\d;]*m", "", out.written) == "def f():\n    return 1\n"
    assert not re.search(r"\x1b\[[\d;]*(4[0-8]|10[0-7])[;m]", out.written)


# Tables


def test_a_table_that_is_wider_than_the_terminal_wraps_its_widest_column() -> None:
    lines = printed("| id | text |\n|---|---|\n| 1 | a text that goes on and on |\n| 2 | short |", columns=20)
    assert lines[1:] == [
        "id  text",
        "──  ────────────────",
        "1   a text that goes",
        "    on and on",
        "2   short",
    ]


def test_a_table_with_more_columns_than_fit_is_shown_row_by_row() -> None:
    names = [f"name{n}" for n in range(6)]
    row = f"| {' | '.join(names)} |\n"
    lines = printed(row + "|---" * 6 + "|\n" + row.replace("name", "value"), columns=20)
    assert lines[1:7] == [f"name{n}: value{n}" for n in range(6)]


def test_columns_are_aligned_as_the_table_says() -> None:
    lines = printed("| left | right | middle |\n|:--|--:|:-:|\n| a | b | c |")
    assert lines[3] == "a         b    c"


def test_the_rows_of_a_long_table_are_printed_while_it_grows() -> None:
    rows = "".join(f"| {n} | row |\n" for n in range(100))
    out = growing(f"| n | x |\n|---|---|\n{rows}")
    assert out.lines()[-1].split() == ["99", "row"]
    assert len(out.lines()) > 100


def test_a_cell_that_is_wider_than_the_first_rows_were_is_wrapped() -> None:
    rows = "".join(f"| {n} |\n" for n in range(30))
    assert printed(f"| n |\n|---|\n{rows}| 123456 |\n")[-2:] == ["1234", "56"]


# Lists


def test_the_number_of_an_item_does_not_move_the_others() -> None:
    items = [printed("".join(f"{n}. item\n" for n in range(1, last + 1)), 40, 200)[1:] for last in (9, 10, 101)]
    assert items[2][:9] == items[0]
    assert items[2][:10] == items[1]
    assert items[2][-1] == " 101 item"


def test_a_numbered_list_counts_on_where_its_items_are_printed_one_by_one() -> None:
    text = "7. a\n" + "1. b\n" * 5 + "   - in\n"
    assert growing(text).lines()[1:] == [" 7 a", *(f" {n} b" for n in range(8, 13)), "     • in"]


# Paragraphs


def test_the_lines_of_a_long_paragraph_are_printed_while_it_grows() -> None:
    out = growing("some **strong words** and `code`, " * 200, columns=60, rows=12)
    assert len(out.lines()) > 80
    writes = FinalScreen(60, 12).feed(out.written.replace("\n", "\r\n").encode())
    assert not writes.touched
    assert len(writes.everything()) == len(out.lines())


@pytest.mark.parametrize(
    ("text", "settled"),
    [
        ("one two three", "one two"),
        ("one *two three", "one"),
        ("one *two* three", "one *two*"),
        ("one `two three", "one"),
        ("one ``two` three", "one"),
        ("one [two three", "one"),
        ("one [1] three", "one [1]"),
        ("one [two](http://x 'three", "one"),
        ("one [two](http://x) three", "one [two](http://x)"),
        (r"one \(two three", "one"),
        ("one $two three", "one"),
        ("one $ two", "one $"),
        ("one\ntwo", "one"),
        ("one\\\ntwo", ""),
        ("one  \ntwo", ""),
        ("one", ""),
        ("a1" * 40, ("a1" * 40)[:-1]),
        ("a1" * 40 + "*b", ("a1" * 40)[:-1]),
        ("<http://x.y/" + "a1" * 40, ""),
        ("很长的，段落", "很长的，段"),
        ("很长**的段落", "很"),
    ],
)
def test_what_may_still_change_is_not_settled(text: str, settled: str) -> None:
    assert text[: settled_length(text, len(text))] == settled


def test_a_paragraph_without_spaces_is_printed_while_it_grows() -> None:
    text = "历史最长的城市，有**很多**人。" * 200
    out = growing(text)
    assert len(out.lines()) > 80
    assert "".join(out.lines()) == text.replace("*", "")


@pytest.mark.parametrize("mark", ["", "> ", "- "])
def test_a_word_without_end_is_printed_while_it_grows(mark: str) -> None:
    out = growing(mark + "0123456789abcdef" * 150)
    assert len(out.lines()) > 30


# Blocks within blocks

WITHIN = {
    "paragraphs": "\n\n".join(f"paragraph {n}" for n in range(30)),
    "lines": "\n".join(f"line {n} of a paragraph that goes on and on and on" for n in range(50)),
    "words": "words of a paragraph that goes on and on, " * 60,
    "code": "```python\n" + "\n".join(f"x = {n}" for n in range(40)),
    "indented": "\n".join(f"    x = {n}" for n in range(40)),
    "items": "\n".join(f"- item {n}" for n in range(40)),
    "numbers": "\n".join(f"1. item {n}" for n in range(40)),
    "table": "| n |\n|---|\n" + "\n".join(f"| {n} |" for n in range(40)),
}


@pytest.mark.parametrize("marks", ["", ">", "- -", "7. > 1."])
@pytest.mark.parametrize("name", WITHIN)
def test_a_giant_is_printed_while_it_grows_wherever_it_stands(name: str, marks: str) -> None:
    text = WITHIN[name]
    for mark in reversed(marks.split()):
        rest = "> " if mark == ">" else " " * (len(mark) + 1)
        text = f"{mark} " + text.replace("\n", "\n" + rest)
    out = growing(text + "\n", columns=60, rows=12)
    written = FinalScreen(60, 12).feed(out.written.replace("\n", "\r\n").encode())
    expected = printed(text)
    assert len(out.lines()) > len(expected) - 4
    assert len(out.screen.scrollback()) > 8
    assert out.lines() == expected[: len(out.lines())]
    assert not written.touched


def test_a_bullet_stands_before_the_first_line_of_an_item_whatever_was_cut_off_before() -> None:
    out = growing("- - " + "a short one " * 120, columns=2000, rows=12)
    assert out.lines() == printed("- - " + "a short one " * 120, columns=2000)


def test_what_stands_too_deep_is_printed_in_the_end() -> None:
    text = "".join("  " * depth + f"- depth {depth}\n" for depth in range(30)) + "> " * 30 + "end\n"
    out = ScreenFile(200, 12)
    reply = MarkdownReply(out.console)
    for line in text.splitlines(keepends=True):
        reply.feed(line)
        reply.draw()
    reply.finish()
    assert out.lines() == printed(text, columns=200)


# Links


@pytest.mark.parametrize(
    ("text", "target", "shown"),
    [
        ("https://bank.com", "https://evil.example/x", True),
        ("bank.com/login", "https://evil.example", True),
        ("https://bank.com", "https://bank.com@evil.example", True),
        ("a@bank.com", "mailto:b@evil.example", True),
        ("www.bank.com", "http://evil.example/www.bank.com", True),
        ("🌆 photo.png", "https://docs.example/photo.png", False),
        ("https://www.bank.com/a", "https://bank.com/b", False),
        ("the documentation", "https://docs.example", False),
        ("e.g. this", "https://docs.example", False),
        ("BANK.com", "https://bank.com", False),
        ("a@bank.com", "mailto:a@bank.com", False),
    ],
)
def test_a_link_that_names_another_place_than_its_target_shows_the_target(
    monkeypatch: pytest.MonkeyPatch, text: str, target: str, shown: bool
) -> None:
    forget_terminal(monkeypatch, VTE_VERSION="7600")
    assert misleads(text, target) is shown
    assert (f"({target})" in " ".join(printed(f"[{text}]({target})", columns=100))) is shown


@pytest.mark.parametrize(
    ("link", "behind"),
    [
        ("[the manual](https://docs.example/a)", " (https://docs.example/a)"),
        ("![cat](https://x.example/c.png)", " (https://x.example/c.png)"),
        ("[write](mailto:a@b.example)", " (mailto:a@b.example)"),
        ("<https://docs.example/中文>", ""),
        ("[docs.example](https://www.docs.example/)", ""),
        ("<a@b.example>", ""),
        ("[here](vscode://file/x)", ""),
    ],
)
def test_a_terminal_that_may_know_no_links_is_shown_where_they_lead(
    monkeypatch: pytest.MonkeyPatch, link: str, behind: str
) -> None:
    forget_terminal(monkeypatch)
    [line] = printed(f"{link}.", columns=100)
    assert line.endswith(f"{behind}.")
    assert line.count("(") == bool(behind)
    forget_terminal(monkeypatch, TERM="xterm-kitty")
    assert "(" not in " ".join(printed(f"{link}.", columns=100))


@pytest.mark.parametrize(
    ("env", "known"),
    [
        ({}, False),
        ({"VTE_VERSION": "7600"}, True),
        ({"VTE_VERSION": "4602"}, False),
        ({"VTE_VERSION": "x"}, False),
        ({"TERM_PROGRAM": "iTerm.app"}, True),
        ({"TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"WT_SESSION": "1"}, True),
        ({"TERM": "foot"}, True),
        ({"TERM": "foot", "TMUX": "/tmp/tmux,1,0"}, False),
        ({"TERM": "screen", "VTE_VERSION": "7600"}, False),
        ({"VTE_VERSION": "7600", "INSIDE_EMACS": "29"}, False),
        ({"TERM": "linux"}, False),
    ],
)
def test_links_are_made_where_the_terminal_is_known_to_make_them(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], known: bool
) -> None:
    forget_terminal(monkeypatch, **env)
    assert makes_links() is known


def test_a_link_that_may_be_clicked_keeps_its_number_from_frame_to_frame() -> None:
    out = ScreenFile(60, 10)
    reply = MarkdownReply(out.console)
    for piece in ["see [here](https://x.example) and", " then", " on", "\nand on"]:
        reply.feed(piece)
        reply.draw()
    assert len(set(re.findall(r"\x1b\]8;(id=[^;]+);http", out.written))) == 1


# Formulas


@pytest.mark.parametrize(
    "formula", [r"\(a_1 * b_2\)", r"\[x*y*z\]", "$a_1 b_2$", r"$\frac{a}{b}$", r"$$a_1 \\ b_2$$", r"\( \{x\} \)"]
)
def test_a_formula_stays_as_it_was_written(formula: str) -> None:
    assert printed(f"The value {formula} is *it*.") == [f"The value {formula} is it."]


def test_prices_are_no_formula() -> None:
    assert printed("It costs $5 and *not* $10 or $*20*.") == ["It costs $5 and not $10 or $20."]


@pytest.mark.parametrize(("opening", "closing"), [("\\[", "\\]"), ("$$", "$$")])
def test_a_formula_in_lines_of_its_own_keeps_them(opening: str, closing: str) -> None:
    lines = [opening, r"a_1 \\", "- b_2", "= *c*", closing]
    text = "It is\n" + "\n".join(lines) + "\nand *so* on"
    assert printed(text) == ["It is", "", *lines, "", "and so on"]
