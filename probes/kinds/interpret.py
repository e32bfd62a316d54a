"""Steps as YAML has them, carried out through Context alone: so YAML can do nothing that Python cannot."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from probes.checks.written import Check, Match, Plan, plan
from probes.context import Context
from probes.kinds.filling import Template, fill, fillable, parse
from probes.kinds.steps import Capture, Sending, Step

Script = Callable[[Context], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Order:
    """A request made ready: what has holes is a function of the Context, everything else stands as it is."""

    verb: str
    path: str | Template
    options: Mapping[str, Any]
    holes: tuple[str, ...]  # the options with holes

    def send(self, ctx: Any) -> Any:
        """The call that makes it."""
        path = self.path if isinstance(self.path, str) else self.path.address(ctx)
        options: Mapping[str, Any] = self.options
        if self.holes:
            options = {**options, **{name: fill(options[name], ctx) for name in self.holes}}
        return getattr(ctx.http, self.verb)(path, **options)


@dataclass(frozen=True, slots=True)
class Part:
    """One step made ready."""

    name: str
    budget: float | None
    hard: bool
    order: Order | None
    ask: Any
    timeout: Mapping[str, float] | None
    captures: tuple[tuple[str, Capture], ...]
    checks: tuple[tuple[Plan, tuple[Any, ...]], ...]
    undo: tuple[Order, ...]


def script(steps: tuple[Step, ...], *, talk: bool = False) -> Script:
    """The function that carries these steps out; with `talk`, its questions are turns of one conversation."""
    parts = tuple(map(made_ready, steps))
    return partial(_run, parts, talk)


async def _run(parts: tuple[Part, ...], talk: bool, ctx: Context) -> None:
    for part in parts:
        async with ctx.step(part.name, budget=part.budget, hard=part.hard):
            for order in part.undo:
                ctx.cleanup(Undo(order), ctx)
            if part.order is not None:
                reply = await part.order.send(ctx)
            else:
                question = fill(part.ask, ctx)
                reply = await (ctx.chat.ask if talk else ctx.ask)(question, timeout=part.timeout)
            look(part, ctx, reply)


def look(part: Part, ctx: Context, reply: Any) -> None:
    """Capture what a step wants kept of its reply, and check it."""
    for name, capture in part.captures:
        ctx.capture(name, found_in(reply, capture), secret=capture.secret)
    for check, arguments in part.checks:
        _check(ctx, reply, check, arguments)


class Undo:
    """A clean-up as a function with a name; what it needs and was never captured makes it skipped."""

    def __init__(self, order: Order) -> None:
        self._order = order
        path = order.path if isinstance(order.path, str) else order.path.said()
        self.__name__ = f"{order.verb} {path}"

    async def __call__(self, ctx: Any) -> None:
        await self._order.send(ctx)


def found_in(reply: Any, capture: Capture) -> Any:
    """What a capture finds in a reply; what is not there is absent, and said so when it is used."""
    if capture.at is not None:
        return reply.json(capture.at)
    if capture.header is not None:
        return reply.header(capture.header)
    return reply.find(capture.regex)


def _check(ctx: Context, reply: Any, check: Plan, arguments: tuple[Any, ...]) -> None:
    if check.group:
        with ctx.any(soft=check.soft) if check.group == "any" else ctx.all(soft=check.soft):
            for member, inner in zip(check.members, arguments, strict=True):
                _check(ctx, reply, member, inner)
        return
    if check.subject == "json":
        subject = ctx.check(reply.json(check.argument), soft=check.soft, source=check.argument)
    elif check.subject == "header":
        subject = ctx.check(reply.header(check.argument), soft=check.soft)
    elif check.subject == "value":
        subject = ctx.check(reply.value(check.argument), soft=check.soft)
    else:
        subject = ctx.check(reply, soft=check.soft)
    for match, given in zip(check.matches, arguments, strict=True):
        if match.negated:
            subject = subject.not_
        if match.args is not None:
            getattr(subject, match.method)(match.args)
        else:
            getattr(subject, match.method)(*fill(given, ctx))


# made once


def made_ready(step: Step) -> Part:
    """A step with everything worked out that is the same in each run."""
    timeout = step.timeout.seconds() if step.timeout else None
    return Part(
        name=step.name or step.label,
        budget=step.budget.limit.total_seconds() if step.budget else None,
        hard=step.budget.hard if step.budget else False,
        order=_order(step, timeout) if step.verb else None,
        ask=fillable(step.ask),
        timeout=timeout,
        captures=tuple((step.capture or {}).items()),
        checks=checks_ready(step.check),
        undo=tuple(_order(each, None) for each in step.cleanup),
    )


def checks_ready(checks: tuple[Check, ...]) -> tuple[tuple[Plan, tuple[Any, ...]], ...]:
    """Checks with everything worked out that is the same in each run."""
    return tuple((made, _arguments(made)) for made in map(plan, checks))


def _order(sending: Sending, timeout: Mapping[str, float] | None) -> Order:
    options: dict[str, Any] = {"params": sending.params, "headers": sending.headers, "timeout": timeout}
    options |= {"data": sending.data, "content": sending.content}
    options = {name: fillable(value) for name, value in options.items() if value is not None}
    if "json_body" in sending.model_fields_set:
        options["json"] = fillable(sending.json_body)
    if not sending.follow:
        options["follow"] = False
    holes = tuple(name for name, value in options.items() if callable(value))
    return Order(sending.verb, parse(sending.path) or sending.path, options, holes)


def _arguments(made: Plan) -> tuple[Any, ...]:
    """For each matcher its arguments where they have holes; for a group the same of each member."""
    if made.group:
        return tuple(map(_arguments, made.members))
    return tuple(_holes(match) for match in made.matches)


def _holes(match: Match) -> Any:
    return fillable(match.raw) if match.args is None else None
