"""What can be done: answer, take over, announce, pause, test, publish, reload, run, copy."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from datetime import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from alerts.acks import LONGEST_SNOOZE
from alerts.message import Reaction
from alerts.oncall import reach
from alerts.tables import Notification
from monitor.services.base import length_of, moment_of, place_named, probe_named, service, when
from monitor.store.queries import presence
from monitor.store.queries.ledgers import LedgerView, ledgers, memberships
from monitor.store.queries.notes import read_note, remember
from probes.words.errors import Refused
from probes.words.names import nearest
from probes.words.outcome import State
from probes.words.text import clean
from probes.words.units import MINUTE, SECOND

if TYPE_CHECKING:
    from monitor.app import Keeper
    from monitor.status.history import Place

LONGEST_NAME, LONGEST_REASON = 80, 300  # characters of what is shown with a correction
NOBODY_NAMED = "the operator"  # who corrects, without a name: a login is nothing for a public page


async def _react(
    keeper: Keeper, action: str, id: str, by: str, via: str, said: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    if not id:
        views = await keeper.store.read(lambda session: keeper.desk.views(session, now=keeper.clock.now()))
        candidates = [view for view in views if view.state == "triggered" or action == "resolve"]
        candidates = candidates or views  # what is answered already is answered again
        if not candidates:
            raise Refused("no incident is open", hint="see those that are over: showup incidents")
        if len(candidates) > 1:
            raise Refused("say which incident", hint=f"open: {', '.join(view.public_id for view in candidates)}")
        id = candidates[0].public_id
    answer = await keeper.react(Reaction(action=action, incident=id, by=by or "somebody", via=via, said=said))
    return {"accepted": answer.accepted, "text": answer.text}


@service(acts=True)
async def ack(
    keeper: Keeper, id: str = "", by: str = "", length: str = "", until: str = "", via: str = "the command line"
) -> dict[str, Any]:
    """Acknowledge an incident for as long as its policy says, or snooze it for a `length` or `until` a time of day;
    without an id the only open one."""
    if not length and not until:
        return await _react(keeper, "ack", id, by, via)
    if length and until:
        raise Refused("say either how long or until when")
    if length and not MINUTE <= length_of(length) <= LONGEST_SNOOZE:
        raise Refused("a snooze lasts from 1m to 24h", hint="for longer: showup mute")
    if until:
        try:
            time.fromisoformat(until)
        except ValueError:
            raise Refused(f"{until[:40]!r} is no time of day", hint="write 07:30") from None
    return await _react(keeper, "snooze", id, by, via, {"for": length} if length else {"until": until})


@service(acts=True)
async def resolve(keeper: Keeper, id: str = "", by: str = "", via: str = "the command line") -> dict[str, Any]:
    """Resolve an incident; while it still fails this counts as an acknowledgement."""
    return await _react(keeper, "resolve", id, by, via)


@service(acts=True)
async def correct(
    keeper: Keeper, workflow: str, start: str, end: str, counts_as: str, reason: str, probe: str = "", by: str = ""
) -> dict[str, Any]:
    """Say what a time that is over was: figures are read with it and show it, what was observed stays as it is."""
    place, now, zone = place_named(keeper, workflow), keeper.clock.now(), keeper.catalog.site.timezone
    begins, ends = moment_of(start, zone, now=now), moment_of(end, zone, now=now)
    state = _state_named(counts_as)
    author, why = clean(by, LONGEST_NAME) or NOBODY_NAMED, clean(reason, LONGEST_REASON)
    presence.check_correction(start=begins, end=ends, author=author, reason=why, now=now)

    def write(session: Session) -> list[str]:
        found = _watched(session, place, probe, start=begins, end=ends)
        for one in found:
            presence.add_correction(session, one.id, state, start=begins, end=ends, author=author, reason=why, now=now)
        return [one.probe for one in found]

    probes = await keeper.store.write(write)
    keeper.changed.set()
    said = {"workflow": "/".join(place), "probes": probes, "from": when(begins), "until": when(ends)}
    return {**said, "state": str(state), "reason": why, "author": author}


def _state_named(name: str) -> State:
    if name in list(State):
        return State(name)
    near = nearest(name, State)
    raise Refused(
        f"there is no state {name[:40]}", hint=f"did you mean {near}?" if near else f"write one of {', '.join(State)}"
    )


def _watched(session: Session, place: Place, probe: str, *, start: int, end: int) -> list[LedgerView]:
    """The ledgers of a workflow, or of one of its probes, that counted in [start, end); raises Refused."""
    known, name = [one for one in ledgers(session) if (one.workflow, one.environment) == place], "/".join(place)[:200]
    if probe and probe not in {one.probe for one in known}:
        near = nearest(probe, [one.probe for one in known])
        raise Refused(
            f"{name} never had a probe {probe[:80]}",
            hint=f"did you mean {near}?" if near else f"see: showup explain {name}",
        )
    begun = {one.id: one.since for one in known if one.since is not None and probe in ("", one.probe)}
    if not begun:
        raise Refused(f"{name} has not run yet", hint="there is nothing to correct")
    first = min(begun.values()) // SECOND * SECOND  # as it is shown, to the second
    if start < first:
        raise Refused("a correction cannot begin before the first run", hint=f"that was at {when(first)}")
    counted = {
        term.ledger
        for term in memberships(session, list(begun))
        if max(term.since, begun[term.ledger]) < end and (term.until is None or term.until > start)
    }
    if not counted:
        raise Refused("no probe counted at that time", hint=f"see: showup explain {name}")
    return [one for one in known if one.id in counted]


@service(acts=True)
async def pause(keeper: Keeper, probe: str, resume: bool = False) -> dict[str, Any]:
    """Stop or resume a probe's runs, or all of a workflow's; what is paused is unknown meanwhile."""
    catalog = keeper.catalog
    if not keeper.engine.pulse.began:
        raise Refused("the daemon does not run, so there is nothing to pause", hint="start it: showup run")
    names = [one.id for one in catalog.probes.values() if one.workflow == probe or one.subject == probe]
    names = names or [probe_named(keeper, probe)]
    found = await keeper.engine.pause(names, paused=not resume)
    return {"paused": sorted(found)}


@service(acts=True)
async def notify(keeper: Keeper, person: str, seconds: float = 30.0) -> list[dict[str, Any]]:
    """Send a test on each of a person's channels and wait for each receipt."""
    book, now = keeper.catalog.book, keeper.clock.now()
    if person not in book.people:
        near = nearest(person, book.people)
        raise Refused(
            f"there is no person {person}", hint=f"did you mean {near}?" if near else "see people: in the configuration"
        )
    ways = reach(book.people[person], book=book)
    if not ways:
        raise Refused(f"{book.people[person].name} has no channel", hint='add phone: ["ntfy:${secret:NAME}"]')
    numbers = await keeper.store.write(lambda session: keeper.desk.test_message(session, ways, now=now))
    running = keeper.engine.pulse.began > 0
    keeper.dispatcher.wake({way.channel for way in ways})
    end = keeper.clock.mono() + seconds
    while True:
        if not running:
            for way in ways:
                await keeper.dispatcher.sweep(way.channel, wait=True)
        rows = await keeper.store.read(lambda session: [_told(session, number) for number in numbers])
        settled = all(row["state"] != "sending" and (row["state"] != "pending" or row["tries"]) for row in rows)
        if settled or keeper.clock.mono() > end:
            break
        await asyncio.sleep(0.1)
    if all(row["state"] == "delivered" for row in rows):

        def keep(session: Session) -> None:
            tests = {**(read_note(session, "phone tests") or {}), person: when(keeper.clock.now())}
            remember(session, "phone tests", tests, now=keeper.clock.now())

        await keeper.store.write(keep)
    return rows


