"""`/entities`, `/forget` and the facts they are about, in a real terminal against a real server."""

import json
from pathlib import Path
from typing import Any

import pytest

from chatcli.memory import corrections, derived
from chatcli.memory.history import open_history
from tests.e2e.conftest import User, leave
from tests.e2e.test_slash import refused, say
from tests.servers import Body, echo
from tests.terminal import Terminal
from tests.unit.test_background import until

FACTS = {1: [("Ada", "Ada likes tea"), ("user", "plays chess")], 2: [("Bob", "Bob \u202eis ill\x1b")]}


def reads(body: Body) -> str:
    """Answer the request for facts of a turn; echo anything else."""
    if not str(body["messages"][0]["content"]).startswith("You keep notes"):
        return echo(body)
    asked = body["messages"][-1]["content"].split("New turns:")[1]
    found = [
        {"entity": name, "fact": text, "turn": turn, "replaces": []}
        for turn, named in FACTS.items()
        for name, text in named
        if f'"turn": {turn},' in asked
    ]
    return json.dumps({"facts": found})


@pytest.fixture
def told(user: User) -> User:
    """A user who told of Ada and Bob in the session `s`, where facts were read."""
    user.server.mind = reads
    with user.chatting("-s", "s", "--memory", "window:1+entity") as term:
        say(term, "Ada likes tea. I play chess.", "Turn 1:")
        say(term, "Bob is ill.", "Turn 2:")
        until(lambda: turns_read(user) == 2)
    return user


def turns_read(user: User) -> int:
    store = user.store()
    try:
        return derived.read(open_history(store, "s", 4)).turns
    finally:
        store.close()


def known(user: User) -> dict[str, list[str]]:
    store = user.store()
    try:
        found = corrections.known(open_history(store, "s", 4))
        return {entity.shown: [fact.text for fact in entity.current] for entity in found.values()}
    finally:
        store.close()


def chat(user: User, **env: str) -> Terminal:
    return user.chat("-s", "s", "-q", rows=40, **env)


def last_input(user: User) -> Any:
    """The newest input that was answered, as it was sent."""
    return [request for request in user.server.chats if request.texts[0][0] != "system"][-1].texts[-1][1]


def test_facts_are_listed_with_their_turns_and_neutralised(told: User) -> None:
    with chat(told) as term:
        term.wait_for("you>")
        say(term, "/entities", "Bob ‹U+202E›is ill · turn 2, 20")
        assert "Ada likes tea · turn 1, 20" in term.text()
        assert "you\n  plays chess · turn 1, 20" in term.text()
        term.key("c-l")
        term.wait_gone("is ill")
        term.enter("/entities ada")
        term.wait_for("Ada likes tea")
        assert "is ill" not in term.screen_text()
        say(term, "/entities Adda", "did you mean Ada?")
        say(term, "/entities Zebedee", "/entities lists who is known")
        leave(term)
    piped = told.run("chat", "-s", "s", stdin="/entities\n")
    assert piped.returncode == 0
    assert "Ada\n  Ada likes tea · turn 1, " in piped.stdout
    assert not {"\x1b", "\u202e"} & set(piped.stdout)


def test_facts_ride_with_an_input_that_names_them(told: User) -> None:
    told.run("ask", "-s", "s", "Hello")
    told.run("ask", "-s", "s", "Who is ada?")
    sent = last_input(told)
    assert "- Ada likes tea (turn 1, " in sent
    assert sent.endswith("Who is ada?")


def test_a_forgotten_name_is_gone_whatever_its_case_and_its_turns_stay(told: User) -> None:
    with chat(told) as term:
        term.wait_for("you>")
        say(term, "/forget", "a name is needed")
        say(term, "/forget Adda", "did you mean Ada?")
        say(term, "/forget ADA", "forgot Ada: 1 fact")
        say(term, "/forget Ada", "nothing is known of 'Ada'")
        say(term, "/forget you", "forgot you: 1 fact")
        leave(term)
    assert list(known(told)) == ["Bob"]
    assert told.said("s")[0] == ("user", "Ada likes tea. I play chess.")
    assert "forgot Bob" not in told.run("chat", "-s", "s", stdin="/forget Bob\n").stdout
    assert known(told) == {}


def test_tab_completes_the_names_that_are_known(told: User) -> None:
    with chat(told) as term:
        term.wait_for("you>")
        term.send("/forget B")
        term.wait_for("Bob")
        term.key("tab", "enter", "enter")
        term.wait_for("forgot Bob")
        leave(term)


