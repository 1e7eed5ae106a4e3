"""What a terminal would obey, in every form it is known in and in random ones; and the judge of a program's output.

Every payload carries MARK, so that a sequence of the program's own is told from one that came from outside.
"""

import random
import re
from collections.abc import Iterator

MARK = "7357"

_C1 = {"\x1bD": "\x84", "\x1bE": "\x85", "\x1bM": "\x8d", "\x1bP": "\x90", "\x1bX": "\x98", "\x1b[": "\x9b"}
_C1 |= {"\x1b\\": "\x9c", "\x1b]": "\x9d", "\x1b^": "\x9e", "\x1b_": "\x9f"}

KNOWN = (
    # The clipboard, the title, links that lie, the colours, notifications, files
    f"\x1b]52;c;{MARK}YWJj\x07",
    f"\x1b]52;p;{MARK}\x1b\\",
    f"\x1b]52;c;?{MARK}\x07",
    f"\x1b]0;{MARK}\x07",
    f"\x1b]2;{MARK}\x1b\\",
    f"\x1b]8;;https://evil.example/{MARK}\x1b\\https://good.example\x1b]8;;\x1b\\",
    f"\x1b]8;id={MARK};file:///etc/passwd\x07here\x1b]8;;\x07",
    f"\x1b]4;1;rgb:00/00/{MARK}\x07",
    f"\x1b]10;#{MARK}\x07\x1b]11;#{MARK}\x07\x1b]11;?{MARK}\x07",
    f"\x1b]9;{MARK}\x07\x1b]777;notify;{MARK};x\x07\x1b]99;i={MARK};x\x1b\\",
    f"\x1b]1337;File=name={MARK};inline=1:AAAA\x07",
    f"\x1b]1337;RemoteHost={MARK}\x07\x1b]1337;CopyToClipboard={MARK}\x07",
    f"\x1b]50;{MARK}\x07\x1b]46;/tmp/{MARK}\x07\x1b]133;A;{MARK}\x07",
    f"\x1b]7;file://{MARK}/\x07\x1b]22;{MARK}\x07\x1b]104;{MARK}\x07",
    # What makes a terminal type
    f"\x1b[{MARK}n\x1b[6;{MARK}n\x1b[?{MARK}n\x1b[{MARK}c\x1b[>{MARK}c\x1b[={MARK}c",
    f"\x1b[21;{MARK}t\x1b[18;{MARK}t\x1b[{MARK}x\x1b[?{MARK}$p\x1b[>{MARK}q",
    f"\x1bP$q{MARK}m\x1b\\\x1bP$qm;{MARK}\x1b\\\x1bP+q{MARK}\x1b\\\x1bP=s{MARK}\x1b\\",
    f"\x1bZ{MARK}\x05{MARK}",
    # What rewrites the screen
    f"\x1b[2J\x1b[{MARK};1H\x1b[{MARK}A\x1b[{MARK}M\x1b[{MARK}L\x1b[{MARK}P",
    f"\x1b[?1049h\x1b[?{MARK}h\x1b[?{MARK}l\x1b[?1000;{MARK}h\x1b[?2004;{MARK}l\x1b[4;{MARK}h",
    f"\x1b[8;{MARK}m hidden\x1b[38;5;{MARK}m\x1b[{MARK}S\x1b[{MARK}T\x1b[1;{MARK}r\x1b[{MARK}@",
    f"\x1bc{MARK}\x1b7{MARK}\x1b8{MARK}\x1b#8{MARK}\x1b(0{MARK}\x1b)0{MARK}\x1b%G{MARK}\x1bn{MARK}\x1b={MARK}\x1b>{MARK}",
    f"\x1b[3;{MARK}J\x1b[{MARK}X\x1b[5i{MARK}\x1b[4i\x1b[?5i\x1b[{MARK}i\x1b[{MARK} q\x1b[!{MARK}p",
    f"safe {MARK}\rrm -rf {MARK}",
    f"{MARK}\b\b\b\b\b\b\x7f\x7fover",
    f"{MARK}\x0b\x0c{MARK}\x0e{MARK}\x0f{MARK}\x00{MARK}\x1a{MARK}\x18{MARK}\x07",
    # Strings that swallow what comes after them, and graphics
    f"\x1bP0;0|{MARK}/0a\x1b\\",
    f"\x1bPq#0;2;0;0;0~{MARK}\x1b\\\x1b_Ga=T,f=24;{MARK}\x1b\\\x1bP1;1;{MARK}p",
    f"\x1b_{MARK}\x1b\\\x1b^{MARK}\x1b\\\x1bX{MARK}\x1b\\\x1bk{MARK}\x1b\\",
    f"\x1b]0;{MARK}",
    f"\x1bP{MARK}",
    f"\x1b[{MARK}",
    f"\x1b{MARK}\x1b",
    f"\x1b\x1b[{MARK}m\x1b[\x1b]0;{MARK}\x07\x1b[\n{MARK}m",
    # Words that turn round, or hide
    f"\u202e{MARK}txt.exe\u202c\u2066{MARK}\u2069\u202d{MARK}\u2067\u2068",
    f"a{MARK}\u2028b\u2029c\x85d\u0085e",
    # Pasted ends of a paste, tmux and screen passing through
    f"\x1b[201~{MARK}\r/exit\r\x1b[200~",
    f"\x1bPtmux;\x1b\x1b]52;c;{MARK}\x07\x1b\\",
    f"\x1bP\x1b]52;c;{MARK}\x07\x1b\\",
)
"""The attacks that are known, as 7-bit text."""

