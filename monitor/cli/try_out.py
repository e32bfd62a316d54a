"""`showup test` and `showup preflight`: probes tried now, by hand, with the answer on the screen."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.cli import waterfall
from monitor.cli.attempts import Bench, opened
from monitor.cli.paper import count, paper, plain, row, table, took
from monitor.cli.scored import wanted_of
from monitor.config.naming import probe_id, probes_of
from monitor.engine.preflight import PASSING, Tried
from probes.words.errors import Refused
from probes.words.units import micros_of

if TYPE_CHECKING:
    from monitor.config.catalog import Catalog, Probe
    from monitor.config.secrets import Secrets
    from probes.frames import Reply

AT_ONCE = 4  # probes tried beside each other in a preflight


def run_test(probe: str, config: Path | None, *, env: str, as_json: bool, cases: str = "") -> int:
    """Run a probe once and draw it: 0 when it passed, if degraded, 1 when it did not; raises ConfigError, Refused."""
    catalog, secrets = opened(config)
    found = catalog.probes[probe_id(probe, catalog.probes, environment=env)]
    if found.heartbeat is not None:
        hint = "send it a word: showup heartbeat run, or the address in showup heartbeat list"
        raise Refused(f"{found.name} is a job that reports by itself, nothing can be run here", hint=hint)
    reply = asyncio.run(_once(catalog, secrets, found, wanted_of(found, cases)))
    if as_json:
        from monitor.cli.show import as_json as print_json

        print_json({"probe": found.id, **asdict(reply)})
    else:
        draw_reply(reply, found, catalog)
    return 0 if reply.state in PASSING else 1


async def _once(catalog: Catalog, secrets: Secrets, probe: Probe, cases: int) -> Reply:
    async with Bench(catalog, secrets, cases=cases) as bench:
        return await bench.attempt(probe)


def draw_reply(reply: Reply, probe: Probe, catalog: Catalog) -> None:
    """The waterfall of an attempt that was made by hand."""
    runbook = catalog.workflows[probe.workflow].runbook
    last = "nothing was recorded" + (f" · runbook: {runbook}" if runbook else "")
    out = paper()
    shown = waterfall.of_reply(reply, probe.id, limit=micros_of(probe.timeout), last=last, partner=probe.partner)
    for line in waterfall.draw(shown):
        out.print(line, soft_wrap=True)


def run_preflight(workflows: Sequence[str], config: Path | None, *, times: int, env: str, as_json: bool) -> int:
    """Run every probe of these workflows `times` over: 0 is go, 1 no-go; raises ConfigError, Refused."""
    catalog, secrets = opened(config)
    names = [one for name in workflows for one in probes_of(name, catalog.probes, environment=env)]
    probes = [catalog.probes[name] for name in dict.fromkeys(names)]
    chosen = [one for one in probes if one.enabled and one.heartbeat is None]
    tried = asyncio.run(_all(catalog, secrets, chosen, times=times))
    go = bool(tried) and all(one.go for one in tried)
    if as_json:
        from monitor.cli.show import as_json as print_json

        print_json({"go": go, "probes": [{**asdict(one), "go": one.go} for one in tried]})
    else:
        _draw(tried, go=go)
    return 0 if go else 1


async def _all(catalog: Catalog, secrets: Secrets, probes: Sequence[Probe], *, times: int) -> list[Tried]:
    places = asyncio.Semaphore(AT_ONCE)
    async with Bench(catalog, secrets) as bench:
        return await asyncio.gather(*(_tried(bench, probe, times, places) for probe in probes))


async def _tried(bench: Bench, probe: Probe, times: int, places: asyncio.Semaphore) -> Tried:
    """One probe's runs, one after another, as they would be scheduled."""
    found = Tried(probe.id)
    async with places:
        for number in range(times):
            reply = await bench.attempt(probe)
            found.count(reply.state, str(reply.failure or ""), plain(reply.sentence, 200), took=reply.took)
            _progress(probe, number + 1, times, reply)
    return found


def _progress(probe: Probe, number: int, times: int, reply: Reply) -> None:
    word = "passed" if reply.state == "up" else (reply.failure or reply.state)
    print(f"{probe.id} {number}/{times} {plain(word, 40)} {took(reply.took)}", file=sys.stderr, flush=True)


def _draw(tried: Sequence[Tried], *, go: bool) -> None:
    out = paper()
    made = table("", "probe", "passed", "slowest", "why", right=(2, 3), wide=4)
    for one in tried:
        word = "go" if one.go else "NO-GO"
        row(made, word, one.probe, f"{one.passed}/{one.made}", took(one.slowest), one.why or one.soft)
    out.print(made)
    bad: list[Any] = [one for one in tried if not one.go]
    if go:
        out.print(f"GO: {count(len(tried), 'probe')} passed every run.")
    elif not tried:
        out.print("NO-GO: none of the probes is enabled.")
    else:
        out.print(f"NO-GO: {len(bad)} of {count(len(tried), 'probe')} did not pass every run.")
