"""The outbox: what is to be sent is a row before it is sent, claimed by one, and settled by the provider's word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

from sqlmodel import Session, col, select, update

from alerts.message import Purpose, Receipt
from alerts.oncall import Deliverable
from alerts.tables import Event, Incident, Notification
from probes.words.errors import DeliveryError
from probes.words.text import clean
from probes.words.units import SECOND

CLAIM = 120 * SECOND  # a claim outlives any send; a crashed one is taken up again at start
FIRST_WAIT, LONGEST_WAIT = SECOND, 60 * SECOND
MOVE_ON_TRIES, MOVE_ON_AFTER = 2, 10 * SECOND
VERIFY_AFTER = 60 * SECOND
STORM = 10 * SECOND  # pages on one route within this time become one

PAGING = (Purpose.PAGE, Purpose.EMERGENCY)
OPEN_STATES = ("pending", "sending")


def key_of(incident: Incident, number: int | None = None) -> str:
    """The provider's dedup key: made of the incident and the round, the same for all its life."""
    return f"showup-{incident.public_id}.{incident.round if number is None else number}"


def enqueue(
    session: Session,
    incident: Incident | None,
    ways: Sequence[Deliverable],
    *,
    purpose: Purpose,
    now: int,
    due: int | None = None,
    key: str = "",
    level: int = 0,
    headline: str = "",
    text: str = "",
) -> Notification:
    """Commit the intent to tell `ways[0]`; the others are taken when that way fails."""
    way, rest = ways[0], ways[1:]
    number = incident.round if incident is not None else 0
    key = key or (key_of(incident) if incident is not None else f"showup-{purpose}-{now}")
    seed = f"{key}|{purpose}|{level}|{way.channel}|{way.target}|{now}|{headline}|{text}"
    row = Notification(
        incident=incident.id if incident is not None else None,
        round=number,
        level=level,
        purpose=str(purpose),
        rank=purpose.rank,
        channel=way.channel,
        target=way.target,
        person=way.person,
        name=way.name,
        human=way.human,
        key=key,
        marker=_marker(session, seed),
        created=now,
        due_at=now if due is None else due,
        rest=[asdict(other) for other in rest],
        headline=headline,
        text=text,
    )
    session.add(row)
    session.flush()
    return row


def _marker(session: Session, seed: str) -> str:
    """A marker of its own for each row: the digest of what it is, counted on when the very same was asked for."""
    for number in range(1000):
        marker = blake2b(f"{seed}|{number}".encode(), digest_size=10).hexdigest()
        if session.exec(select(Notification.id).where(Notification.marker == marker)).first() is None:
            return marker
    raise ValueError("a thousand equal messages at one instant")


def storm_due(session: Session, incident: Incident, way: Deliverable, *, now: int) -> int:
    """When a new page on this route may leave: the first at once, those within 10 s of it together at their end."""
    query = (
        select(Notification.created)
        .where(
            Notification.channel == way.channel,
            Notification.target == way.target,
            Notification.purpose == str(Purpose.PAGE),
            col(Notification.incident) != incident.id,
            col(Notification.created) > now - STORM,
            col(Notification.lead).is_(None),
            col(Notification.due_at) <= col(Notification.created),
        )
        .order_by(col(Notification.created))
    )
    first = session.exec(query).first()
    return now if first is None else first + STORM


@dataclass(frozen=True, slots=True)
class Claimed:
    """A notification taken by this worker, and those that its message tells of too."""

    row: Notification
    grouped: tuple[Notification, ...]
    receipt: dict[str, Any] | None


def claim(session: Session, channel: str, *, now: int, busy: Iterable[tuple[int | None, str]] = ()) -> Claimed | None:
    """Take the most urgent due notification of a channel, or None. One in flight for an (incident, target)."""
    taken = set(busy)
    rows = session.exec(
        select(Notification)
        .where(
            Notification.channel == channel,
            col(Notification.state).in_(OPEN_STATES),
            col(Notification.due_at) <= now,
        )
        .order_by(col(Notification.rank), col(Notification.due_at), col(Notification.id))
        .limit(200)
    ).all()
    for row in rows:
        stale = row.state == "sending" and (row.claimed_until or 0) <= now
        if (row.state == "sending" and not stale) or (row.incident, row.target) in taken:
            continue
        if row.purpose == Purpose.RESOLVE and _in_flight(session, row, now):
            continue
        if not _take(session, row, now, unknown=stale):
            continue
        grouped = _group(session, row, rows, now) if row.purpose == Purpose.PAGE else ()
        return Claimed(row, grouped, receipt_for(session, row))
    return None


def _take(session: Session, row: Notification, now: int, *, unknown: bool) -> bool:
    """True for exactly one caller. A claim that ran out may have been sent: its outcome is unknown."""
    values: dict[str, Any] = {"state": "sending", "claimed_until": now + CLAIM}
    if unknown:
        values["unknown"] = True
    done = session.exec(
        update(Notification)
        .where(col(Notification.id) == row.id, col(Notification.state) == row.state)
        .where(col(Notification.claimed_until).is_not_distinct_from(row.claimed_until))
        .values(**values)
    )
    session.refresh(row)
    if row.first_try is None:
        row.first_try = now
        session.add(row)
    return bool(done.rowcount == 1)


