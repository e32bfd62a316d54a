"""The outbox: what is to be sent is a row before it is sent, claimed by one, and settled by the provider's word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

from sqlalchemy import bindparam
from sqlmodel import Session, col, select, update

from alerts import storm
from alerts.message import Purpose
from alerts.oncall import Deliverable
from alerts.routes import EDITS, FIRST_WORDS, FOLLOWS, is_due
from alerts.storm import LATER
from alerts.tables import Incident, Notification
from probes.words.units import SECOND

CLAIM = 45 * SECOND  # longer than any send may take; one that ran out was lost with its process
SPREAD = 10 * SECOND  # a page that was not delivered by then takes the next way too
OPEN_STATES = ("pending", "sending")
MOST = 200  # messages looked at for one that may leave; those that may not are few

# Written once, not at each of the many looks: making a statement costs more than running it.
_PENDING = (Notification.state == "pending", col(Notification.due_at) <= bindparam("now"))
_DUE = (
    select(Notification)
    .where(Notification.channel == bindparam("channel"), *_PENDING)
    .order_by(col(Notification.rank), col(Notification.due_at), col(Notification.id))
    .limit(MOST)
)
_FLYING = select(Notification.incident, Notification.target).where(
    Notification.channel == bindparam("channel"), Notification.state == "sending"
)
_WAITING = select(Notification.channel).where(*_PENDING).distinct()


def key_of(incident: Incident, number: int | None = None) -> str:
    """The provider's dedup key: made of the incident and the round (0: its warnings), the same for all its life."""
    return f"showup-{incident.public_id}.{incident.round if number is None else number}"


def enqueue(
    session: Session,
    incident: Incident | None,
    ways: Sequence[Deliverable],
    *,
    purpose: Purpose,
    now: int,
    key: str = "",
    number: int | None = None,
    level: int = 0,
    lane: str = "",
    headline: str = "",
    text: str = "",
) -> Notification:
    """Commit the intent to tell `ways[0]`; the others are taken when that way fails. A page in a storm waits for the
    others.
    """
    way, rest = ways[0], ways[1:]
    due, burst = now, None
    number = incident.round if incident is not None and number is None else number or 0
    if incident is not None and purpose is Purpose.PAGE:
        wait = way.after if LATER in lane else 0
        due, burst = storm.leaves(session, incident, channel=way.channel, target=way.target, now=now, wait=wait)
    row = Notification(
        incident=incident.id if incident is not None else None,
        round=number,
        level=level,
        lane=lane,
        purpose=str(purpose),
        rank=purpose.rank,
        channel=way.channel,
        target=way.target,
        person=way.person,
        name=way.name,
        human=way.human,
        key=key or (key_of(incident, number) if incident is not None else f"showup-{purpose}-{now}"),
        marker="",
        created=now,
        due_at=due,
        burst=burst,
        rest=[asdict(other) for other in rest],
        spread_at=due + SPREAD if str(purpose) in FIRST_WORDS else None,
        headline=headline,
        text=text,
    )
    row.marker = _marker(session, row)
    session.add(row)
    session.flush()
    return row


def _marker(session: Session, row: Notification) -> str:
    """A marker of its own for each row: the digest of what it is, counted on when the very same was asked for."""
    seed = f"{row.key}|{row.purpose}|{row.level}|{row.channel}|{row.target}|{row.created}|{row.headline}|{row.text}"
    for number in range(1000):
        marker = blake2b(f"{seed}|{number}".encode(), digest_size=10).hexdigest()
        if session.exec(select(Notification.id).where(Notification.marker == marker)).first() is None:
            return marker
    raise ValueError("a thousand equal messages at one instant")


@dataclass(frozen=True, slots=True)
class Claimed:
    """Notifications taken to be sent as one message, the first giving its form; what to edit or answer."""

    rows: tuple[Notification, ...]
    receipt: dict[str, Any] | None


def claim(session: Session, channel: str, *, now: int) -> Claimed | None:
    """Take the most urgent due message of a channel, or None. One in flight for an (incident, target)."""
    rows = session.exec(_DUE, params={"channel": channel, "now": now}).all()
    if not rows:
        return None
    flying = session.exec(_FLYING, params={"channel": channel}).all()
    busy = {(incident, target) for incident, target in flying if incident is not None}
    for row in rows:
        if row.state != "pending" or (row.incident, row.target) in busy:
            continue
        if row.purpose in FOLLOWS and not is_due(session, row):
            continue
        together = [each for each in storm.gather(session, row, now=now) if (each.incident, each.target) not in busy]
        taken = tuple(each for each in together if _take(session, each, now))
        if taken:
            return Claimed(taken, receipt_for(session, taken[0]))
    return None


def _take(session: Session, row: Notification, now: int) -> bool:
    """True for exactly one caller. From here on the message may have been sent, until its outcome is kept."""
    session.flush()
    done = session.exec(
        update(Notification)
        .where(col(Notification.id) == row.id, col(Notification.state) == "pending")
        .values(state="sending", claimed_until=now + CLAIM, tries=Notification.tries + 1)
    )
    session.refresh(row)
    return bool(done.rowcount == 1)


def receipt_for(session: Session, row: Notification) -> dict[str, Any] | None:
    """The receipt of the message about this incident or group on this route: where messages are edited the
    first, which stands for it; elsewhere the last."""
    if row.incident is None:
        return None
    query = select(Notification).where(
        Notification.channel == row.channel,
        Notification.target == row.target,
        Notification.state == "delivered",
        col(Notification.receipt).is_not(None),
        col(Notification.purpose).in_(FIRST_WORDS),
    )
    if storm.is_group(row.key):
        query = query.where(Notification.key == row.key)
    else:
        query = query.where(Notification.incident == row.incident, ~col(Notification.key).endswith(".storm"))
    order = col(Notification.id) if row.channel in EDITS else col(Notification.id).desc()
    found = session.exec(query.order_by(order)).first()
    return found.receipt if found is not None else None


def withdraw(session: Session, incident: Incident, *, why: str) -> None:
    """Pages and warnings that wait are superseded. Where a message can be edited, one that may have arrived is kept:
    sent again it is found, or shows the incident as it is by then."""
    query = update(Notification).where(
        col(Notification.incident) == incident.id,
        col(Notification.state) == "pending",
        col(Notification.purpose).in_(FIRST_WORDS),
    )
    query = query.where(~(col(Notification.channel).in_(EDITS) & col(Notification.unknown).is_(True)))
    session.exec(query.values(state="superseded", why=why, spread_at=None))
    session.exec(
        update(Notification)
        .where(col(Notification.incident) == incident.id, col(Notification.state).in_(OPEN_STATES))
        .values(spread_at=None)
    )


def waiting_on(session: Session, *, now: int) -> frozenset[str]:
    """The channels with work that is due."""
    return frozenset(session.exec(_WAITING, params={"now": now}).all())
