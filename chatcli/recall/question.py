"""What of a question is worth looking for."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chatcli.recall.lexicon import is_known, key
from chatcli.recall.segment import pieces
from chatcli.recall.stem import stem

_LONGEST = 4000
"""Characters of a question that are looked at: its beginning and its end."""

_STOP = frozenset(
    """a about above after again all also am an and any are aren as at be because been before being below between
    both but by can cannot could couldn d did didn do does doesn doing don down during each else ever few for from
    further had hadn has hasn have haven having he her here hers herself him himself his how i if in into is isn it
    its itself just kind ll m may me might mine more most much must my myself no nor not now of off on once only or
    other our ours ourselves out over own please re s same shall she should shouldn so some such t than that the
    their theirs them themselves then there these they this those through to too type under until up upon us ve very
    was wasn we were weren what when where whether which while who whom whose why will with won would wouldn you your
    yours yourself remember remind tell told say said mention know one many lot thing again another got get
    """.split()  # noqa: SIM905
)
_STOP_STEMS = _STOP | {stem(word) for word in _STOP - {"may", "one"}}

# Phrases that make a Chinese or Japanese sentence a question, and say nothing of what it asks for.
_PHRASES = """
    什么时候 什么样 什么 哪一天 哪一个 哪一位 哪些 哪里 哪儿 哪个 哪家 哪位 哪款 哪种 哪本 哪条
    哪间 哪天 哪年 哪月 哪 为什么 为啥 干什么 干嘛 怎么样 怎么 怎样 如何 多少 多久 多长 多大 多高
    多远 多长时间 几个 几号 几点 几次 几月 几天 几岁 谁 是不是 有没有 能不能 可不可以 会不会 来着
    告诉 请问 记得 还记得 帮我 我想知道 想知道 想问 之前 以前 当初 当时 上次 那次 那时候 曾经 提到
    提过 说过 说的 讲过 聊过 是多少 是什么 是谁 叫什么 名字 一下 一共 总共 分别 各是 各有 以及
    后来 现在 目前 眼下 最后 吗 呢 吧 啊 呀 啥 了 的 地 得 着 过 么 ですか ました でした どこ
    いつ だれ 誰 何 なに どう
    """.split()  # noqa: SIM905
_PHRASE = re.compile("|".join(sorted(_PHRASES, key=len, reverse=True)))
_WEAK = frozenset(
    "是在有和与或我你他她它们这那就都也还不没要会能可以把被让给对从到去来上下里外中个一二三几很最更再又只"
)

_LIST = re.compile(
    r"\b(what|which)\b.{0,40}?\w{3,}s\b.{0,30}\b(has|have|does|do|did|are|were)\b|\bhow many\b", re.IGNORECASE
)
_WHEN = re.compile(r"\bwhen\b|\b(what|which) (date|day|month|year)|几号|哪天|几月|哪一天|什么时候|何时", re.IGNORECASE)
_HOW_MANY = re.compile(r"\bhow (many|much|long|old|big|far|tall)\b|多少|几|多久", re.IGNORECASE)
_TO_ASSISTANT = re.compile(
    r"\byou (tell|told|say|said|suggest\w*|recommend\w*|give|gave|advise\w*|propose\w*|want\w*|argue\w*|explain\w*)\b"
    r"|\b(did|do) you (tell|say|suggest|recommend|give|advise|propose|want|argue|explain)\b|according to you"
    r"|\byour (advice|suggestion|recommendation|tip|answer|explanation)"
    r"|你(之前|当时|上次|那时)?(劝|让|说|建议|教|给|推荐|提醒|告诉)|照你",
    re.IGNORECASE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the question as it stands there, and the term it is looked up by."""

    text: str
    term: str
    key: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for, whom it names, and what kind of question it is."""

    words: tuple[Word, ...]
    people: bool = False
    speaker: str | None = None
    lists: bool = False
    when: bool = False
    how_many: bool = False
    to_assistant: bool = False


def understand(text: str, names: Iterable[str] = ()) -> Question:
    """Return what `text` asks for; `names` are those of the people who speak in the session, if they have any."""
    names = list(names)
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]}\n{text[-_LONGEST // 2 :]}"
    named = [name for name in names if re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE)]
    ignored = {term for name in named for _, found in pieces(name) for term in found}
    words = tuple({word.term: word for word in _words(text) if word.term not in ignored}.values())
    return Question(
        words,
        people=bool(names),
        speaker=named[0] if len(named) == 1 else None,
        lists=_LIST.search(text) is not None,
        when=_WHEN.search(text) is not None,
        how_many=_HOW_MANY.search(text) is not None,
        to_assistant=_TO_ASSISTANT.search(text) is not None,
    )


def _words(text: str) -> Iterator[Word]:
    for piece, found in pieces(_PHRASE.sub(" ", text)):
        for term in found:
            if not is_stop_word(term):
                yield Word(piece if piece.isascii() else term, term, term if term.isascii() else _key(piece, term))


def is_stop_word(term: str) -> bool:
    """Say whether a term stands everywhere and so tells nothing."""
    return term in _STOP_STEMS or all(character in _WEAK for character in term)


def _key(run: str, term: str) -> str:
    """Return how the lexicon names the longest of its words that begins with the term in a run of characters."""
    for length in (4, 3):
        word = run[run.find(term) :][:length]
        if len(term) == 2 and len(word) == length and is_known(found := key(word)):
            return found
    return term
