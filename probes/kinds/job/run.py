"""How a job runs: it is submitted, then each stage is waited for; all of it through Context alone."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from glob import escape
from typing import Any

import yaml

from probes.checks.say import plain
from probes.context import Context
from probes.kinds.files import filled
from probes.kinds.filling import fill, fillable, parse
from probes.kinds.interpret import (
    Order,
    Part,
    Script,
    Undo,
    act,
    checks_ready,
    found_in,
    judge,
    look,
    made_ready,
    order_of,
)
from probes.kinds.job.spec import Drop, JobSpec, Submit, Tag
from probes.kinds.job.stages import BucketSection, FieldsSection, Stage
from probes.kinds.steps import Capture
from probes.words.errors import ProbeBug

Checks = tuple[tuple[Any, tuple[Any, ...]], ...]
Look = Callable[[Context], Callable[[], Awaitable[Any]]]


@dataclass(frozen=True, slots=True)
class Ready:
    """One stage made ready. `look` makes, in an attempt, the function that looks."""

    name: str
    within: float
    every: float | None
    budget: float | None
    hard: bool
    look: Look
    until: Checks
    checks: Checks
    captures: tuple[tuple[str, Capture], ...]
    fields: FieldsSection | None
    undo: tuple[Order, ...]
    deletes: bool


def prepare(spec: JobSpec) -> Script:
    """The function that carries it out."""
    names = spec.names
    count = len(spec.submit)
    submits = tuple(_submit(step, name, spec.tag) for step, name in zip(spec.submit, names[:count], strict=True))
    stages = tuple(_stage(stage, name, spec.tag) for stage, name in zip(spec.wait, names[count:], strict=True))
    return partial(_run, submits, stages, spec.tag)


async def _run(
    submits: tuple[tuple[Part, Drop | None], ...], stages: tuple[Ready, ...], tag: Tag, ctx: Context
) -> None:
    ctx.http.headers[tag.header] = tag.value
    for part, drop in submits:
        async with ctx.step(part.name, budget=part.budget, hard=part.hard):
            for order in part.undo:
                ctx.cleanup(Undo(order), ctx)
            if drop is not None:
                await _drop(drop, tag, ctx)
            else:
                look(part, ctx, await act(part, ctx))
    for stage in stages:
        async with ctx.step(stage.name, budget=stage.budget, hard=stage.hard):
            await _wait(stage, ctx)


async def _wait(stage: Ready, ctx: Context) -> None:
    """One stage: seen, then checked."""
    for order in stage.undo:
        ctx.cleanup(Undo(order), ctx)
    looks = stage.look(ctx)

    def holds(seen: Any) -> None:
        for check, arguments in stage.until:
            judge(ctx, seen, check, arguments)

    seen = await ctx.until(looks, check=holds, within=stage.within, every=stage.every)
    if stage.deletes and isinstance(looks, Mails):
        ctx.cleanup(looks.box.delete, seen)
    for name, capture in stage.captures:
        ctx.capture(name, found_in(seen, capture), secret=capture.secret)
    for check, arguments in stage.checks:
        judge(ctx, seen, check, arguments)
    if stage.fields is not None:
        await _compare(stage.fields, seen, ctx)


async def _compare(fields: FieldsSection, seen: Any, ctx: Context) -> None:
    expected = await _right(fields.file, ctx) if fields.file is not None else fill(fillable(fields.expected), ctx)
    ctx.check(seen.json(fields.at), source="the document").field_accuracy(fields.wanted(expected))


async def _right(file: str, ctx: Context) -> Any:
    """The right values in a file, its holes filled."""
    text = filled(await ctx.read(file), file, ctx).decode()
    try:
        return json.loads(text) if file.endswith(".json") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError, RecursionError):
        raise ProbeBug(f"{file} is no JSON or YAML", hint="write the right values into it, by name") from None


async def _drop(drop: Drop, tag: Tag, ctx: Context) -> None:
    """Put a file where the workflow finds it; whatever happens, it is deleted at the end."""
    name = str(fill(fillable(drop.name), ctx))
    if drop.file is not None:
        path = str(fill(fillable(drop.file), ctx))
        content = await ctx.read(path)
        content = filled(content, path, ctx) if drop.fill else content
    else:
        content = str(fill(fillable(drop.content), ctx)).encode()
    if drop.folder is not None:
        folder = ctx.folder(str(fill(fillable(drop.folder), ctx)))
        ctx.cleanup(folder.delete, name)
        await folder.put(name, content)
    elif drop.bucket is not None:
        bucket = _bucket(drop.bucket, ctx)
        bucket.headers[tag.header] = tag.value
        ctx.cleanup(bucket.delete, name)
        await bucket.put(name, content)


# made once


def _submit(step: Submit, name: str, tag: Tag) -> tuple[Part, Drop | None]:
    part = made_ready(step.model_copy(update={"name": name}))
    undo = tuple(_tagged(order, tag) for order in part.undo)
    return replace(part, order=_tagged(part.order, tag) if part.order is not None else None, undo=undo), step.drop


def _tagged(order: Order, tag: Tag) -> Order:
    """The request with the tag as a field of its own, where it has fields."""
    if tag.field is None:
        return order
    options = dict(order.options)
    if order.files or "data" in options:
        options["data"] = _with_field(options.get("data") or {}, tag)
    elif "json" in options:
        options["json"] = _with_field(options["json"], tag)
    return replace(order, options=options, holes=tuple(name for name, value in options.items() if callable(value)))


def _with_field(body: Any, tag: Tag) -> Any:
    more = {tag.field: tag.value}
    if callable(body):
        return lambda source: _with_field(body(source), tag)
    return {**body, **more} if isinstance(body, Mapping) else body


def _stage(stage: Stage, name: str, tag: Tag) -> Ready:
    return Ready(
        name=name,
        within=stage.within.total_seconds(),
        every=stage.every.total_seconds() if stage.every is not None else None,
        budget=stage.budget.limit.total_seconds() if stage.budget else None,
        hard=stage.budget.hard if stage.budget else False,
        look=_look(stage),
        until=checks_ready(stage.until),
        checks=checks_ready(stage.check),
        captures=tuple((stage.capture or {}).items()),
        fields=stage.fields,
        undo=tuple(_tagged(order_of(each, None), tag) for each in stage.cleanup),
        deletes=stage.mail is not None and stage.mail.delete,
    )


def _look(stage: Stage) -> Look:
    """What makes the function that looks, once an attempt."""
    if stage.poll is not None:
        order = order_of(stage.poll, None)
        return lambda ctx: lambda: order.send(ctx)
    if stage.row is not None:
        return partial(_rows, fillable(stage.row.database), stage.row.query)
    if stage.mail is not None:
        return partial(_mail, fillable(stage.mail.model_dump(exclude={"delete"})))
    if stage.object is not None:
        return partial(_object, stage.object, fillable(stage.object.prefix), stage.object.name or "")
    if stage.folder is not None:
        return partial(_folder, fillable(stage.folder.path), stage.folder.name or "")
    return lambda ctx: ctx.webhook


def _rows(database: Any, query: str, ctx: Context) -> Callable[[], Awaitable[Any]]:
    address = str(fill(database, ctx))
    known = {name: value for name, value in ctx.captured.items() if isinstance(value, str | int | float | bool)}
    return lambda: ctx.row(address, query, **known)


class Mails:
    """The looks into one inbox."""

    def __init__(self, box: Any, text: str) -> None:
        self.box, self._text = box, text

    def __call__(self) -> Awaitable[Any]:
        found: Awaitable[Any] = self.box.find(self._text)
        return found


def _mail(written: Any, ctx: Context) -> Callable[[], Awaitable[Any]]:
    given = dict(fill(written, ctx))
    text = given.pop("text") or ""
    return Mails(ctx.mail(given.pop("server"), **given), str(text))


def _bucket(section: BucketSection, ctx: Context) -> Any:
    written = section.model_dump(include=set(BucketSection.model_fields) - {"bucket"}, exclude_none=True)
    given = {name: str(fill(fillable(value), ctx)) for name, value in written.items()}
    return ctx.bucket(str(fill(fillable(section.bucket), ctx)), **given)


def _object(section: BucketSection, prefix: Any, name: str, ctx: Context) -> Callable[[], Awaitable[Any]]:
    bucket, pattern = _bucket(section, ctx), _pattern(name, ctx)
    return lambda: bucket.find(pattern, prefix=str(fill(prefix, ctx)))


def _folder(path: Any, name: str, ctx: Context) -> Callable[[], Awaitable[Any]]:
    folder, pattern = ctx.folder(str(fill(path, ctx))), _pattern(name, ctx)
    return lambda: folder.find(pattern)


def _pattern(name: str, ctx: Context) -> str:
    """A pattern with its holes filled: in what is filled in, a * stands for itself."""
    template = parse(name)
    if template is None:
        return name
    return "".join(part if isinstance(part, str) else escape(plain(part.value(ctx))) for part in template.parts)
