"""`showup contract`: the baseline of a contract probe is learned, compared and shown."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.cli.attempts import Bench, opened
from monitor.cli.paper import count, paper, plain, row, table
from monitor.cli.show import as_json as print_json
from monitor.config.contracts import KIND, place_of
from monitor.config.naming import probe_id
from probes.kinds.contract.baseline import Baseline, written
from probes.kinds.contract.baseline import learn as baseline_of
from probes.shape import Known
from probes.words.clock import SystemClock, moment
from probes.words.errors import Refused
from probes.words.units import parse_duration

if TYPE_CHECKING:
    from monitor.config.catalog import Catalog, Probe
    from monitor.config.secrets import Secrets
    from probes.frames import Reply


def run_learn(
    name: str, config: Path | None, *, env: str, samples: int, pause: str, again: bool, as_json: bool
) -> int:
    """Write the baseline: 0 when it stands; raises ConfigError, Refused."""
    catalog, secrets = opened(config)
    probe = _named(catalog, name, env)
    place = place_of(catalog.folder, probe.workflow, probe.name)
    if place.exists() and not again:
        raise Refused(f"there is a baseline at {place}", hint="see showup contract diff, then add --again")
    try:
        between = parse_duration(pause).total_seconds()
    except ValueError as error:
        raise Refused(f"{pause!r} is {error}") from None
    replies = asyncio.run(_ask(catalog, secrets, _learning(probe), samples, between))
    failed = [reply for reply in replies if reply.state not in ("up", "degraded")]
    if failed:
        said = f"{len(failed)} of {len(replies)} runs failed: {failed[0].failure}: {plain(failed[0].sentence)}"
        raise Refused(said, hint="a baseline is learned while all is well")
    seen = [reply.learned[KIND] for reply in replies]
    data = baseline_of(seen, day=f"{moment(SystemClock().wall()):%Y-%m-%d}")
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_suffix(".json.new")
    fresh.write_text(written(data), encoding="utf-8")
    fresh.replace(place)
    paths = sum(len(step["shape"]) for step in data["steps"].values())
    if as_json:
        print_json({"file": str(place), "samples": samples, "paths": paths})
        return 0
    out = paper()
    steps = count(len(data["steps"]), "step")
    out.print(f"{plain(place, 300)}: {count(paths, 'path')} of {steps}, learned from {count(samples, 'sample')}.")
    out.print("Commit it, and have a running showup take it over: showup reload")
    return 0


def _named(catalog: Catalog, name: str, env: str = "") -> Probe:
    probe = catalog.probes[probe_id(name, catalog.probes, environment=env)]
    if probe.kind != KIND:
        raise Refused(f"{probe.id} is no contract probe", hint="write kind: contract in it")
    return probe


def _no_baseline(probe: Probe) -> Refused:
    """Why there is none, and what to run."""
    trouble = str(probe.job.get(KIND, {}).get("trouble") or "")
    run = f"run showup contract learn {probe.name}" + (" --again" if trouble else "")
    return Refused(trouble or f"{probe.id} has no baseline yet", hint=run)


def _learning(probe: Probe) -> Probe:
    job = {**probe.job, KIND: {"learning": True}}
    return replace(probe, job=job, job_id=blake2b(f"{probe.job_id} learning".encode(), digest_size=12).hexdigest())


async def _ask(catalog: Catalog, secrets: Secrets, probe: Probe, times: int, between: float) -> list[Reply]:
    found: list[Reply] = []
    async with Bench(catalog, secrets) as bench:
        for number in range(times):
            if number:
                await asyncio.sleep(between)
            found.append(await bench.attempt(probe))
            word = "passed" if found[-1].failure is None else f"{found[-1].failure}: {plain(found[-1].sentence, 100)}"
            print(f"{probe.id} {number + 1}/{times} {word}", file=sys.stderr, flush=True)
            if found[-1].state not in ("up", "degraded"):
                break
    return found


def run_diff(name: str, config: Path | None, *, env: str, as_json: bool) -> int:
    """Say what differs now: 0 when nothing breaks, 1 when something does; raises ConfigError, Refused."""
    catalog, secrets = opened(config)
    probe = _named(catalog, name, env)
    if "baseline" not in probe.job.get(KIND, {}):
        raise _no_baseline(probe)
    [reply] = asyncio.run(_ask(catalog, secrets, probe, 1, 0))
    if as_json:
        found = {"state": reply.state, "failure": reply.failure, "sentence": reply.sentence, "checks": _checks(reply)}
        print_json({**found, "now": reply.versions.get(KIND, "")})
    else:
        _draw_diff(reply)
    return 0 if reply.state in ("up", "degraded") else 1


def _checks(reply: Reply) -> list[dict[str, Any]]:
    steps = (reply.evidence or {}).get("steps", [])
    return [check for step in steps for check in step["checks"] if check["name"] == KIND and not check["ok"]]


def _draw_diff(reply: Reply) -> None:
    out = paper()
    for check in _checks(reply):
        out.print(f"{'warning' if check['soft'] else 'BREAKING'}: {plain(check['actual'])}", soft_wrap=True)
    for line in (reply.evidence or {}).get("notes", []):
        out.print(f"news: {plain(line)}", soft_wrap=True)
    if reply.failure and not _checks(reply):
        out.print(f"{reply.failure}: {plain(reply.sentence)}", soft_wrap=True)
    if not reply.failure and not (reply.evidence or {}).get("notes"):
        out.print(f"Nothing differs: {plain(reply.versions.get(KIND, ''))}.")


def run_show(name: str, config: Path | None, *, as_json: bool) -> int:
    """Show the baseline; raises ConfigError, Refused."""
    catalog, _ = opened(config)
    probe = _named(catalog, name)
    given: Mapping[str, Any] = probe.job.get(KIND, {})
    if "baseline" not in given:
        raise _no_baseline(probe)
    if as_json:
        print_json(given["baseline"])
        return 0
    baseline, out = Baseline.load(given["baseline"]), paper()
    out.print(f"{plain(probe.id)}, learned on {plain(baseline.learned)} from {count(baseline.samples, 'sample')}.")
    for step, known in baseline.steps.items():
        status = " or ".join(map(str, sorted(known.status)))
        more = [f"{word} {', '.join(part)}" for word, part in (("headers", sorted(known.headers)),
                                                             ("redirects", known.hops)) if part]  # fmt: skip
        out.print(f"\n{plain(step)}: {'; '.join([status, plain(known.type) or 'no content type', *more])}")
        made = table("path", "is", "there")
        for path, line in known.shape.items():
            row(made, path, " or ".join(sorted(line.types)) + _values(line), _often(path, line))
        out.print(made)
    return 0


def _values(line: Known) -> str:
    return f": {', '.join(sorted(line.values))}" if line.values else ""


def _often(path: str, line: Known) -> str:
    if path.endswith(("[]", "{}")) or path == "$":
        return ""
    return "always" if line.is_required else f"{line.there} of {line.objects}"
