"""The delivery rules as questions to the database: what is broken now, in words. Asked each minute, and after every
test step.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from sqlalchemy import bindparam
from sqlmodel import Session, col, or_, select

from alerts import follow
from alerts.book import Book
from alerts.holding import mutes as mutes_of
from alerts.message import Purpose
from alerts.mute import ends, until
from alerts.routes import BY_KEY, EDITS, FIRST_WORDS
from alerts.storm import is_group
from alerts.tables import Incident, Mute, Notification, Step
from probes.words.units import HOUR, SECOND

SOON = 60 * SECOND
ON_TIME = 2 * SECOND
_LOOK = SECOND  # the due scan comes once a second
_RECENT = or_(col(Incident.resolved_at).is_(None), col(Incident.resolved_at) > bindparam("since"))
_INCIDENTS = select(Incident).where(_RECENT).order_by(col(Incident.id))
_THEIRS = select(Incident.id).where(_RECENT)
_MESSAGES = select(Notification).where(col(Notification.incident).in_(_THEIRS)).order_by(col(Notification.id))
_STEPS = select(Step).where(col(Step.incident).in_(_THEIRS)).order_by(col(Step.id))
_MUTES = select(Mute).where(or_(col(Mute.closed).is_(None), col(Mute.end) > bindparam("now")))


def broken(session: Session, now: int, book: Book, *, started: int = 0) -> list[str]:
    """Each rule (D1, D3, D5 to D8, D10) that does not hold at `now`, one line each; of incidents that were open in the
    last hour.

    `started` is when the keeper came up: what was due before is late by no fault of a rule. D2, D4 and D9 are kept by
    how messages are claimed, keyed and resolved; their tests watch the providers.
    """
    times = {"since": now - HOUR}
    incidents = session.exec(_INCIDENTS, params=times).all()
    messages: dict[int | None, list[Notification]] = defaultdict(list)
    climbed: dict[int | None, list[Step]] = defaultdict(list)
    for row in session.exec(_MESSAGES, params=times):
        messages[row.incident].append(row)
    for step in session.exec(_STEPS, params=times):
        climbed[step.incident].append(step)
    mutes, found = mutes_of(session, now), []
    for incident in incidents:
        rows, steps = messages[incident.id], climbed[incident.id]
        found += _climbed(incident, steps, started=started)
        found += _kept(incident, rows)
        if incident.resolved_at is not None:
            found += _resolved(incident, rows)
        elif incident.state == "acknowledged":
            found += _answered(incident, steps)
        elif incident.paging:
            held = until(mutes, incident.subject, now) is not None
            found += _paging(incident, rows, steps, held=held, now=now, started=started)
    subjects = Counter(incident.subject for incident in incidents if incident.resolved_at is None)
    found += [f"D8: {subject} has {count} open incidents" for subject, count in subjects.items() if count > 1]
    return found + _mutes(session, incidents, now=now, started=started)


def _climbed(incident: Incident, steps: Sequence[Step], *, started: int) -> list[str]:
    """D6: levels rise, none before its time, none late."""
    name, found = incident.public_id, []
    order = [(step.round, step.level) for step in steps]
    if order != sorted(set(order)):
        found.append(f"D6: levels of {name} do not only rise: {order}")
    if order and order[-1] > (incident.round, incident.level):
        found.append(f"D6: {name} fell back from {order[-1]} to {(incident.round, incident.level)}")
    for step in steps:
        if not step.due <= step.started <= max(step.due, started) + ON_TIME:
            late = (step.started - step.due) / SECOND
            found.append(f"D6: level {step.level} of round {step.round} of {name} started {late:g} s after it was due")
    return found


def _kept(incident: Incident, rows: Sequence[Notification]) -> list[str]:
    """D3 and D5: delivered has a receipt; no page ends in failure."""
    found = []
    for row in rows:
        if row.state == "delivered" and row.receipt is None:
            found.append(f"D3: {row.purpose} {row.id} of {incident.public_id} is delivered without a receipt")
        if row.state == "failed" and row.purpose in (Purpose.PAGE, Purpose.EMERGENCY):
            found.append(f"D5: page {row.id} of {incident.public_id} ended in failure")
    return found


def _answered(incident: Incident, steps: Sequence[Step]) -> list[str]:
    """D7: no level after the answer, and the answer expires."""
    found = []
    if any(step.started > (incident.acked_at or 0) for step in steps):
        found.append(f"D7: a level of {incident.public_id} started after its acknowledgement")
    if incident.ack_expires is None or incident.due_at is None or incident.due_at > incident.ack_expires:
        found.append(f"D7: the acknowledgement of {incident.public_id} never expires")
    return found


def _paging(
    incident: Incident,
    rows: Sequence[Notification],
    steps: Sequence[Step],
    *,
    held: bool,
    now: int,
    started: int,
) -> list[str]:
    """D1 and D6: somebody was told at the present level, or will be within a minute; and the ladder goes on."""
    name = incident.public_id
    if incident.due_at is None:
        return [f"D1: {name} is open, unanswered, and nothing more will happen"]
    if max(incident.due_at, started) + ON_TIME + _LOOK < now:
        return [f"D6: {name} should have moved {(now - incident.due_at) / SECOND:g} s ago"]
    if held:
        return []
    step = next((each for each in steps if (each.round, each.level) == (incident.round, incident.level)), None)
    if step is None or not step.told:
        return []  # the first level is still to come, or this one reaches nobody and said so
    present = [row for row in rows if row.purpose == Purpose.PAGE and row.human]
    present = [row for row in present if (row.round, row.level) == (incident.round, incident.level)]
    if any(row.state == "delivered" or _leaves_soon(row, now, started) for row in present):
        return []
    return [f"D1: nobody was told at level {incident.level} of {name}, or is about to be"]


def _leaves_soon(row: Notification, now: int, started: int) -> bool:
    """True when it is being sent, or is about to be; one that should have left long ago has no worker."""
    at = row.due_at if row.state == "pending" else row.claimed_until
    return row.state in ("pending", "sending") and at is not None and max(at, started) + SOON >= now >= at - SOON


def _resolved(incident: Incident, rows: Sequence[Notification]) -> list[str]:
    """D8: no resolve before its trigger, and one for all that may have been accepted; nothing else waits."""
    found = []
    resolves = [row for row in rows if row.purpose == Purpose.RESOLVE]
    for row in resolves:
        sent = row.state in ("sending", "delivered")
        triggers = [each for each in rows if each.key == row.key and each.purpose in FIRST_WORDS]
        if sent and not any(each.delivered_at is not None or each.unknown for each in triggers):
            found.append(f"D8: {incident.public_id} was resolved at {row.channel} and never triggered there")
    for row in follow.told_of(rows):
        keys = {each.key for each in resolves if (each.channel, each.target) == (row.channel, row.target)}
        if is_group(row.key) or row.channel in EDITS:
            continue
        if not keys or (row.channel in BY_KEY and row.key not in keys):
            found.append(f"D8: {incident.public_id} is resolved, and {row.channel} is not told about {row.key}")
    for row in rows:
        if row.purpose in FIRST_WORDS and row.state == "pending" and not row.unknown:
            found.append(f"D8: a page of {incident.public_id} still waits, though it is resolved")
    return found


def _mutes(session: Session, incidents: Sequence[Incident], *, now: int, started: int) -> list[str]:
    """D10: every mute has an author, a reason and an end, and nothing is held beyond it."""
    found = []
    for mute in session.exec(_MUTES, params={"now": now}).all():
        if not mute.author or not mute.reason or mute.end <= mute.start:
            found.append(f"D10: mute {mute.id} has no author, reason or end")
        if mute.closed is None and max(ends(mute), started) + ON_TIME + _LOOK < now:
            found.append(f"D10: mute {mute.id} is over, and nobody has seen to it")
    for incident in incidents:
        if incident.held_by is None or incident.resolved_at is not None:
            continue
        holding = session.get(Mute, incident.held_by)
        if holding is None or max(ends(holding), started) + ON_TIME + _LOOK < now:
            found.append(f"D10: {incident.public_id} is held by a mute that is over")
    return found
