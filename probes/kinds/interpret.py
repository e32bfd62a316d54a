"""Steps as YAML has them, carried out through Context alone: so YAML can do nothing that Python cannot."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from probes.checks.written import Check, Match, Plan, is_template, plan
from probes.context import Context
from probes.groups import Group
from probes.kinds.asking import plain_tools
from probes.kinds.files import Attached, attached
from probes.kinds.filling import Template, fill, fillable, parse
from probes.kinds.steps import Capture, Deed, Sending, Step

Script = Callable[[Context], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Order:
    """A request made ready: what has holes is a function of the Context, everything else stands as it is."""

    verb: str
    path: str | Template
    options: Mapping[str, Any]
    holes: tuple[str, ...]  # the options with holes
    files: tuple[Attached, ...] = ()

    def send(self, ctx: Any) -> Any:
        """The call that makes it."""
        return self._send_with_files(ctx) if self.files else self._send(ctx)

    def _send(self, ctx: Any, **more: Any) -> Any:
        path = self.path if isinstance(self.path, str) else self.path.address(ctx)
        options: Mapping[str, Any] = self.options
        if self.holes:
            options = {**options, **{name: fill(options[name], ctx) for name in self.holes}}
        return getattr(ctx.http, self.verb)(path, **options, **more)

    async def _send_with_files(self, ctx: Any) -> Any:
        read = [await each.read(ctx) for each in self.files]
        return await self._send(ctx, files={field: (name, content, kind) for field, name, content, kind in read})


@dataclass(frozen=True, slots=True)
class Part:
    """One step made ready."""

    name: str
    budget: float | None
    hard: bool
    order: Order | None
    ask: Any
    how: Mapping[str, Any]  # tools, their results and a schema that go with the question
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
            look(part, ctx, await act(part, ctx, talk=talk))


async def act(part: Part, ctx: Context, *, talk: bool = False) -> Any:
    """The reply to a step's request or question."""
    if part.order is not None:
        return await part.order.send(ctx)
    how = {name: fill(value, ctx) for name, value in part.how.items()}
    return await (ctx.chat.ask if talk else ctx.ask)(fill(part.ask, ctx), timeout=part.timeout, **how)


def look(part: Part, ctx: Context, reply: Any) -> None:
    """Capture what a step wants kept of its reply, and check it."""
    for name, capture in part.captures:
        ctx.capture(name, found_in(reply, capture), secret=capture.secret)
    for check, arguments in part.checks:
        judge(ctx, reply, check, arguments)


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


def judge(ctx: Context, reply: Any, check: Plan, arguments: tuple[Any, ...]) -> None:
    """Make one check of a reply."""
    if check.judged is not None:
        value = reply.json(check.argument) if check.subject else reply
        asked = check.judged if arguments is None else type(check.judged).model_validate(fill(arguments, ctx))
        ctx.judge_later(value, asked, source=check.argument, soft=check.soft)
        return
    if check.group:
        with _group(ctx, check):
            for member, inner in zip(check.members, arguments, strict=True):
                judge(ctx, reply, member, inner)
        return
    value, source = _looked_at(reply, check)
    subject = ctx.check(value, soft=check.soft, source=source, weight=check.weight, must=check.must)
    for match, given in zip(check.matches, arguments, strict=True):
        if match.negated:
            subject = subject.not_
        if match.args is not None:
            getattr(subject, match.method)(match.args)
        else:
            getattr(subject, match.method)(*fill(given, ctx))


def _group(ctx: Context, check: Plan) -> Group:
    if check.group == "any":
        return ctx.any(soft=check.soft, weight=check.weight, must=check.must)
    return ctx.all(soft=check.soft, threshold=check.threshold, weight=check.weight, must=check.must)


def _looked_at(reply: Any, check: Plan) -> tuple[Any, str]:
    """(value, source) of a check's subject."""
    if check.subject == "json":
        return reply.json(check.argument), check.argument
    if check.subject == "header":
        return reply.header(check.argument), ""
    return (reply.value(check.argument) if check.subject == "value" else reply), ""


# made once


def made_ready(step: Step) -> Part:
    """A step with everything worked out that is the same in each run."""
    timeout = step.timeout.seconds() if step.timeout else None
    return Part(
        name=step.name or step.label,
        budget=step.budget.limit.total_seconds() if step.budget else None,
        hard=step.budget.hard if step.budget else False,
        order=order_of(step, timeout) if step.verb else None,
        ask=fillable(step.ask),
        how=_how(step),
        timeout=timeout,
        captures=tuple((step.capture or {}).items()),
        checks=checks_ready(step.check),
        undo=tuple(order_of(each, None) for each in step.cleanup),
    )


def checks_ready(checks: tuple[Check, ...]) -> tuple[tuple[Plan, tuple[Any, ...]], ...]:
    """Checks with everything worked out that is the same in each run."""
    return tuple((made, _arguments(made)) for made in map(plan, checks))


def _how(step: Deed) -> dict[str, Any]:
    """What goes with a question, as the keywords of `ctx.ask`; of it, what tools answer may have holes."""
    given = {"tools": plain_tools(step.tools) if step.tools else None, "schema": step.answer_schema}
    found = {name: value for name, value in given.items() if value is not None}
    return found if step.tool_results is None else {**found, "tool_results": fillable(step.tool_results)}


def order_of(sending: Sending, timeout: Mapping[str, float] | None) -> Order:
    """A request with everything worked out that is the same in each run."""
    options: dict[str, Any] = {"params": sending.params, "headers": sending.headers, "timeout": timeout}
    options |= {"data": sending.data, "content": sending.content}
    options = {name: fillable(value) for name, value in options.items() if value is not None}
    if "json_body" in sending.model_fields_set:
        options["json"] = fillable(sending.json_body)
    if not sending.follow:
        options["follow"] = False
    holes = tuple(name for name, value in options.items() if callable(value))
    return Order(sending.verb, parse(sending.path) or sending.path, options, holes, attached(sending.file or ()))


def _arguments(made: Plan) -> Any:
    """For each matcher its arguments where they have holes; for a group the same of each member; for a judge what it
    is asked.
    """
    if made.judged is not None:
        return fillable(made.raw) if is_template(made.raw) else None
    if made.group:
        return tuple(map(_arguments, made.members))
    return tuple(_holes(match) for match in made.matches)


def _holes(match: Match) -> Any:
    return fillable(match.raw) if match.args is None else None
