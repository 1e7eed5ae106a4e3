"""The embedded model: a child process serves it, an OpenAIModel talks to it."""

import importlib.util
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import IO, Any

from chatcli.errors import ConfigError, ModelError
from chatcli.extras import how_to_install
from chatcli.model.openai import OpenAIModel
from chatcli.model.reply import Retries
from chatcli.model.settings import ModelSettings

WINDOW = 8192
"""Tokens: what SmolLM2 was trained for, and what a GGUF of unknown make gets."""

OPTIONS: Mapping[str, Any] = {
    # a model this small is at its best when it says what is likeliest; it then repeats itself for ever, too
    "temperature": 0,
    "max_tokens": 512,
    # DRY: a token that would make a run of the last 12 tokens or more come again becomes unlikely. Measured against
    # SmolLM2-135M: 12 end most loops and leave it what it has to quote (codes, names) in short answers; with 8,
    # or with repeat_penalty from 1.05 on, it no longer says a code it was told
    "dry_multiplier": 0.8,
    "dry_allowed_length": 12,
    "dry_penalty_last_n": 256,
    "dry_sequence_breakers": ["<|im_end|>"],  # not a line's end, as is usual: what it repeats is often short lines
}
"""What the embedded model is asked with unless the user says otherwise."""

SERVER = "xllamacpp"
"""The package that runs it."""


def is_installed() -> bool:
    """Say whether the extra `local` is here: the server, not the weights."""
    return importlib.util.find_spec(SERVER) is not None


def how_to_get() -> str:
    """Return the commands that bring what the embedded model still lacks: its server, its weights."""
    weights = "chatcli local setup"
    return weights if is_installed() else f"{how_to_install(SERVER)} && {weights}"


def embedded(weights: Path, name: str = "", window: int = WINDOW) -> ModelSettings:
    """Return the settings of the embedded model that runs `weights`, a GGUF file."""
    alias = weights.name.lower().removesuffix(".gguf").partition(".q")[0]
    return ModelSettings(
        name=name or alias,
        id=alias,
        window=window,
        options=OPTIONS,
        label="the embedded model",
        kind="embedded",
        images=False,
        weights=weights,
    )


class EmbeddedModel(OpenAIModel):
    """A model that runs on this machine, in a child process that ends with this one.

    The child is started at once and loads in the background; the first reply waits for it, and raises ModelError when
    it did not start. When it died, the next request starts it again. `command` is what runs, before the child's own
    arguments.
    """

    def __init__(
        self, settings: ModelSettings, retries: Retries | None = None, command: Sequence[str] | None = None
    ) -> None:
        self._server = EmbeddedServer(settings, command)
        super().__init__(settings, retries, self._server.locate)
        self._server.start()

    @property
    def pid(self) -> int | None:
        """The child's process id, while there is one."""
        return self._server.pid

    def listed_window(self) -> int | None:
        """Return the window it is started with."""
        return self.settings.window

    def close(self) -> None:
        """End the replies and the child."""
        super().close()
        self._server.stop()


class EmbeddedServer:
    """The child process, and where it listens."""

    def __init__(self, settings: ModelSettings, command: Sequence[str] | None = None) -> None:
        if settings.weights is None or not settings.weights.is_file():
            raise ConfigError(
                f"the weights of the model {settings.name} are not there: {settings.weights}",
                f"put the path of a GGUF file under [models.{settings.name}], or run `chatcli local setup`",
            )
        self._settings = settings
        # -P: a folder of the user's that is called like one of our modules must not be imported instead
        self._command = command or (sys.executable, "-P", "-m", "chatcli.model.local_server")
        self._key = secrets.token_urlsafe(24)
        self._lock = Lock()
        self._child: subprocess.Popen[str] | None = None
        self._complaints: IO[bytes] | None = None
        self._found: ModelSettings | None = None
        self._stopped = False

    @property
    def pid(self) -> int | None:
        """The child's process id, while there is one."""
        return self._child.pid if self._child is not None else None

    def start(self) -> None:
        """Start the child; it loads on its own. Raises ModelError when it cannot even be started."""
        with self._lock:
            self._start()

    def locate(self) -> ModelSettings:
        """Wait until the child listens; return the settings with its address and key. Raises ModelError."""
        with self._lock:
            if self._child is None or self._child.poll() is not None:
                self._clean_up()
                self._start()
            if self._found is None:
                self._found = self._settings._replace(base_url=f"{self._address()}/v1", api_key=self._key)
            return self._found

    def stop(self) -> None:
        """End the child, also while it still loads."""
        self._stopped = True
        if (child := self._child) is not None:
            child.kill()  # it has nothing to save, and loading weights cannot be interrupted in another way
        with self._lock:
            self._clean_up()

    def _start(self) -> None:
        if self._stopped:
            raise ModelError("the embedded model was closed", "start chatcli again")
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        settings = self._settings
        arguments = [str(settings.weights), settings.id, str(settings.window or WINDOW)]
        try:
            self._child = subprocess.Popen(  # noqa: S603 - our own module
                [*self._command, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                text=True,
                start_new_session=True,  # so that ^C in the terminal does not reach it
            )
        except OSError as error:
            self._clean_up()
            raise self._failure(error.strerror or str(error)) from error
        assert self._child.stdin is not None
        with suppress(OSError):  # it is gone already: reading its address will tell
            self._child.stdin.write(self._key + "\n")
            self._child.stdin.flush()

    def _address(self) -> str:
        assert self._child is not None
        assert self._child.stdout is not None
        if address := self._child.stdout.readline().strip():
            return address
        self._child.wait()
        why = self._last_complaint()
        self._clean_up()
        raise self._failure(why)

    def _last_complaint(self) -> str:
        assert self._complaints is not None
        assert self._child is not None
        self._complaints.seek(0)
        said = self._complaints.read().decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(said) if line.strip()), f"exit code {self._child.returncode}")

    def _failure(self, why: str) -> ModelError:
        hint = "check the file of its weights, or run `chatcli local setup` again"
        if not is_installed():
            hint = f"install what runs it: {how_to_install(SERVER)}"
        return ModelError(f"the embedded model {self._settings.name} did not start: {why[:200]}", hint)

    def _clean_up(self) -> None:
        child, self._child, self._found = self._child, None, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
        if self._complaints is not None:
            self._complaints.close()
            self._complaints = None