def editor(folder: Path, script: str) -> str:
    """Return an editor that does what a shell script does to the file $1."""
    path = folder / "edit.sh"
    path.write_text(script, encoding="utf-8")
    return f"sh '{path}'"


def test_the_editor_removes_changes_and_adds_facts(told: User, tmp_path: Path) -> None:
    script = """cp "$1" seen.txt
sed -i -e '/likes tea/d' -e 's/plays chess.*/plays go/' "$1"
printf '\\n[Eve]\\n- sings (turn 2)\\nis tall\\n' >> "$1"
"""
    with chat(told, VISUAL=editor(tmp_path, script)) as term:
        term.wait_for("you>")
        say(term, "/entities edit", "2 lines taken out, 3 lines of your own put in")
        say(term, "/entities", "plays go · yours")
        leave(term)
    seen = (tmp_path / "seen.txt").read_text(encoding="utf-8")
    assert "[Ada]\n- Ada likes tea (turn 1)\n" in seen
    assert "[you]\n- plays chess (turn 1)\n" in seen
    assert seen.startswith("# What is known of whom")
    found = known(told)
    assert "Ada" not in found
    assert (found["you"], found["Eve"]) == (["plays go"], ["sings", "is tall"])
    told.run("ask", "-s", "s", "Where is Eve, and I?")
    assert "- sings (the user's own note)" in last_input(told)
    assert "plays chess" not in last_input(told)


def test_an_edited_text_that_cannot_be_read_is_opened_again_with_the_reason(told: User, tmp_path: Path) -> None:
    script = """if grep -q 'no name' "$1"; then sed -i 's/^.NONE.$/[Eve]/' "$1"; cp "$1" seen.txt
else printf '[NONE]\\n- sings\\n' >> "$1"; fi
"""
    with chat(told, VISUAL=editor(tmp_path, script)) as term:
        term.wait_for("you>")
        say(term, "/entities edit", "1 line of your own put in")
        leave(term)
    assert (tmp_path / "seen.txt").read_text(encoding="utf-8").startswith("# [NONE] is no name: ")
    assert known(told)["Eve"] == ["sings"]


@pytest.mark.parametrize(
    ("script", "answer"),
    [
        ("false", "the editor failed; nothing was changed"),
        ("true", "nothing was changed"),
        (': > "$1"', "an empty text changes nothing"),
    ],
)
def test_an_edit_that_fails_or_changes_nothing_changes_nothing(
    told: User, tmp_path: Path, script: str, answer: str
) -> None:
    before = known(told)
    with chat(told, VISUAL=editor(tmp_path, script)) as term:
        term.wait_for("you>")
        term.enter("/entities edit")
        term.wait_for(answer)
        leave(term)
    assert known(told) == before


@pytest.mark.parametrize(
    ("text", "answer"),
    [("- sings", "stands under no name"), ("[Ada]\\n- %0400d", "is too long"), ("[he]\\n- sings", "is no name")],
)
def test_an_edited_text_that_is_left_wrong_changes_nothing(told: User, tmp_path: Path, text: str, answer: str) -> None:
    before = known(told)
    with chat(told, VISUAL=editor(tmp_path, f'printf -- "{text}\\n" 1 > "$1"')) as term:
        term.wait_for("you>")
        refused(term, "/entities edit", answer)
        leave(term)
    assert known(told) == before


def test_where_nothing_was_derived_it_says_how_to_begin(user: User) -> None:
    with user.chatting("-s", "s", "-q", "--memory", "window:2") as term:
        say(term, "/entities", "nothing is known; /memory window:2+entity reads each turn")
        say(term, "/entities edit", "nothing was said yet")
        say(term, "/forget Ada", "nothing is known of 'Ada'")


def test_where_turns_were_read_and_no_fact_was_found_it_says_how_far(told: User) -> None:
    for name in ("Ada", "Bob", "you"):
        told.run("chat", "-s", "s", stdin=f"/forget {name}\n")
    with chat(told) as term:
        term.wait_for("you>")
        say(term, "/entities", "read up to turn 2; no facts")
        assert "nothing is known yet" not in term.text()
        leave(term)


def test_facts_are_shown_whatever_memory_is_in_force_and_said_not_to_be_sent(told: User) -> None:
    shown = told.run("chat", "-s", "s", "--memory", "none", stdin="/entities\n").stdout
    assert "Ada likes tea" in shown
    assert "none does not send them; /memory none+entity does" in shown


def test_help_lists_the_commands(user: User) -> None:
    listed = user.run("chat", "-s", "s", stdin="/help\n").stdout
    assert "/entities [name|edit]" in listed
    assert "/forget name" in listed
