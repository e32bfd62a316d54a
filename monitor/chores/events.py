"""Event windows: the engine is told who is in one, and each is tried an hour and ten minutes before it begins."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

import structlog
from sqlmodel import Session, col, select

from alerts import once
from alerts.handoffs import quiet
from alerts.message import Purpose
from alerts.oncall import reach
from alerts.outbox import enqueue
from alerts.tables import Occasion
from monitor.engine.preflight import Tried
from monitor.services.events import attend, hastened
from probes.words.clock import moment
from probes.words.errors import StoreError
from probes.words.text import clean
from probes.words.units import HOUR, MINUTE

if TYPE_CHECKING:
    from monitor.app import Keeper
    from monitor.config.catalog import Probe

log = structlog.get_logger("showup.events")

BEFORE = {"an hour": HOUR, "ten minutes": 10 * MINUTE}  # µs before an event at which it is tried
TIMES = 3  # runs of each probe
AT_ONCE = 4
WAITS = 30.0  # seconds that a try waits for a run of the same probe that is under way
LOOKS = 0.05  # seconds between two looks for that
UNDER_WAY = "preflights"


async def look(keeper: Keeper) -> None:
    """Attend to what lasts now; begin what is due to be tried."""
    if not keeper.engine.pulse.began:
        return
    await attend(keeper)
    now, tasks = keeper.clock.now(), keeper.notes.setdefault(UNDER_WAY, {})
    for number, name in await keeper.store.read(lambda session: due(session, now=now)):
        key = f"preflight {number} {name}"
        if key not in tasks or tasks[key].done():
            # beside the chore: runs may take longer than a look; told is claimed at its end, so a restart tries again
            tasks[key] = asyncio.get_running_loop().create_task(_guarded(keeper, number, name))


def due(session: Session, *, now: int) -> list[tuple[int, str]]:
    """The tries that are due: each event's newest that has come and was not told yet, until it begins."""
    query = select(Occasion).where(
        col(Occasion.start) > now, col(Occasion.start) <= now + HOUR, col(Occasion.lifted).is_(None)
    )
    found = []
    for row in session.exec(query).all():
        name = next(name for name, early in reversed(BEFORE.items()) if row.start - now <= early)
        if once.claimed(session, f"preflight {row.id} {name}") is None:
            found.append((row.id or 0, name))
    return found


async def _guarded(keeper: Keeper, number: int, name: str) -> None:
    try:
        await preflight(keeper, number, name)
    except StoreError as error:
        log.warning("a preflight could not be kept", event=number, reason=str(error))
    except Exception as bug:  # the outermost frame of a task: the next look tries again
        log.error("a preflight failed", event=number, reason=f"{type(bug).__name__}: {bug}"[:300])


async def preflight(keeper: Keeper, number: int, name: str) -> None:
    """Try every probe of an event three times, on the record, and tell GO or NO-GO."""
    row = await keeper.store.read(lambda session: session.get_one(Occasion, number).model_copy())
    places = asyncio.Semaphore(AT_ONCE)
    tried = await asyncio.gather(*(_try(keeper, one, places) for one in hastened(keeper, row.workflows)))
    if await keeper.store.write(lambda session: tell(keeper, session, number, name, tried)):
        keeper.dispatcher.wake(set(keeper.channels))


async def _try(keeper: Keeper, probe: Probe, places: asyncio.Semaphore) -> Tried:
    found, engine = Tried(probe.id), keeper.engine
    async with places:
        for _ in range(TIMES):
            track = engine.tracks.get(probe.id)
            if track is None or not await _rests(keeper, probe.id):
                found.count("unknown", "skipped", "no run of it could be made", took=0)
                continue
            before = track.last
            await engine.run_now(probe.id)
            last = track.last
            if last is None or last is before:
                found.count("unknown", "skipped", "no run of it could be made", took=0)
            else:
                found.count(str(last.state), last.failure, clean(last.sentence, 200), took=last.took)
    return found


async def _rests(keeper: Keeper, name: str) -> bool:
    """Wait for the run under way; False when it does not end."""
    for _ in range(round(WAITS / LOOKS)):
        track = keeper.engine.tracks.get(name)
        if track is None or not track.running:
            return track is not None
        await asyncio.sleep(LOOKS)
    return False


def tell(keeper: Keeper, session: Session, number: int, name: str, tried: list[Tried]) -> bool:
    """Keep what came of a preflight, and tell the presenter and the policy's channel once; False when it was told."""
    now, row = keeper.clock.now(), session.get_one(Occasion, number)
    if row.lifted is not None or not once.claim(session, f"preflight {number} {name}", now=now):
        return False
    go = bool(tried) and all(one.go for one in tried)
    row.go, row.checked = go, now
    row.report = {**(row.report or {}), name: {"go": go, "at": now, "probes": [asdict(one) for one in tried]}}
    session.add(row)
    headline, text = said(row, tried, go=go, now=now)
    book, scene = keeper.catalog.book, keeper.desk.climb.scene(session, now=now)
    person = book.people.get(row.tell)
    ways = [] if person is None else quiet(row.tell, book) if go else reach(person, book=book)
    lanes = {row.tell: ways}
    for workflow in {place.partition("/")[0] for place in row.workflows}:
        known = keeper.catalog.workflows.get(workflow)
        policy = book.policies.get(known.policy) if known is not None else None
        lanes |= {target: scene.ways(target) for target in (policy.warnings if policy else ()) if target not in lanes}
    for target, way in lanes.items():
        if way:
            key = f"showup-event.{number}.{name.replace(' ', '-')}.{target}"
            enqueue(session, None, way, purpose=Purpose.INFO, now=now, key=key, headline=headline, text=text)
    return True


def said(row: Occasion, tried: list[Tried], *, go: bool, now: int) -> tuple[str, str]:
    """(headline, text) of what a preflight found."""
    title = row.title or ", ".join(row.workflows)
    minutes = max(1, round((row.start - now) / MINUTE))
    headline = f"{'GO' if go else 'NO-GO'}: {clean(title, 80)} begins in {minutes} min"
    bad = [one for one in tried if not one.go]
    lines = [f"{one.probe}: {one.passed} of {one.made} runs passed. {clean(one.why, 160)}" for one in bad[:8]]
    if go:
        runs = sum(one.made for one in tried)
        lines = [f"All {runs} runs of {len(tried)} {'probe' if len(tried) == 1 else 'probes'} passed."]
        lines += [f"But {one.probe}: {clean(one.soft, 160)}" for one in tried if one.soft][:8]
    elif not tried:
        lines = ["None of its probes could be run."]
    if row.plan_b and not go:
        lines.append(f"Plan B: {clean(row.plan_b, 500)}")
    return headline, "\n".join([*lines, f"It begins at {moment(row.start):%Y-%m-%d %H:%M} UTC."])
