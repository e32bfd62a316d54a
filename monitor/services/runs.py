"""Runs: the newest of a probe, one with its evidence, and which model and prompt answered each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from monitor.engine.versions import LOOSE
from monitor.services.base import probe_named, service, when
from monitor.store.queries.changes import changes, in_force, newest
from monitor.store.queries.history import last_runs
from monitor.store.queries.ledgers import find_ledger, ledgers
from monitor.store.queries.proof import evidence_of
from monitor.store.queries.runs import RunView, read_run
from probes.words.errors import Refused
from probes.words.names import run_key

if TYPE_CHECKING:
    from monitor.app import Keeper

LAST_ATTEMPT = 3_600_000_000  # µs after a run's start by which its last attempt has begun
MOST_CHANGES = 50  # of one window, the newest


def run_of(view: RunView, name: str, versions: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A run as JSON; `versions` are what answered it, as far as that was said."""
    return {
        "id": view.id,
        "probe": name,
        "started": when(view.started),
        "lateness_ms": view.lateness / 1000,
        "took_ms": view.took / 1000,
        "state": str(view.result),
        "first_state": str(view.state),
        "failure": str(view.failure or ""),
        "attempts": view.attempts,
        "phases_ms": [length / 1000 for length in view.phases],
        **({} if versions is None else {"versions": dict(versions)}),
    }


def _versions(session: Session, ledger: int, views: Sequence[RunView]) -> Callable[[int], Mapping[str, str]]:
    """What was in force for the runs of one ledger. Of what a provider answers with in turn, no single run is known."""
    if not views:
        return lambda at: {}
    first, last = views[-1].started, views[0].started
    kept = [*newest(session, [ledger], before=first), *changes(session, [ledger], start=first, end=last + LAST_ATTEMPT)]
    kept = [one for one in kept if one.name not in LOOSE]
    return lambda at: in_force(kept, at)


def changes_of(
    session: Session, numbers: Sequence[int], names: Mapping[int, str], *, window: tuple[int, int]
) -> list[dict[str, Any]]:
    """What changed within a window of what answers these ledgers, oldest first."""
    found = [one for one in changes(session, numbers, start=window[0], end=window[1]) if one.before]
    return [
        {"at": when(one.at), "probe": names.get(one.ledger, ""), "name": one.name, "before": one.before,
         "after": one.after}
        for one in found[-MOST_CHANGES:]
    ]  # fmt: skip


@service()
async def runs(keeper: Keeper, probe: str, limit: int = 20) -> list[dict[str, Any]]:
    """The newest runs of a probe."""
    found = keeper.catalog.probes[probe_named(keeper, probe)]

    def read(session: Session) -> list[dict[str, Any]]:
        number = find_ledger(session, (found.workflow, found.environment, found.name, found.location))
        if number is None:
            return []
        views = last_runs(session, number, limit=max(1, min(limit, 1000)))
        known = _versions(session, number, views)
        return [run_of(view, found.name, known(view.started)) for view in views]

    return await keeper.store.read(read)


@service()
async def run(keeper: Keeper, id: str) -> dict[str, Any]:
    """One run with its evidence."""
    try:
        started, ledger = run_key(id)
    except ValueError:
        raise Refused(f"{id[:40]} is no run id", hint="see: showup runs PROBE") from None

    def read(session: Session) -> dict[str, Any] | None:
        view = read_run(session, started, ledger)
        if view is None:
            return None
        name = next(
            (f"{one.workflow}/{one.environment}/{one.probe}" for one in ledgers(session) if one.id == ledger), ""
        )
        proof = [{"attempt": one.n, **one.body} for one in evidence_of(session, started, ledger)]
        known = _versions(session, ledger, [view])
        return {**run_of(view, name, known(view.started)), "evidence": proof}

    found = await keeper.store.read(read)
    if found is None:
        raise Refused(f"there is no run {id[:40]}", hint="see: showup runs PROBE")
    return found
