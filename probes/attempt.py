"""One attempt: one deadline, clean-ups in time of their own, and always a Reply, whatever happened."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from probes.arrivals import here
from probes.bench import Bench
from probes.cleaning import clean_up
from probes.context import Context
from probes.evidence import evidence
from probes.frames import PHASES, Reply, Request
from probes.journal import Journal
from probes.reading import read_signs
from probes.records import AttemptResult, Stop
from probes.spec import KINDS, Spec, read
from probes.tools import Timeouts
from probes.trouble import cause_of, in_tools, say_bug
from probes.words.errors import ProbeBug, Refused
from probes.words.failure import FACTS, Failure
from probes.words.secret import Redactor
from probes.words.text import clean

if TYPE_CHECKING:
    from probes.target import Target

Script = Callable[[Context], Coroutine[Any, Any, None]]


@dataclass(slots=True)
class Prepared:
    """A job made ready, once: everything that is the same in each of its attempts.

    `bug` says why it cannot be made ready; its attempts then answer with it. `own` tells that a user's code runs in it.
    """

    job: Mapping[str, Any]
    spec: Spec | None = None
    run: Script | None = None
    planned: tuple[str, ...] = ()
    fallback: str = ""
    base: Timeouts = field(default_factory=Timeouts)
    own: bool = False
    bug: str = ""
    _secrets: Mapping[str, str] | None = None
    _target: Target | None = None

    def target(self, secrets: Mapping[str, str]) -> Target:
        """The target with these secrets put in; raises Refused. It is made anew only when they change."""
        if self._target is None or self._secrets != secrets:
            from probes.target import Target

            self._target = Target.of(self.job.get("target") or {}, secrets)
            self._secrets = dict(secrets)
        return self._target


def prepare(job: Mapping[str, Any]) -> Prepared:
    """A job made ready. It never raises: what is wrong with the job is what its attempts will say."""
    ready = Prepared(job, fallback=str(job.get("probe") or "probe"))
    kind = str(job.get("kind") or "http")
    ready.own = kind == "script"
    try:
        ready.spec = read(_spec(job, kind))
        maker = import_module(KINDS[kind].run)
        ready.run = maker.prepare_job(ready.spec, job) if hasattr(maker, "prepare_job") else maker.prepare(ready.spec)
    except ProbeBug as bug:
        ready.bug = say_bug(bug)
    except ValueError as error:  # pydantic's, too
        ready.bug = clean(f"the job cannot be read: {_first(error)}", 300)
    except BaseException as error:  # a user's file may raise anything at all when it is loaded
        if not ready.own or isinstance(error, asyncio.CancelledError):
            raise
        ready.bug = cause_of(error, str(job.get("file") or ""))
    else:
        ready.base = Timeouts(**ready.spec.limits)
        ready.planned = tuple(str(step) for step in _names(ready.spec))
    return ready


def _spec(job: Mapping[str, Any], kind: str) -> dict[str, Any]:
    named = {key: job[key] for key in ("file", "function") if key in job} if kind == "script" else {}
    return {**(job.get("spec") or {}), **named, "kind": kind}


def _first(error: ValueError) -> str:
    """The first thing that is wrong, with its place."""
    if not isinstance(error, ValidationError):
        return str(error)
    line = error.errors(include_url=False)[0]
    place = ".".join(map(str, line["loc"]))
    return (f"{place}: " if place else "") + line["msg"].removeprefix("Value error, ")


def _names(spec: Spec) -> list[str]:
    return [*getattr(spec, "step_names", ()), *(step.name for step in spec.steps)]


async def make(prepared: Prepared, request: Request) -> Reply:
    """Make one attempt within `request.timeout`, clean up within `request.cleanup`; raises nothing but
    CancelledError.
    """
    began = monotonic()
    waited = max(0, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000 - request.sent) if request.sent else 0
    if prepared.run is None:
        return _refused(request, prepared.bug or "the job was never made ready", waited)
    try:
        target = prepared.target(request.secrets)
    except Refused as refused:
        said = f"{refused}" + (f"; {refused.hint}" if refused.hint else "")
        return _refused(request, Redactor.of(request.secrets.values()).text(said), waited)
    journal = Journal(started=began, planned=prepared.planned, fallback=prepared.fallback)
    ctx, bench = _open(prepared, request, target, journal)
    ready = prepared
    if request.grant.get("canary"):
        from probes.kinds.canary import canary

        why = str(request.grant.get("why") or "")
        ready = replace(prepared, run=partial(canary, chat=target.chat, url=target.url, why=why), own=False)
    cancelled = await _run(ready, ctx, journal, began + request.timeout)
    try:
        if ready is prepared and not cancelled:
            await read_signs(prepared.spec, journal, target, run_id=request.run_id, deadline=began + request.timeout)
        if ctx.undo:
            await clean_up(ctx, journal, bench, request.cleanup)
    finally:
        await bench.aclose()
    if cancelled:
        raise asyncio.CancelledError
    reply = _reply(request, journal, ctx, target, waited)
    if prepared.spec is not None and prepared.spec.fallback is not None and reply.state == "down":
        reply = replace(reply, sentence=clean(f"the fallback does not answer: {reply.sentence}", 300))
    ctx.let_go()
    return reply


def _open(prepared: Prepared, request: Request, target: Target, journal: Journal) -> tuple[Context, Bench]:
    """What the probe is handed, and the tools behind it."""
    bench = Bench(
        target,
        run_id=request.run_id,
        attempt=request.attempt,
        deadline=journal.started + request.timeout,
        record=journal.recorded,
        base=prepared.base,
        folder=str(prepared.job.get("folder") or ""),
        hook=request.hook,
        inbox=here.get(),
    )
    ctx = Context(
        journal,
        bench,
        run_id=request.run_id,
        attempt=request.attempt,
        at=request.at,
        zone=prepared.spec.timezone if prepared.spec else "",
        secrets=request.secrets,
        cases=request.cases,
        memory=request.memory,
        partner=(prepared.spec.partner or "") if prepared.spec else "",
    )
    bench.price = prepared.job.get("price")
    if judges := prepared.job.get("judges"):
        ctx.panel = _panel(judges, request, journal)
    if request.hook:
        ctx.hidden.append(request.hook.rpartition("/")[2])
    return ctx, bench


def _panel(judges: Mapping[str, Any], request: Request, journal: Journal) -> Any:
    """Who may judge in this attempt."""
    from probes.jury.panel import Facts

    held = "" if request.grant.get("judge", True) else str(request.grant.get("why") or "its spending is used up")
    end = journal.started + request.timeout
    return Facts(judges, request.secrets, request.run_id, request.attempt, request.at, end, held)


async def _run(prepared: Prepared, ctx: Context, journal: Journal, deadline: float) -> bool:
    """Run the probe to its end, whichever it is; True when the attempt itself was cancelled."""
    script: Any = prepared.run
    try:
        async with asyncio.timeout_at(deadline) as limit:
            await script(ctx)
            await ctx.judge_put_off()
        journal.complain()
    except Stop:
        pass
    except TimeoutError as error:
        if limit.expired():
            journal.broke(Failure.TIMEOUT, "the run was not done when its time was up", phase="total")
        else:
            _fault(prepared, journal, error)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            return True
        _fault(prepared, journal, error)
    except ProbeBug as bug:
        journal.bugs.append(say_bug(bug))
    except BaseExceptionGroup as group:
        _, others = group.split(Stop)
        if others is not None:
            _fault(prepared, journal, others)
    except BaseException as error:  # the outermost loop of a script that may raise anything, SystemExit included
        _fault(prepared, journal, error)
    return False


def _fault(prepared: Prepared, journal: Journal, error: BaseException) -> None:
    """An exception is the script's own fault, or ours where no script runs."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ProbeBug):
        journal.bugs.append(say_bug(error))
    elif prepared.own and not in_tools(error):
        journal.bugs.append(cause_of(error, str(getattr(prepared.spec, "file", ""))))
    else:
        journal.broke(Failure.MONITOR_FAULT, f"showup itself failed: {cause_of(error, '')}")


