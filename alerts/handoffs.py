"""Handoffs: whoever is on call now, and whoever was, hear of it; quietly, once, with what is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from alerts.book import Book
from alerts.holding import mutes
from alerts.message import Purpose
from alerts.mute import ends
from alerts.oncall import Deliverable, reach
from alerts.outbox import enqueue
from alerts.rotation import Duty
from alerts.tables import Incident, Occasion
from probes.words.clock import moment
from probes.words.text import clean
from probes.words.units import DAY

LISTED = 5
WEEK = 7 * DAY


@dataclass(frozen=True, slots=True)
class Held:
    """Who held a rotation at the last look: a person's key, or the name of somebody whom only PagerDuty knows."""

    person: str
    name: str


def changed(before: Mapping[str, Held], now: Mapping[str, Duty]) -> dict[str, tuple[Held, Duty]]:
    """The rotations that changed hands, with who had them; a rotation that was not there before is no handoff."""
    found = {}
    for rotation, duty in now.items():
        held = before.get(rotation)
        if held is not None and (held.person, held.name) != (duty.person or "", _name(duty)):
            found[rotation] = (held, duty)
    return found


def _name(duty: Duty) -> str:
    return "" if duty.person else duty.name


def held(duty: Duty) -> Held:
    """What is remembered of a duty."""
    return Held(duty.person or "", _name(duty))


def quiet(person: str, book: Book) -> list[Deliverable]:
    """The ways to tell somebody without waking them: Slack first, then what else they have."""
    known = book.people.get(person)
    ways = reach(known, book=book) if known is not None else []
    return sorted(ways, key=lambda way: way.channel != "slack")


def tell(
    session: Session, book: Book, rotation: str, before: Held, duty: Duty, *, now: int, due: Sequence[str] = ()
) -> int:
    """Enqueue the notices of one handoff, to both; how many. `due`: what ends soon, in words."""
    people = book.people
    incoming = people[duty.person].name if duty.person is not None else duty.name or "nobody"
    until = f" until {moment(duty.end):%a %d %b %H:%M} UTC" if duty.end is not None else ""
    sent = 0
    if duty.person is not None:
        headline = f"You are on call now in {rotation}{until}"
        sent += _enqueue(session, book, duty.person, headline, brief(session, now=now, why=duty.reason, due=due), now)
    if before.person in people:  # whom only PagerDuty knows is told there
        headline = f"{incoming} is on call now in {rotation}; you are off"
        why = f"You handed over to {incoming}." if duty.person else "Nobody is on call now: the fallback is told."
        sent += _enqueue(session, book, before.person, headline, f"{why} {duty.reason}.", now)
    return sent


def _enqueue(session: Session, book: Book, person: str, headline: str, text: str, now: int) -> int:
    ways = quiet(person, book)
    if not ways:
        return 0
    key = f"showup-handoff.{now}.{person}"
    enqueue(session, None, ways, purpose=Purpose.INFO, now=now, key=key, headline=clean(headline, 200), text=text)
    return 1


def brief(session: Session, *, now: int, why: str, due: Sequence[str] = ()) -> str:
    """What whoever comes on call has to know: what is open, what is held, and what is due."""
    query = select(Incident).where(col(Incident.resolved_at).is_(None)).order_by(col(Incident.opened).desc())
    rows = session.exec(query).all()
    lines = [clean(why, 150)]
    for row in rows[:LISTED]:
        by = f", {row.acked_by} is on it" if row.acked_by else ""
        lines.append(f"Open: {clean(row.title, 60)}: {clean(row.sentence or row.failure, 100)} ({row.public_id}{by})")
    if len(rows) > LISTED:
        lines.append(f"And {len(rows) - LISTED} more are open.")
    for mute in mutes(session, now)[:LISTED]:
        what = mute.subject or "every workflow"
        lines.append(f"Held until {moment(ends(mute)):%d %b %H:%M} UTC: {clean(what, 60)} ({clean(mute.reason, 80)})")
    if len(lines) == 1:
        lines.append("Nothing is open.")
    events = select(Occasion).where(
        col(Occasion.start) < now + WEEK, col(Occasion.end) > now, col(Occasion.lifted).is_(None)
    )
    for event in session.exec(events.order_by(col(Occasion.start))).all()[:LISTED]:
        what = event.title or ", ".join(event.workflows)
        lines.append(f"Event: {clean(what, 60)}, {moment(event.start):%a %d %b %H:%M} UTC")
    return "\n".join([*lines, *(f"Due: {clean(one, 120)}" for one in due)])
