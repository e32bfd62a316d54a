"""A question with the rounds it takes: a model that calls tools is told what they answer, until it says something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from probes.tools import Timeouts, Trouble
from probes.tools.call import chat
from probes.tools.chat_answer import ChatAnswer
from probes.tools.toolcalls import ToolCall
from probes.words.failure import Failure
from probes.words.text import clean

if TYPE_CHECKING:
    from probes.tools.http import Http

MOST = 8  # rounds
_COUNTS = ("tokens_in", "tokens_out", "tokens_reasoning", "tokens_cached")


async def talk(
    http: Http,
    settings: Mapping[str, Any],
    messages: Sequence[Mapping[str, Any]],
    how: Mapping[str, Any],
    *,
    timeout: Timeouts | float | None = None,
    variables: Mapping[str, Any] | None = None,
) -> ChatAnswer:
    """The answer in the end, with all tool calls that led to it; raises Trouble.

    `how` are the question's own tools and schema over those of `settings`, and `tool_results`: what each tool answers,
    by name. Without those, calls are the answer. Times and tokens are those of all rounds together.
    """
    own = {name: how[name] for name in ("tools", "schema") if how.get(name) is not None}
    results = how.get("tool_results")
    if (own or results is not None) and not settings.get("dialect"):
        name = next(iter(own), "tool_results")
        said = f"{name} is for a model, and the target is asked at an endpoint of its own; write a dialect under chat"
        raise Trouble(Failure.PROBE_BUG, said)
    chosen, told = {**settings, **own}, list[dict[str, Any]]()
    found: ChatAnswer | None = None
    for _ in range(MOST):
        answer = await chat(http, chosen, [*messages, *told], timeout=timeout, variables=variables)
        calls = answer.tool_calls
        found = answer if found is None else _joined(found, answer)
        if results is None or not calls:
            break
        told += [_calling(answer.text, calls), *(_result(call, results) for call in calls)]
    else:
        raise Trouble(Failure.GARBAGE, f"the model called tools {MOST} times in a row and never came to an answer")
    found.said = told if not found.text else [*told, {"role": "assistant", "content": found.text}]
    return found


def _calling(text: str, calls: Sequence[ToolCall]) -> dict[str, Any]:
    return {"role": "assistant", "content": text, "tool_calls": [call.said() for call in calls]}


def _result(call: ToolCall, results: Mapping[str, Any]) -> dict[str, Any]:
    if call.name not in results:
        known = ", ".join(map(str, results)) or "none"
        said = f"the model called {clean(call.name, 80)}, and tool_results answers for {known}"
        raise Trouble(Failure.WRONG, said)
    return {"role": "tool", "name": call.name, "id": call.id, "content": results[call.name]}


def _joined(before: ChatAnswer, after: ChatAnswer) -> ChatAnswer:
    """The later answer, with what went before it: who asked waited for all of it."""
    after.first_token += before.total
    after.total += before.total
    after.worst_gap = max(before.worst_gap, after.worst_gap)
    after.tool_calls = (*before.tool_calls, *after.tool_calls)
    after.doubts = [*before.doubts, *(each for each in after.doubts if str(each) not in map(str, before.doubts))]
    after.reasoned, after.rounds = before.reasoned or after.reasoned, before.rounds + 1
    for name in _COUNTS:
        counts = [count for count in (getattr(before, name), getattr(after, name)) if count is not None]
        setattr(after, name, sum(counts) if counts else None)
    return after