def _refused(request: Request, said: str, waited: int) -> Reply:
    return Reply(request.number, "unknown", Failure.PROBE_BUG.value, clean(said, 300), waited=waited)


def _reply(request: Request, journal: Journal, ctx: Context, target: Target, waited: int) -> Reply:
    result = journal.result()
    took = max(0, int((monotonic() - journal.started - journal.apart) * 1e6))
    phases = tuple(journal.phases.get(name, -1) for name in PHASES) if journal.phases else ()
    failed = tuple(f"{each.name}: {each.trouble}" for each in journal.clean_ups if each.trouble)
    hide = Redactor.of((*target.secrets, *ctx.hidden)) if ctx.hidden else target.redactor
    plain = result.failure is None and not failed and all(each["verdict"] == "right" for each in journal.scores)
    record = evidence(journal, hide) if not plain or request.keep else None
    return Reply(
        number=request.number,
        state=result.state.value,
        failure=result.failure.value if result.failure else None,
        sentence=hide.text(result.sentence or _said(result)),
        phase=result.phase,
        step=hide.text(result.step),
        waited=waited,
        took=took,
        phases=phases,
        values=journal.values,
        spent=journal.spent,
        versions={name: hide.text(clean(text, 200)) for name, text in journal.versions.items()},
        learned=journal.learned,
        cleanup_failed=tuple(hide.text(clean(text, 300)) for text in failed),
        retry_after=result.retry_after,
        witness=result.witness,
        evidence=record,
        scores=tuple(hide.value(each) for each in journal.scores),
    )


def _said(result: AttemptResult) -> str:
    return FACTS[result.failure].sentence if result.failure else ""