_PIECES = (*_C1, *_C1.values(), "\x1b", "\x07", "\b", "\r", "\x0e", "\x90", "\u202e", "\u2067", "\ufeff", "\x7f")
_INSIDE = (
    "52;c;",
    "8;;",
    "6n",
    "?",
    ">",
    "$q",
    "2J",
    "m",
    "0;",
    "`",
    "**",
    "](",
    "<",
    "|",
    "中",
    "👩‍💻",
    " ",
    "\n",
    "\t",
)


def payloads(count: int, seed: int = 1) -> list[str]:
    """Return `count` payloads: the known ones in 7-bit and 8-bit form, then random ones."""
    known = [*KNOWN, *(_eight_bit(text) for text in KNOWN)]
    chance = random.Random(seed)
    while len(known) < count:
        pieces = [chance.choice(_PIECES if chance.random() < 0.5 else _INSIDE) for _ in range(chance.randint(2, 9))]
        pieces.insert(chance.randint(1, len(pieces)), MARK)
        known.append("".join(pieces))
    return known[:count]


def _eight_bit(text: str) -> str:
    for seven, eight in _C1.items():
        text = text.replace(seven, eight)
    return text


_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\](?P<osc>.*?)(?:\x07|\x1b\\)|(?P<string>[PX^_k].*?\x1b\\)|[ -/]*[0-~])", re.DOTALL
)
_ANSWERS = re.compile(r"\x1b\[(?:6|5)n|\x1b\[>?0?c|\x1b\]1[01];\?(?:\x07|\x1b\\)")  # what the program itself asks
_LINK = re.compile(r"8;(?:id=[\w.-]+)?;(?:(?:https?|mailto):[\x21-\x7e]*)?")
_OBEYED = re.compile("[\x00-\x07\x0b-\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def trespasses(output: bytes) -> Iterator[str]:
    """Yield what in a program's output came from outside and would be obeyed; links to http, https, mailto may be."""
    text = output.decode()
    for match in _SEQUENCE.finditer(text):
        sequence, osc = match[0], match["osc"]
        if osc is not None and _LINK.fullmatch(osc):
            continue
        if match["string"] or (osc is not None and not _ANSWERS.fullmatch(sequence)) or MARK in sequence:
            yield sequence
    rest = _SEQUENCE.sub("", text)
    yield from (rest[max(0, found.start() - 20) : found.end() + 20] for found in _OBEYED.finditer(rest))
