"""The recall benchmark reads every file of its form, and counts only what is in the context word for word."""

import json
from pathlib import Path

import pytest

from tests.benchmarks.recall import load, main, read_time, turn_ids

TALK = {
    "conversation": {
        "speaker_a": "Ann",
        "speaker_b": "Bob",
        "session_2_date_time": "2026-01-05 20:14",
        "session_2": [{"speaker": "Bob", "dia_id": "D2:1", "text": "The dog is called Rex"}],
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": [
            {"speaker": "Ann", "dia_id": "D1:1", "text": "I bought a piano", "blip_caption": "a black piano"},
            {"speaker": "Bob", "dia_id": "D1:2", "text": "Nice!"},
        ],
    },
    "qa": [
        {"question": "What is the dog called?", "evidence": ["D02:01; D1:2"], "category": 4},
        {"question": "What colour has the piano?", "evidence": ["D1:1"], "category": 9},
        {"question": "Nobody knows?", "evidence": ["D7:1"], "category": 1},
        {"question": "Nothing?", "evidence": [], "category": 5},
    ],
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "talk.json"
    path.write_text(json.dumps([TALK]))
    return path


def test_sittings_are_in_order_and_turns_have_name_time_and_caption(path: Path) -> None:
    (talk,) = load(path)
    first, second, third = talk.messages
    assert (first.name, first.role, first.text) == ("Ann", "user", "I bought a piano [image: a black piano]")
    assert (second.name, second.role) == ("Bob", "assistant")
    assert first.time == read_time("1:56 pm on 8 May, 2023")
    assert third.time == read_time("2026-01-05 20:14")


def test_questions_without_usable_evidence_are_left_out(path: Path) -> None:
    (talk,) = load(path)
    assert [len(question.evidence) for question in talk.questions] == [2, 1]


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        (["D1:3"], ["D1:3"]),
        (["D8:6; D9:17"], ["D8:6", "D9:17"]),
        (["D30:05", "D30:5"], ["D30:5"]),
        (["D:11:26"], ["D11:26"]),
        ("D1:1 D1:2", ["D1:1", "D1:2"]),
        ([], []),
        (["D"], []),
    ],
)
def test_malformed_evidence_is_normalised(written: object, ids: list[str]) -> None:
    assert turn_ids(written) == ids


@pytest.mark.parametrize("role", ["user", "assistant", "用户", "助手"])
def test_roles_are_no_names(tmp_path: Path, role: str) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps({"conversation": {"session_1": [{"speaker": role, "text": "hi"}]}, "qa": []}))
    ((message,),) = (talk.messages for talk in load(path))
    assert message.name is None
    assert message.time is None


def test_one_json_document_has_the_figures_in_percent(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(path), "--json", "--budgets", "20,1000", "--estimate"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["recall"]["1000"] == 100.0
    assert figures["recall"]["20"] < 100.0
    assert figures["categories"]["single-hop"]["1000"] == 100.0
    assert figures["categories"]["category 9"]["1000"] == 100.0


def test_the_whole_history_has_all_evidence(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(path), "--memory", "buffer", "--json", "--estimate"])
    assert set(json.loads(capsys.readouterr().out)["recall"].values()) == {100.0}
