"""What the answers of models taught: how far our token estimate is off, how much their window really holds.

Kept in one small file of the cache folder; deleting it costs some accuracy for a few turns.
"""

import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, TypeGuard

from chatcli.messages import is_count
from chatcli.private import private_folder

_LEAST = 200
"""Tokens of a request below which its count says little about the estimate."""

_WEIGHT = 0.3
"""How much a new count moves what was learned before."""

_BOUNDS = (0.4, 2.5)


class Learned:
    """By model, its id and its host: how far our estimate is off, and the window in tokens.

    Kept in the file at `path`, or only here (None).
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = Lock()
        self._known: dict[str, dict[str, Any]] | None = None

    def scale(self, model: str) -> float:
        """Return what an estimate is to be multiplied with; 1 while nothing is known."""
        scale = self._of(model).get("scale")
        return min(max(float(scale), _BOUNDS[0]), _BOUNDS[1]) if isinstance(scale, int | float) else 1.0

    def window(self, model: str, named: int | None) -> int | None:
        """Return the window that the endpoint proved by a refusal, else the `named` one, else what it lists.

        A refusal counts as long as the same window is named as then: the config, or the server, may change.
        """
        known = self._of(model)
        refused = known.get("refused")
        if isinstance(refused, dict) and refused.get("named") == named and _is_window(window := refused.get("window")):
            return window
        listed = known.get("listed")
        return named or (listed if _is_window(listed) else None)

    def counted(self, model: str, estimate: int, tokens: int) -> None:
        """Learn from a request whose messages were estimated and then counted by the endpoint."""
        if estimate < _LEAST or tokens <= 0:
            return
        seen = min(max(tokens / estimate, _BOUNDS[0]), _BOUNDS[1])
        before = self._of(model).get("scale")
        scale = seen if not isinstance(before, int | float) else before + _WEIGHT * (seen - before)
        if before is None or abs(scale - before) > 0.01:
            self._learn(model, scale=round(scale, 4))

    def underestimated(self, model: str, by: float) -> None:
        """Learn that what we counted was more tokens by that factor at least."""
        self._learn(model, scale=round(self.scale(model) * by, 4))

    def refused(self, model: str, window: int, named: int | None) -> None:
        """Learn that the endpoint takes no more than `window` tokens, though `named` was said."""
        self._learn(model, refused={"window": window, "named": named})

    def listed(self, model: str, window: int) -> None:
        """Learn the window that the endpoint's list of models says."""
        self._learn(model, listed=window)

    def _of(self, model: str) -> Mapping[str, Any]:
        with self._lock:
            if self._known is None:
                self._known = self._read()
            known = self._known.get(model)
            return known if isinstance(known, dict) else {}

    def _learn(self, model: str, **facts: Any) -> None:
        known = {**self._of(model), **facts}
        with self._lock:
            self._known = {**self._read(), **(self._known or {}), model: known}
            self._write(self._known)

    def _read(self) -> dict[str, dict[str, Any]]:
        if self._path is None:
            return {}
        try:
            read = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return read if isinstance(read, dict) else {}

    def _write(self, known: Mapping[str, Any]) -> None:
        """Put the file in place whole; a cache that cannot be written is none."""
        if self._path is None:
            return
        new = self._path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        with suppress(OSError):
            private_folder(self._path.parent)
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump(known, file)
            os.replace(new, self._path)


def _is_window(value: Any) -> TypeGuard[int]:
    return is_count(value) and value > 0