def _told(session: Session, number: int) -> dict[str, Any]:
    row = session.get(Notification, number)
    if row is None:
        return {"channel": "", "state": "gone", "tries": 1}
    took = (row.delivered_at - row.created) / SECOND if row.delivered_at else None
    receipt: Mapping[str, Any] = row.receipt or {}
    return {
        "channel": row.channel,
        "to": row.target,
        "state": row.state,
        "seconds": took,
        "receipt": str(receipt.get("id", "")),
        "error": row.error,
        "tries": row.tries,
    }


@service(acts=True)
async def publish(keeper: Keeper) -> dict[str, Any]:
    """Make the pages now and put them where they are published."""
    from monitor.status.publisher import publish as put

    return await put(keeper)


@service(acts=True)
async def reload(keeper: Keeper) -> dict[str, Any]:
    """Read the configuration again."""
    trouble = await keeper.reload()
    return {"taken": not trouble, "trouble": trouble}


@service(acts=True)
async def run_now(keeper: Keeper, probe: str) -> dict[str, Any]:
    """Run a scheduled probe at once, for the record."""
    name = probe_named(keeper, probe)
    if keeper.catalog.probes[name].heartbeat is not None:
        raise Refused(f"{name} is a job that reports by itself", hint="see: showup heartbeat list")
    await keeper.engine.run_now(name)
    await keeper.store.flush()
    return {"probe": name, "last": asdict(last) if (last := keeper.engine.tracks[name].last) else None}


@service(acts=True)
async def backup(keeper: Keeper, kind: str = "daily") -> dict[str, Any]:
    """Copy the database while it is used, to `backups/KIND-TIME.db` in the state folder; seven of a kind are kept."""
    from monitor.store.copies import name_of, thin

    path = keeper.folder / "backups" / name_of(kind, keeper.clock.now())
    await keeper.store.backup(path)
    thin(path.parent, kind)
    return {"path": str(path), "bytes": path.stat().st_size}
