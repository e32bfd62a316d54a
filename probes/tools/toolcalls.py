"""Tool calls out of the parts in which they are streamed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from probes.tools import Missing, Trouble
from probes.tools.answer import read_json
from probes.tools.dialects import CallPart
from probes.words.failure import Failure
from probes.words.text import clean

MOST = 128  # calls of one answer
_NAME = 200  # characters


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What a model wants to have done: a tool's name and arguments; `id` is what its result has to name."""

    name: str
    arguments: dict[str, Any]
    id: str = ""

    def said(self) -> dict[str, Any]:
        """The call as plain data."""
        return {"name": self.name, "arguments": self.arguments, "id": self.id}


class _Growing:
    __slots__ = ("fragments", "id", "name")

    def __init__(self) -> None:
        self.id = self.name = ""
        self.fragments: list[str] = []


class Calls:
    """The calls of one answer in the order in which they began. It is false while there are none."""

    __slots__ = ("_found", "_keyed")

    def __init__(self) -> None:
        self._found: list[_Growing] = []
        self._keyed: dict[str | int, _Growing] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def take(self, parts: Iterable[CallPart]) -> None:
        """Add parts as they come; raises Trouble for calls without number."""
        for part in parts:
            call = self._keyed.get(part.key) if part.key is not None else None
            # some servers give every call the index 0: another id is another call
            if call is None or (part.id and call.id and part.id != call.id):
                call = self._new(part.key)
            call.id, call.name = part.id[:_NAME] or call.id, part.name[:_NAME] or call.name
            if part.whole and part.arguments:
                call.fragments = [part.arguments]
            elif part.arguments:
                call.fragments.append(part.arguments)

    def _new(self, key: str | int | None) -> _Growing:
        if len(self._found) >= MOST:
            raise Trouble(Failure.GARBAGE, f"the model calls tools more than {MOST} times in one answer")
        call = _Growing()
        self._found.append(call)
        if key is not None:
            self._keyed[key] = call
        return call

    def finished(self) -> tuple[ToolCall, ...]:
        """The calls, read; raises Trouble for arguments that are no JSON object, which no app could use either."""
        return tuple(_read(call, number) for number, call in enumerate(self._found) if call.name)


def _read(call: _Growing, number: int) -> ToolCall:
    said = "".join(call.fragments)
    found = read_json(said) if said.strip() else {}
    if not isinstance(found, dict):
        what = "are not JSON" if found is Missing else "are no JSON object"
        sentence = f"the arguments for the tool {clean(call.name, 80)} {what}: {clean(said, 80)}"
        raise Trouble(Failure.GARBAGE, sentence)
    return ToolCall(call.name, found, call.id or f"call_{number + 1}")


def reported(found: Any) -> tuple[ToolCall, ...]:
    """The calls that a workflow says it made: objects with a name (tool, function) and arguments (args, input)."""
    listed = [part for part in found if isinstance(part, dict)] if isinstance(found, list) else []
    calls = []
    for number, call in enumerate(listed[:MOST]):
        inside = call.get("function")
        said = {**call, **inside} if isinstance(inside, dict) else call
        name = next((said[key] for key in ("name", "tool", "function") if isinstance(said.get(key), str)), "")
        given: Any = next((said[key] for key in ("arguments", "args", "input", "parameters") if key in said), {})
        given = read_json(given) if isinstance(given, str) else given
        if name:
            own = str(said.get("id") or f"call_{number + 1}")
            calls.append(ToolCall(name[:_NAME], given if isinstance(given, dict) else {}, own[:_NAME]))
    return tuple(calls)
