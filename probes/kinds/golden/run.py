"""How a golden probe runs: one case after another, each with its share of the time, none of which stops the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import Any

from probes.cases import RIGHT, UNSCORED, WRONG, Case
from probes.checks import Absent
from probes.checks.say import say
from probes.context import Context
from probes.kinds.filling import fill, fillable
from probes.kinds.golden.case import in_turn
from probes.kinds.golden.score import Scored, Scorer, scorer
from probes.kinds.golden.spec import GoldenSpec
from probes.kinds.interpret import Part, Script, Undo, checks_ready, found_in, look, made_ready
from probes.kinds.steps import Capture

SHORTEST = 1.0  # seconds that a case has at least, however little is left


@dataclass(frozen=True, slots=True)
class Ready:
    """A golden set with everything worked out that is the same in each run. `cases`: data and step of each, by name."""

    cases: Mapping[str, tuple[Any, Part]]
    answer: Capture | None
    score: Scorer | None
    whole: bool  # the whole reply is read as a document
    sample: int
    seconds: float


def prepare(spec: GoldenSpec) -> Script:
    """The function that carries it out."""
    part = made_ready(spec.once)
    cases = {}
    for name, case in spec.named.items():
        own = replace(part, checks=(*part.checks, *checks_ready(case.check))) if case.check else part
        cases[name] = (fillable({"name": name, **case.data()}), own)
    seconds = spec.total_timeout.total_seconds()
    whole = spec.scoring == "fields" and spec.answer is None
    return partial(_run, Ready(cases, spec.answer, scorer(spec), whole, spec.per_run, seconds))


async def _run(ready: Ready, ctx: Context) -> None:
    chosen = [name for name in ctx.cases if name in ready.cases] or in_turn(list(ready.cases))[: ready.sample]
    seconds = ready.seconds * max(1.0, len(chosen) / ready.sample)
    end, tried = monotonic() + seconds, list[Case]()
    for number, name in enumerate(chosen):
        data, part = ready.cases[name]
        left = max(SHORTEST, (end - monotonic()) / (len(chosen) - number))
        case = ctx.case(name, fill(data, ctx), budget=part.budget)
        tried.append(case)
        await _try(ready, ctx, case, part, left)
    ctx.conclude(tried)


async def _try(ready: Ready, ctx: Context, case: Case, part: Part, seconds: float) -> None:
    """Ask one case and score it."""
    scored: Scored | None = None
    async with case:
        for order in part.undo:
            ctx.cleanup(Undo(order), _Then(ctx, case))
        reply = await _reply(ctx, part, seconds)
        look(part, ctx, reply)
        if ready.score is not None:
            scored = ready.score(case.captured["case"].get("expect"), _answer(ready, reply))
    if case.is_ours:
        case.score(UNSCORED)
    elif scored is not None and case.answered:
        right = scored.right and not case.failed
        case.score(RIGHT if right else WRONG, scored.expected, scored.got, scored.fields)
    else:
        expected = case.captured["case"].get("expect")
        case.score(WRONG if case.failed else RIGHT, say(expected) if expected is not None else "")


async def _reply(ctx: Context, part: Part, seconds: float) -> Any:
    limits = {**(part.timeout or {}), "total": min(seconds, (part.timeout or {}).get("total", seconds))}
    if part.order is None:
        return await ctx.ask(fill(part.ask, ctx), timeout=limits)
    order = replace(part.order, options={**part.order.options, "timeout": limits})
    return await order.send(ctx)


def _answer(ready: Ready, reply: Any) -> Any:
    """What is scored: a part of the reply, its document, or all of it."""
    whole = reply.json() if ready.whole else reply.words
    found = whole if ready.answer is None else found_in(reply, ready.answer)
    return None if isinstance(found, Absent) else found


class _Then:
    """The context as it was in a case: what cleans up after it uses what that case captured."""

    def __init__(self, ctx: Context, case: Case) -> None:
        self._ctx, self.captured = ctx, case.captured

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ctx, name)