def _in_flight(session: Session, row: Notification, now: int) -> bool:
    """True while the trigger that a resolve belongs to is still being sent: no resolve overtakes its trigger."""
    query = select(Notification.id).where(
        Notification.incident == row.incident,
        Notification.channel == row.channel,
        Notification.target == row.target,
        Notification.state == "sending",
        Notification.purpose != str(Purpose.RESOLVE),
        col(Notification.claimed_until) > now,
    )
    return session.exec(query).first() is not None


def _group(session: Session, row: Notification, rows: Sequence[Notification], now: int) -> tuple[Notification, ...]:
    """The other first-time pages due on the same route, of other incidents: told by the same message."""
    if row.tries or row.unknown:
        return ()
    found = [
        other
        for other in rows
        if other.id != row.id
        and other.purpose == Purpose.PAGE
        and other.target == row.target
        and other.state == "pending"
        and not other.tries
        and other.incident != row.incident
    ]
    taken = [other for other in found if _take(session, other, now, unknown=False)]
    for other in taken:
        other.lead = row.id
        session.add(other)
    return tuple(taken)


def receipt_for(session: Session, row: Notification) -> dict[str, Any] | None:
    """The receipt of the first message about this incident on this route: what is edited or answered in its thread."""
    if row.incident is None:
        return None
    query = (
        select(Notification)
        .where(
            Notification.incident == row.incident,
            Notification.channel == row.channel,
            Notification.target == row.target,
            Notification.state == "delivered",
            col(Notification.lead).is_(None),
        )
        .order_by(col(Notification.delivered_at))
    )
    found = session.exec(query).first()
    return found.receipt if found is not None else None


def settle_delivered(session: Session, row: Notification, receipt: Receipt, *, now: int, can_verify: bool) -> None:
    """The provider said it has the message: keep its word."""
    row.state, row.delivered_at, row.claimed_until = "delivered", now, None
    row.receipt = {**receipt.detail, "id": receipt.id}
    row.verified, row.error = receipt.verified, ""
    wakes = row.purpose == Purpose.PAGE and row.human
    row.verify_at = now + VERIFY_AFTER if wakes and can_verify and not receipt.verified else None
    session.add(row)
    incident = session.get(Incident, row.incident) if row.incident is not None else None
    if incident is None or row.purpose != Purpose.PAGE:
        return
    said = "told" if row.human else "posted to"
    note(session, incident, "paged", f"{said} {row.name or row.target} by {row.channel}", now=now)
    if row.human and incident.paged_at is None:
        incident.paged_at = now
        session.add(incident)


def settle_failed(
    session: Session, row: Notification, error: DeliveryError, *, now: int, chance: float
) -> Notification | None:
    """The send failed or its outcome is unknown: when it is tried again, and the way that is taken beside it, if any.

    A page is never given up: after a permanent error the person's next way serves at once, and this one is tried again
    each minute only when there is no other.
    """
    row.tries += 1
    row.claimed_until, row.error = None, clean(str(error), 200)
    row.unknown = row.unknown or error.unknown
    row.state = "pending"
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(row.tries - 1, 6))
    wait = int(wait * (0.8 + 0.4 * chance))
    if error.retry_after is not None:
        wait = min(LONGEST_WAIT, max(wait, int(error.retry_after * SECOND)))
    row.due_at = now + wait
    paging = Purpose(row.purpose) in PAGING
    if error.permanent:
        if not paging:
            row.state = "failed"
        else:
            row.due_at = now + LONGEST_WAIT
    session.add(row)
    slow = row.tries >= MOVE_ON_TRIES or now - (row.first_try or now) >= MOVE_ON_AFTER
    if not paging or row.moved_on or not (error.permanent or slow):
        return None
    return _move_on(session, row, now=now, permanent=error.permanent)


def _move_on(session: Session, row: Notification, *, now: int, permanent: bool) -> Notification | None:
    row.moved_on = True
    incident = session.get(Incident, row.incident) if row.incident is not None else None
    if incident is not None:
        note(session, incident, "delivery", f"{row.name or row.target} by {row.channel}: {row.error}", now=now)
    if not row.rest:
        session.add(row)
        return None
    ways = [Deliverable(**way) for way in row.rest]
    if permanent:
        row.state = "replaced"
    session.add(row)
    return enqueue(session, incident, ways, purpose=Purpose(row.purpose), now=now, key=row.key, level=row.level)


def note(session: Session, incident: Incident, kind: str, text: str, *, now: int, by: str = "") -> None:
    """One line on the timeline."""
    session.add(Event(incident=incident.id or 0, at=now, kind=kind, text=clean(text, 300), by=clean(by, 80)))
