"""For users' own tests: run a probe once against a real target, under plain pytest.

from probes.testing import run

def test_a_cleaning_is_booked() -> None:
    result = run(books_a_cleaning, target="http://127.0.0.1:8000")
    assert result.passed, result
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from probes.attempt import Prepared, make, prepare
from probes.author import Probe
from probes.discover import shown_steps
from probes.frames import Reply, Request
from probes.kinds.script.run import watched
from probes.spec import read
from probes.tools import Timeouts
from probes.words.clock import SystemClock
from probes.words.names import run_id
from probes.words.units import say_duration

Target = str | Mapping[str, Any]
Judges = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it. `steps`, `checks` and `cleanups` are those of the evidence; printing it shows them all."""

    reply: Reply

    @property
    def passed(self) -> bool:
        """True when every hard check held; `failure` is `slow` or a soft check's where it was only degraded."""
        return self.reply.state in ("up", "degraded")

    @property
    def state(self) -> str:
        """up, degraded, down or unknown."""
        return self.reply.state

    @property
    def failure(self) -> str | None:
        """The failure's name, None when all was well."""
        return self.reply.failure

    @property
    def sentence(self) -> str:
        """What went wrong, in a sentence."""
        return self.reply.sentence

    @property
    def steps(self) -> Sequence[Mapping[str, Any]]:
        """The steps, with their requests and checks."""
        return list((self.reply.evidence or {}).get("steps", ()))

    @property
    def checks(self) -> Sequence[Mapping[str, Any]]:
        """The checks of all steps."""
        return [check for step in self.steps for check in step["checks"]]

    @property
    def cleanups(self) -> Sequence[Mapping[str, Any]]:
        """The clean-ups."""
        return list((self.reply.evidence or {}).get("cleanups", ()))

    def __str__(self) -> str:
        lines = [
            f"{self.reply.failure or 'ok'} in {_said(self.reply.took)}"
            + (f": {self.sentence}" if self.sentence else "")
        ]
        for step in self.steps:
            lines.append(f"  {step['name']}: {_said(step['took']) if step['reached'] else 'not reached'}")
            for request in step["requests"]:
                lines.append(
                    f"    {request['method']} {request['url']} → {request['status'] or request.get('failure', '')}"
                )
            lines += [f"    {'✓' if check['ok'] else '✗'} {check['says']}" for check in step["checks"]]
        for each in self.cleanups:
            lines.append(f"  clean up {each['name']}: {each['trouble'] or each['skipped'] or 'ok'}")
        lines += [f"  note: {text}" for text in (self.reply.evidence or {}).get("notes", ())]
        return "\n".join(lines)

    __repr__ = __str__


def run(
    probe: Probe | Mapping[str, Any],
    target: Target,
    *,
    secrets: Mapping[str, str] | None = None,
    judges: Judges | None = None,
    folder: str = "",
) -> Result:
    """Run a probe once, in a loop of its own: one in Python, or a mapping as YAML has it. It never raises for a
    failing target. `judges` are providers by name, as under `providers:`; paths start at `folder`, else where the
    test is run.
    """
    return asyncio.run(attempt(probe, target, secrets=secrets, judges=judges, folder=folder))


async def attempt(
    probe: Probe | Mapping[str, Any],
    target: Target,
    *,
    secrets: Mapping[str, str] | None = None,
    judges: Judges | None = None,
    folder: str = "",
) -> Result:
    """The same as `run`, for a loop that is already running."""
    where = {"url": target} if isinstance(target, str) else dict(target)
    job = {"target": where, "judges": dict(judges or {}), "folder": folder}
    prepared = _prepared(probe, job)
    clock = SystemClock()
    at = clock.now()
    seconds = prepared.spec.total_timeout.total_seconds() if prepared.spec else 30.0
    cleanup = prepared.spec.cleanup if prepared.spec else timedelta(seconds=10)
    request = Request(
        number=1,
        job_id="test",
        run_id=run_id(at, 1),
        attempt=1,
        at=at,
        sent=0,
        timeout=seconds,
        cleanup=cleanup.total_seconds(),
        secrets=dict(secrets or {}),
        keep=True,
    )
    return Result(await make(prepared, request))


def _prepared(probe: Probe | Mapping[str, Any], job: Mapping[str, Any]) -> Prepared:
    if not isinstance(probe, Probe):
        kind = str(probe.get("kind") or read(probe).kind)
        return prepare({**job, "kind": kind, "probe": "probe", "spec": dict(probe)})
    given = {key: value for key, value in probe.options.items() if key not in ("workflow", "name")}
    spec = read({"kind": "script", **given, "file": probe.file, "function": probe.function})
    ready = Prepared(job, spec=spec, run=watched(probe), fallback=probe.name, own=True)
    ready.planned = tuple(shown_steps(probe))
    ready.base = Timeouts(**spec.limits)
    return ready


def _said(micros: int) -> str:
    return say_duration(round(micros, -3) or micros)
