"""Maintenance that comes again is laid seven days ahead, and whoever muted something is told what that held back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from alerts import once
from alerts.handoffs import quiet
from alerts.message import Purpose
from alerts.mute import ends
from alerts.oncall import Deliverable
from alerts.outbox import enqueue
from alerts.tables import Mute, Once
from monitor.services.mutes import PLANNED, held_back, lay, summed, take_back
from monitor.store.queries import presence
from probes.words.clock import moment
from probes.words.errors import Refused
from probes.words.text import clean
from probes.words.units import DAY, HOUR

if TYPE_CHECKING:
    from monitor.app import Keeper
    from monitor.config.recurring import Recurring

AHEAD = 7 * DAY
TELLS = HOUR  # µs after its end in which somebody is told of a mute
BY = "the configuration"


async def look(keeper: Keeper) -> None:
    """Lay what is missing, take back what the configuration no longer says, and tell of mutes that ended."""
    if not keeper.engine.pulse.began:
        return
    now = keeper.clock.now()
    changed = await keeper.store.write(lambda session: _lay(keeper, session, now=now))
    if await keeper.store.write(lambda session: _tell(keeper, session, now=now)):
        keeper.dispatcher.wake(set(keeper.channels))
    if changed:
        keeper.changed.set()


def _lay(keeper: Keeper, session: Session, *, now: int) -> int:
    """How many windows were laid or taken back."""
    wanted = {
        _key(plan, place, start): (plan, place, start)
        for plan in keeper.catalog.maintenance.values()
        for place in plan.places
        for start in plan.starts(now - plan.length, now + AHEAD)
        if start + plan.length > now
    }
    changed = _take_back(keeper, session, wanted.keys(), now=now)
    for key, (plan, place, start) in wanted.items():
        if once.claimed(session, key) is not None:
            continue  # laid before; somebody may have ended it since
        workflow, _, environment = place.partition("/")
        given = {"author": BY, "reason": plan.reason, "source": key}
        try:
            lay(keeper, session, (workflow, environment), max(start, now), start + plan.length, now=now, **given)
        except Refused:  # an event covers it; it is laid when that is over, if it is not over itself
            continue
        once.claim(session, key, now=now)
        changed += 1
    return changed


def _key(plan: Recurring, place: str, start: int) -> str:
    """What names one window of a plan: whatever is changed of the plan makes it another one."""
    return f"{plan.name} {place} {start} {plan.length // 1_000_000} {clean(plan.reason, 60)}"


def _take_back(keeper: Keeper, session: Session, wanted: Iterable[str], *, now: int) -> int:
    keep, changed = set(wanted), 0
    for window in presence.windows(session, now, now + AHEAD + DAY):
        if window.source is None or window.source in keep:
            continue
        take_back(keeper, session, window, by=BY, now=now)
        row = session.get(Once, window.source)
        if row is not None:
            session.delete(row)
        changed += 1
    return changed


def _tell(keeper: Keeper, session: Session, *, now: int) -> int:
    """Tell what each mute held back that has ended; how many were told."""
    query = select(Mute).where(col(Mute.closed) > now - TELLS, col(Mute.held) > 0)
    told = 0
    for row in session.exec(query).all():
        found = summed(held_back(session, row))
        if not found or not once.claim(session, f"mute over {row.id}", now=now):
            continue
        what = clean(row.subject, 80) or "every workflow"
        kind = "The maintenance" if row.reason.startswith(PLANNED) else "The mute"
        headline = f"{kind} of {what} is over; held back: {found}"
        text = (
            f"From {moment(row.start):%d %b %H:%M} to {moment(ends(row)):%d %b %H:%M} UTC, by {clean(row.author, 60)}: "
        )
        text += f"{clean(row.reason.removeprefix(PLANNED), 150)}\nSee: showup mutes --past"
        for ways in _whom(keeper, session, row, now):
            key = f"showup-mute.{row.id}"
            enqueue(session, None, ways, purpose=Purpose.INFO, now=now, key=key, headline=headline, text=text)
            told += 1
    return told


def _whom(keeper: Keeper, session: Session, row: Mute, now: int) -> list[list[Deliverable]]:
    """Its author, where that is a person who is known; else where warnings of its workflow go."""
    book, catalog = keeper.catalog.book, keeper.catalog
    author = next((key for key, one in book.people.items() if row.author in (key, one.name)), "")
    ways = quiet(author, book) if author else []
    if ways:
        return [ways]
    workflow = catalog.workflows.get(row.subject.partition("/")[0].removeprefix("provider:"))
    policy = book.policies.get(workflow.policy if workflow is not None else catalog.monitor_policy)
    scene = keeper.desk.climb.scene(session, now=now)
    return [ways for target in (policy.warnings if policy else ()) if (ways := scene.ways(target))]
