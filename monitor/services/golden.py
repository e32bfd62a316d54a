"""Golden sets: how accurate answers are, how sure that is, which cases and fields go wrong; and a set's baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from monitor.config.accuracy import Golden
from monitor.config.catalog import Probe
from monitor.engine.golden import Standing, asked_of, read_back, stood
from monitor.engine.scoring import Asked, confusions, now_right, trimmed, worst_fields
from monitor.services.base import probe_named, service, when
from monitor.store.queries.history import last_runs
from monitor.store.queries.ledgers import find_ledger
from monitor.store.queries.scores import accuracy_by_day, last_scores
from probes.kinds.golden.spec import say_window
from probes.words.errors import Refused
from probes.words.outcome import State
from probes.words.units import DAY

if TYPE_CHECKING:
    from monitor.app import Keeper

DAYS = 7  # of which the accuracy is listed
SHOWN = 2_000  # scores that are read for the history of cases
HISTORY = 20  # newest answers of a case


@service()
async def golden(keeper: Keeper, probe: str = "") -> Any:
    """Every golden set with its accuracy, or one with its cases."""
    now = keeper.clock.now()
    if probe:
        found = _named(keeper, probe)
        standing = _standing(keeper, found, now)
        return await keeper.store.read(lambda session: _whole(session, found, standing, now))
    sets = [one for one in keeper.catalog.probes.values() if one.golden is not None]
    known = [(one, _standing(keeper, one, now)) for one in sets]
    return await keeper.store.read(lambda session: [_summary(session, one, standing, now) for one, standing in known])


@service()
async def golden_verdicts(keeper: Keeper, probe: str) -> dict[str, Any]:
    """What each case of a set is now, as a baseline keeps it."""
    found, now = _named(keeper, probe), keeper.clock.now()
    cases = await keeper.store.read(lambda session: now_right(_newest(session, found, now)))
    rules = found.golden
    assert rules is not None  # noqa: S101 - `_named` sees to it
    missing = [name for name in rules.cases if name not in cases]
    return {"probe": found.id, "at": when(now), "file": rules.baseline_file, "cases": cases, "missing": missing}


def _named(keeper: Keeper, probe: str) -> Probe:
    found = keeper.catalog.probes[probe_named(keeper, probe)]
    if found.golden is None:
        raise Refused(f"{found.id} is no golden set", hint="see: showup golden")
    return found


def _standing(keeper: Keeper, probe: Probe, now: int) -> Standing | None:
    """What the engine knows of a set that it follows: to read it back takes a second of the store's time."""
    track = keeper.engine.tracks.get(probe.id)
    if track is None or probe.golden is None or track.answers.said is None:
        return None
    return replace(track.answers, window=trimmed(probe.golden, track.answers.window, now=now))


def _ledger(session: Session, probe: Probe) -> int | None:
    return find_ledger(session, (probe.workflow, probe.environment, probe.name, probe.location))


def _newest(session: Session, probe: Probe, now: int) -> list[Asked]:
    """The newest scores of cases that are still worded so."""
    ledger, rules = _ledger(session, probe), probe.golden
    if ledger is None or rules is None:
        return []
    views = last_scores(session, ledger, limit=SHOWN)
    return [one for one in map(asked_of, views) if rules.cases.get(one.case) == one.mark]


def _summary(session: Session, probe: Probe, standing: Standing | None, now: int) -> dict[str, Any]:
    rules = probe.golden or Golden(1.0, 0.0, 1, 1, {})
    ledger = _ledger(session, probe)
    found: dict[str, Any] = {
        "probe": probe.id,
        "target": rules.target,
        "floor": rules.floor,
        "needed": rules.minimum,
        "cases": len(rules.cases),
        "per_run": rules.per_run,
        "window": say_window(rules.window_cases) if rules.window_cases else _length(rules.window),
        "baseline": rules.baseline_file if rules.baseline else "",
        "state": "unknown",
        "right": 0,
        "of": 0,
        "accuracy": None,
        "days": [],
    }
    if ledger is None:
        return found
    standing = standing or _read_back(session, rules, ledger, now)
    judged = standing.said
    if judged is not None:
        bounds = judged.interval
        found |= {"state": str(judged.state), "right": judged.right, "of": judged.of, "says": judged.sentence}
        found |= {"accuracy": judged.right / judged.of if judged.of else None, "low": bounds.low, "high": bounds.high}
        found |= {"regressed": list(judged.flips.regressed), "improved": list(judged.flips.improved)}
        found["chance"] = judged.flips.chance if rules.baseline else None
    cases = standing.window.cases
    newest = next(iter(last_runs(session, ledger, limit=1)), None)
    if newest is not None and newest.result is State.DOWN and not (cases and cases[-1].at >= newest.started):
        found |= {"state": str(State.DOWN), "silent": str(newest.failure or "")}  # nothing answered: the run speaks
    found["since"] = when(cases[0].at) if cases else None
    found["last"] = when(cases[-1].at) if cases else None
    found["fields"] = [{"field": name, "wrong": bad, "of": of} for name, bad, of in worst_fields(cases)]
    found["confusions"] = [{"expected": one, "got": other, "times": n} for one, other, n in confusions(cases)]
    days = accuracy_by_day(session, ledger, since=(now // DAY - DAYS + 1) * DAY, day=DAY)
    found["days"] = [{"day": (when(day * DAY) or "")[:10], "right": right, "of": of} for day, right, of in days]
    return found


def _read_back(session: Session, rules: Golden, ledger: int, now: int) -> Standing:
    standing, said = read_back(session, rules, ledger, now=now)
    recorded = next((run.result for run in last_runs(session, ledger, limit=20) if run.started in said), State.UNKNOWN)
    stood(rules, standing, recorded)
    return standing


def _length(micros: int) -> str:
    from datetime import timedelta

    return say_window(timedelta(microseconds=micros))


def _whole(session: Session, probe: Probe, standing: Standing | None, now: int) -> dict[str, Any]:
    rules = probe.golden
    by_case: dict[str, list[Asked]] = {}
    for one in _newest(session, probe, now):
        by_case.setdefault(one.case, []).append(one)
    names = sorted(rules.cases) if rules else []
    cases = [_case(name, by_case.get(name, [])) for name in names]
    labels = list(rules.labels) if rules else []
    return {**_summary(session, probe, standing, now), "labels": labels, "each": cases}


def _case(name: str, asked: Sequence[Asked]) -> dict[str, Any]:
    """A case with its newest answers, oldest first: 1 right, 0 wrong, ? not scored."""
    newest = asked[-HISTORY:]
    wrong = next((one for one in reversed(asked) if one.right is False), None)
    found: dict[str, Any] = {
        "case": name,
        "history": "".join("?" if one.right is None else "1" if one.right else "0" for one in newest),
        "right": sum(one.right is True for one in asked),
        "of": sum(one.right is not None for one in asked),
        "now": now_right(asked).get(name),
        "last": when(asked[-1].at) if asked else None,
    }
    if wrong is not None:
        found["wrong"] = {
            "at": when(wrong.at),
            "expected": wrong.expected,
            "got": wrong.got,
            "failure": wrong.failure,
            "fields": [field for field, held in wrong.fields.items() if not held],
        }
    return found
