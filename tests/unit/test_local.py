"""The embedded model's child process as its parent sees it; children that stand in for the real one are scripts."""

import os
import signal
import sys
from pathlib import Path
from threading import Event, Thread

import pytest

from chatcli.errors import ModelError
from chatcli.extras import how_to_install
from chatcli.messages import Message
from chatcli.model import Delta
from chatcli.model.local import EmbeddedModel, embedded
from chatcli.model.reply import Retries
from tests.servers import ModelServer

HELLO = [Message("user", "Hello")]
ADDRESS = "import sys; sys.stdin.readline(); print('http://127.0.0.1:{port}', flush=True); sys.stdin.read()"
QUICK = Retries(first=0.001)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "Any-Model.Q4_0.gguf"
    path.write_bytes(b"GGUF")
    return path


def opened(weights: Path, program: str) -> EmbeddedModel:
    return EmbeddedModel(embedded(weights), QUICK, [sys.executable, "-c", program])


def said(model: EmbeddedModel) -> str:
    return "".join(event.text for event in model.stream(HELLO, {}) if isinstance(event, Delta))


def test_a_reply_waits_for_the_child_and_carries_the_key_it_was_given(server: ModelServer, weights: Path) -> None:
    told = weights.with_name("told")
    program = f"""
import sys
open({str(told)!r}, "w").write(sys.stdin.readline().strip())
print("http://127.0.0.1:{server.port}", flush=True)
sys.stdin.read()
"""
    model = opened(weights, program)
    assert said(model) == "Turn 1: Hello"
    model.close()
    assert len(told.read_text()) >= 32
    assert server.requests[0].headers["authorization"] == f"Bearer {told.read_text()}"
    assert server.requests[0].body["model"] == "any-model"
    assert server.requests[0].body["temperature"] == 0
    assert server.requests[0].body["max_tokens"] == 512


def test_what_the_user_sets_wins_over_the_limits_of_the_embedded_model(server: ModelServer, weights: Path) -> None:
    model = opened(weights, ADDRESS.format(port=server.port))
    list(model.stream(HELLO, {"max_tokens": 4000, "dry_multiplier": 0, "temperature": 1}))
    model.close()
    body = server.requests[0].body
    assert (body["max_tokens"], body["dry_multiplier"], body["temperature"]) == (4000, 0, 1)


def test_the_command_that_installs_a_package_names_none_of_chatclis_name() -> None:
    command = how_to_install("xllamacpp")
    assert command.endswith(" xllamacpp")
    assert sys.executable in command
    assert "chatcli" not in command.replace(sys.executable, "")


def test_the_key_is_in_neither_arguments_nor_environment(server: ModelServer, weights: Path) -> None:
    program = f"""
import os, sys
key = sys.stdin.readline().strip()
print("http://127.0.0.1:{server.port}" if key not in " ".join([*sys.argv, *os.environ.values()]) else "", flush=True)
sys.stdin.read()
"""
    model = opened(weights, program)
    assert said(model) == "Turn 1: Hello"
    model.close()


def test_the_child_is_in_a_session_of_its_own_where_interrupts_do_not_reach(server: ModelServer, weights: Path) -> None:
    model = opened(weights, ADDRESS.format(port=server.port))
    said(model)
    assert model.pid is not None
    assert os.getsid(model.pid) == model.pid != os.getsid(0)
    model.close()


def test_a_child_that_does_not_start_is_an_error_with_its_last_words(weights: Path) -> None:
    model = opened(weights, "import sys; sys.exit('llama: no such\\nllama: cannot read the weights\\n')")
    with pytest.raises(ModelError, match="the embedded model any-model did not start: llama: cannot read the weights"):
        said(model)
    model.close()


def test_a_child_that_says_nothing_at_all_is_an_error_with_its_exit_code(weights: Path) -> None:
    model = opened(weights, "import sys; sys.exit(3)")
    with pytest.raises(ModelError, match="exit code 3"):
        said(model)
    model.close()


def test_a_program_that_is_not_there_is_an_error(weights: Path) -> None:
    with pytest.raises(ModelError, match="did not start: No such file"):
        EmbeddedModel(embedded(weights), QUICK, ["/no/such/python"])


def test_a_child_that_died_is_started_again_for_the_next_reply(server: ModelServer, weights: Path) -> None:
    model = opened(weights, ADDRESS.format(port=server.port))
    assert said(model) == "Turn 1: Hello"
    first = model.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert said(model) == "Turn 1: Hello"
    assert model.pid != first
    model.close()


def test_closing_a_reply_that_waits_for_the_child_ends_it(weights: Path) -> None:
    model = opened(weights, "import sys; sys.stdin.read()")
    reply = model.stream(HELLO, {})
    ended = Event()

    def read() -> None:
        assert list(reply) == []
        ended.set()

    thread = Thread(target=read)
    thread.start()
    reply.close()
    assert ended.wait(5)
    thread.join()
    model.close()


def test_closing_the_model_ends_a_child_that_still_loads(weights: Path) -> None:
    model = opened(weights, "import signal; signal.pause()")
    pid = model.pid
    assert pid is not None
    model.close()
    model.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    ("file", "model_id"),
    [("SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2-135m-instruct"), ("Mine.GGUF", "mine"), ("a.b.gguf", "a.b")],
)
def test_the_id_is_the_name_of_the_file(file: str, model_id: str) -> None:
    assert embedded(Path(file)).id == model_id
