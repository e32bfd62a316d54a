"""Checks of what an agent did: the tools it called, with which arguments and in which order, and which model it was."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Protocol, cast

from probes.checks.base import Base, Misfit, Verdict, matcher
from probes.checks.general import same
from probes.checks.patterns import Pattern, compile_pattern
from probes.checks.say import say
from probes.checks.served import is_one_of
from probes.words.failure import Failure

OF_AGENTS = frozenset({"AgentChecks"})
"""Families that fit the answer of an agent alone."""
_SHOWN = 6  # calls in a sentence
_PATTERN = re.compile(r"/(.+)/\Z", re.DOTALL)


class Answered(Protocol):
    """What an agent's answer tells about itself besides its text."""

    @property
    def finished(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def called_tools(self) -> Sequence[Mapping[str, Any]]: ...


class _Wanted(dict[str, Any]):
    """Arguments by tool, patterns compiled; said as they were written."""

    shown: str


def _wanted(calls: Mapping[str, Any]) -> tuple[_Wanted]:
    if not isinstance(calls, Mapping) or not calls:
        raise ValueError("tool-args-match is {tool: {argument: value}}, a value in slashes being a pattern: /^\\d+$/")
    for tool, given in calls.items():
        if not isinstance(given, Mapping):
            raise ValueError(f"{tool} has arguments by name; write {{{tool}: {{argument: value}}}}")
    found = _Wanted({str(tool): _compiled(given) for tool, given in calls.items()})
    found.shown = say(calls)
    return (found,)


def _compiled(value: Any) -> Any:
    if isinstance(value, str) and (pattern := _PATTERN.match(value)):
        return compile_pattern(pattern[1])
    if isinstance(value, Mapping):
        return {str(key): _compiled(part) for key, part in value.items()}
    return [_compiled(part) for part in value] if isinstance(value, list | tuple) else value


def _named(*names: str) -> tuple[str, ...]:
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError("name at least one")
    return names


def _one(name: str) -> tuple[str]:
    if not isinstance(name, str) or not name:
        raise ValueError('name a tool, or "*" for any')
    return (name,)


class AgentChecks(Base):
    """Checks of an agent's whole answer."""

    __slots__ = ()

    def _answered(self, what: str) -> Answered:
        answer = getattr(self, "reply", None)
        if answer is None or not hasattr(answer, "called_tools"):
            raise Misfit(f"which has no {what}; check the answer of an ask itself")
        return cast(Answered, answer)

    @matcher("finished because of {}", "finish because of {}")
    def finish_reason(self, *reasons: str) -> bool | Verdict:
        """The model stopped for one of these reasons: stop, length, tool_calls, content_filter."""
        answered = self._answered("reason to finish")
        return answered.finished in reasons or Verdict(False, answered.finished or "no reason")

    @matcher("was answered by {}", "be answered by {}", prepare=_named)
    def model_is(self, *names: str) -> bool | Verdict:
        """One of these models answered, by its own word; a name without a date means any snapshot of it."""
        model = self._answered("model").model
        fits = bool(model) and is_one_of(names, model)
        return Verdict(fits, model or "no model named", None if fits else Failure.CONTRACT_CHANGED)

    @matcher("called the tool {}", "call the tool {}", prepare=_one)
    def tool_called(self, name: str) -> bool | Verdict:
        """The agent called this tool; `*` stands for any letters, so that `not-tool-called: "*"` is no call at all."""
        calls = self._answered("tool calls").called_tools
        return Verdict(any(fnmatchcase(call["name"], name) for call in calls), _said(calls))

    @matcher("called tools with {}", "call tools with {}", prepare=_wanted)
    def tool_args_match(self, calls: Mapping[str, Any]) -> bool | Verdict:
        """Each of these tools was called with at least these arguments: {book: {time: "10:00", name: /^Test/}}; text in
        slashes is a pattern.
        """
        made = self._answered("tool calls").called_tools
        missing = [
            tool
            for tool, wanted in calls.items()
            if not any(call["name"] == tool and _fits(call["arguments"], wanted) for call in made)
        ]
        return Verdict(not missing, _said([call for call in made if call["name"] in missing] or made, full=True))

    @matcher("called, in this order, {}", "call, in this order, {}", prepare=_named)
    def tool_sequence(self, *names: str) -> bool | Verdict:
        """These tools were called one after the other; others may lie between them."""
        calls = self._answered("tool calls").called_tools
        left = iter(call["name"] for call in calls)
        return Verdict(all(name in left for name in names), _said(calls))


def _fits(value: Any, wanted: Any) -> bool:
    """True when a value is what is wanted: the pattern's, the same, or an object with at least the wanted parts."""
    if isinstance(wanted, Pattern):
        return isinstance(value, str | int | float) and wanted.search(str(value)) is not None
    if isinstance(wanted, Mapping):
        return isinstance(value, Mapping) and all(key in value and _fits(value[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return isinstance(value, list) and len(value) == len(wanted) and all(map(_fits, value, wanted))
    return same(value, wanted)


def _said(calls: Iterable[Mapping[str, Any]], *, full: bool = False) -> str:
    """`book, then confirm`, with their arguments when `full`."""
    parts = [f"{call['name']}({say(call['arguments'])})" if full else str(call["name"]) for call in calls]
    more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    return ", then ".join(parts[:_SHOWN]) + more if parts else "no tool call"
