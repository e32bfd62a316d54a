"""Which ledgers there are, under which names, and from when until when they count for their workflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlmodel import Session

from monitor.store.queries.ground import LEDGER, MEMBERSHIP, rows, run
from monitor.store.tables import LEDGERS
from probes.words.errors import StoreError

Key = tuple[str, str, str, str]  # (workflow, environment, probe, location)


@dataclass(frozen=True, slots=True)
class LedgerView:
    """One ledger: its number, what it is about, and since when (µs, None before its first run)."""

    id: int
    workflow: str
    environment: str
    probe: str
    location: str
    since: int | None

    @property
    def key(self) -> Key:
        """(workflow, environment, probe, location)."""
        return self.workflow, self.environment, self.probe, self.location


@dataclass(frozen=True, slots=True)
class MemberView:
    """A ledger counted for its workflow from `since` until `until` (µs, None is still), as "down" or "degraded"."""

    ledger: int
    since: int
    until: int | None
    affects: str


def ledgers(session: Session) -> list[LedgerView]:
    """Every ledger there ever was, in the order of their numbers."""
    columns = (LEDGER.c.id, LEDGER.c.workflow, LEDGER.c.environment, LEDGER.c.probe, LEDGER.c.location, LEDGER.c.since)
    return [LedgerView(*found) for found in rows(session, select(*columns).order_by(LEDGER.c.id))]


def find_ledger(session: Session, key: Key) -> int | None:
    """The number of the ledger (workflow, environment, probe, location), or None."""
    names = (LEDGER.c.workflow, LEDGER.c.environment, LEDGER.c.probe, LEDGER.c.location)
    asked = select(LEDGER.c.id).where(*(column == name for column, name in zip(names, key, strict=True)))
    return next((int(found[0]) for found in rows(session, asked)), None)


def resolve_ledger(session: Session, key: Key, *, now: int, was: str | None = None) -> int:
    """The number of the ledger (workflow, environment, probe, location), made when it is new.

    `was` is the probe's former name: as long as only that one has a ledger, it is renamed and its history carried over.
    Raises StoreError when all numbers are used up.
    """
    return resolve_ledgers(session, {key: was}, now=now)[key]


def resolve_ledgers(session: Session, wanted: Mapping[Key, str | None], *, now: int) -> dict[Key, int]:
    """The same for many at once: `wanted` gives each key its former name, or None."""
    known = {ledger.key: ledger.id for ledger in ledgers(session)}
    new, found = [], {}
    last = max(known.values(), default=0)
    for key, was in wanted.items():
        workflow, environment, probe, location = key
        former = known.get((workflow, environment, was, location)) if was is not None else None
        if key in known:
            found[key] = known[key]
        elif former is not None:
            run(session, LEDGER.update().where(LEDGER.c.id == former).values(probe=probe))
            found[key] = former
        else:
            last += 1
            found[key] = last
            named = {"workflow": workflow, "environment": environment, "probe": probe, "location": location}
            new.append({"id": last, "created": now, "since": None, **named})
    if new and last >= LEDGERS:
        raise StoreError(f"there are no ledger numbers left: {LEDGERS - 1} are in use")
    if new:
        run(session, LEDGER.insert(), new)
    return found


def begin_ledger(session: Session, ledger: int, *, at: int) -> int:
    """Note its first scheduled run, from which its windows begin; returns the one that counts, an earlier one
    staying."""
    begin_ledgers(session, {ledger: at})
    return int(rows(session, select(LEDGER.c.since).where(LEDGER.c.id == ledger))[0][0])


def begin_ledgers(session: Session, firsts: Mapping[int, int]) -> None:
    """The same for many: each ledger's first run (µs)."""
    begun = LEDGER.update().where(LEDGER.c.id == bindparam("number"), LEDGER.c.since.is_(None))
    named = [{"number": ledger, "first": at} for ledger, at in firsts.items()]
    run(session, begun.values(since=bindparam("first")), named)


def memberships(session: Session, ledgers: Sequence[int] | None = None) -> list[MemberView]:
    """Every membership of these ledgers (of all, for None), by ledger and beginning."""
    columns = (MEMBERSHIP.c.ledger, MEMBERSHIP.c.since, MEMBERSHIP.c.until, MEMBERSHIP.c.affects)
    asked = select(*columns).order_by(MEMBERSHIP.c.ledger, MEMBERSHIP.c.since)
    if ledgers is not None:
        asked = asked.where(MEMBERSHIP.c.ledger.in_(ledgers))
    return [MemberView(*found) for found in rows(session, asked)]


def set_memberships(session: Session, wanted: Mapping[int, str], *, now: int) -> int:
    """Make `wanted` (ledger to "down" or "degraded") what counts from `now` on; what counted before stays as it was.

    Returns how many began or ended.
    """
    current = {member.ledger: member for member in memberships(session) if member.until is None}
    ending = [member for ledger, member in current.items() if wanted.get(ledger) != member.affects]
    beginning = {
        ledger: affects for ledger, affects in wanted.items() if ledger not in current or current[ledger] in ending
    }
    for member in ending:
        which = (MEMBERSHIP.c.ledger == member.ledger, MEMBERSHIP.c.since == member.since)
        if member.since >= now:  # it never counted for any time
            run(session, MEMBERSHIP.delete().where(*which))
        else:
            run(session, MEMBERSHIP.update().where(*which).values(until=now))
    if beginning:
        named = [{"ledger": ledger, "since": now, "until": None, "affects": word} for ledger, word in beginning.items()]
        run(session, MEMBERSHIP.insert(), named)
    return len(ending) + len(beginning)
