"""`@probe`: a function becomes a frozen Probe. Nothing is registered; whoever loads the file finds it there."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from probes.bench import Length, Wait
from probes.calls import place, say_place
from probes.context import Context
from probes.words.errors import ProbeBug

Cost = Literal["requests", "asks", "tokens", "usd", "records"]
Script = Callable[[Context], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe written in Python. `options` are those that were given; `file` and `line` are the function's."""

    script: Script
    options: Mapping[str, Any]
    file: str
    line: int

    @property
    def function(self) -> str:
        """The function's name."""
        return str(getattr(self.script, "__name__", "probe"))

    @property
    def name(self) -> str:
        """The probe's name: the given one, or the function's with dashes."""
        return str(self.options.get("name") or self.function.replace("_", "-"))

    @property
    def docstring(self) -> str:
        """The function's docstring, its sentence for the page."""
        return inspect.getdoc(self.script) or ""

    def __call__(self, ctx: Context) -> Awaitable[None]:
        """Run the function itself, as a test of one's own may want to."""
        return self.script(ctx)


def probe(
    workflow: str | None = None,
    *,
    name: str | None = None,
    title: str | None = None,
    every: str | None = None,
    cron: str | None = None,
    timezone: str | None = None,
    timeout: Wait = None,
    cleanup: Length | None = None,
    attempts: int | None = None,
    confirm: int | str | None = None,
    recover: int | None = None,
    severity: Literal["critical", "error", "warning", "info"] | None = None,
    affects: Literal["down", "degraded"] | None = None,
    policy: str | None = None,
    enabled: bool | None = None,
    idempotent: bool | None = None,
    was: str | None = None,
    environments: Sequence[str] | None = None,
    costs: Mapping[Cost, float] | None = None,
    secrets: Sequence[str] | None = None,
    judges: Sequence[str] | None = None,
) -> Callable[[Script], Probe]:
    """Make an async function a probe of `workflow`; the keys are those of a probe in YAML.

    `costs` is what one run costs, for the forecast of `showup validate`: {"tokens": 900, "usd": 0.002, "records": 0}.
    `secrets` are the names it reads by ctx.secret(name), where its source does not show them as plain text;
    `judges` the providers that it asks by ctx.judge(reply, by=name, …).
    """
    where = place()
    given = {key: value for key, value in locals().items() if value is not None and key != "where"}
    if callable(workflow):
        hint = 'write @probe(workflow="…")'
        raise ProbeBug("@probe stands without its parentheses", where=say_place(where), hint=hint)

    def make(script: Script) -> Probe:
        called = getattr(script, "__name__", repr(script))
        code = getattr(script, "__code__", None)
        if not inspect.iscoroutinefunction(script):
            line = say_place((code.co_filename, code.co_firstlineno)) if code else say_place(where)
            raise ProbeBug(
                f"{called} is not async", where=line, hint=f"write async def {called}(ctx: Context) -> None:"
            )
        wanted = [part for part in inspect.signature(script).parameters.values() if part.default is part.empty]
        if len(wanted) != 1:
            hint = f"write async def {called}(ctx: Context) -> None:"
            raise ProbeBug(f"{called} takes {len(wanted)} values and is given one", where=say_place(where), hint=hint)
        return Probe(script, MappingProxyType(given), script.__code__.co_filename, script.__code__.co_firstlineno)

    return make
