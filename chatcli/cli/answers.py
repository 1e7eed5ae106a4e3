"""What a script wants of an answer: JSON that fits a schema, or only the code in it."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chatcli.errors import BrokenStream, UsageError
from chatcli.prompt import Prompt, system_text, with_system
from chatcli.render.fences import code_in

_LONGEST = 1_000_000
"""Bytes of a schema."""

_IN_WORDS = "Reply with one JSON document and nothing else. It must fit this JSON Schema:\n"


class Schema:
    """A JSON Schema that an answer has to fit. Nothing it refers to elsewhere is fetched."""

    def __init__(self, path: Path) -> None:
        """Read it; raise UsageError for a file that is none."""
        self._path = path
        try:
            self.definition: Mapping[str, Any] = json.loads(_text(path))
        except (ValueError, RecursionError) as error:
            raise _no_schema(path, f"is no JSON: {error}") from None
        if not isinstance(self.definition, dict):
            raise _no_schema(path, "is no JSON Schema: it must be an object")
        self._check = _compiled(path, self.definition)

    @property
    def options(self) -> dict[str, Any]:
        """What asks an endpoint for such an answer; see OpenAI's "Structured outputs"."""
        form = {"name": _name(self._path), "schema": self.definition, "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": form}}

    def in_words(self, prompt: Prompt) -> Prompt:
        """Return the prompt asking for such an answer in words: for an endpoint that knows no schemas."""
        text = json.dumps(self.definition, ensure_ascii=False).replace("{", "{{").replace("}", "}}")
        return with_system(prompt, "\n\n".join(filter(None, (system_text(prompt), _IN_WORDS + text))))

    def document(self, answer: str, kept: str = "") -> Any:
        """Return the JSON document in the answer; raise BrokenStream when there is none, or it does not fit.

        `kept` says where all of the answer is.
        """
        import fastjsonschema

        text = answer.strip()
        try:
            document = json.loads((code_in(text) or [text])[0])
        except (ValueError, RecursionError):
            raise self._unfit("is no JSON", kept) from None
        try:
            self._check(document)
        except fastjsonschema.JsonSchemaValueException as error:
            raise self._unfit(f"does not fit {self._path.name}: {_misfit(error)}", kept) from None
        return document

    def _unfit(self, why: str, kept: str) -> BrokenStream:
        return BrokenStream(f"the answer {why}", "; ".join(filter(None, ("ask again, or another model", kept))))


def _misfit(error: Any) -> str:
    """Return what does not fit: which value, by its path, and what it has to be."""
    name, rule = error.name.removeprefix("data").lstrip("."), error.message.removeprefix(error.name).strip()
    if error.rule == "required":
        missing = [key for key in error.definition["required"] if key not in error.value]
        rule = f"has no {' and no '.join(map(repr, missing))}"
    rule = re.sub(r"must not contain \{(.*)\} properties", r"may not have \1", rule)
    return f"{name or 'it'} {rule}"


def _compiled(path: Path, definition: Mapping[str, Any]) -> Callable[[Any], Any]:
    import fastjsonschema

    def elsewhere(address: str) -> Any:
        raise _no_schema(path, f"refers to {address}, which is not fetched")

    try:
        return fastjsonschema.compile(
            dict(definition),
            handlers=dict.fromkeys(("http", "https", "file", "ftp", "urn", ""), elsewhere),
            use_default=False,
        )
    except fastjsonschema.JsonSchemaDefinitionException as error:
        raise _no_schema(path, f"is no JSON Schema: {error}") from None
    except (RecursionError, re.error, TypeError, AttributeError, KeyError, ValueError) as error:
        raise _no_schema(path, f"is no JSON Schema: {type(error).__name__}") from None


def _text(path: Path) -> str:
    try:
        with path.expanduser().open("rb") as file:
            data = file.read(_LONGEST + 1)
    except (OSError, RuntimeError, ValueError) as error:
        raise _no_schema(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > _LONGEST:
        raise _no_schema(path, f"has more than {_LONGEST:,} bytes")
    return data.decode("utf-8-sig", "replace")


def _no_schema(path: Path, why: str) -> UsageError:
    return UsageError(f"the schema {path} {why}", "give a file with a JSON Schema: https://json-schema.org/learn")


def _name(path: Path) -> str:
    """Return a name as the protocol wants one: letters, digits, _ and -, at most 64."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", path.stem)[:64] or "answer"
