"""The outbox: what is to be sent is a row before it is sent, claimed by one, and settled by the provider's word."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import blake2b
from typing import Any

from sqlalchemy import bindparam
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session, col, func, select, update

from alerts import holding, storm
from alerts.message import ESCALATION, Purpose
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
LEAST = 99  # a rank that nothing has
_PENDING = (Notification.state == "pending", col(Notification.due_at) <= bindparam("now"))
_DUE = (
    select(Notification)
    .where(Notification.channel == bindparam("channel"), *_PENDING, col(Notification.rank) <= bindparam("most"))
    .order_by(col(Notification.rank), col(Notification.due_at), col(Notification.id))
    .limit(MOST)
)
_DUE_ELSEWHERE = _DUE.where(col(Notification.target).not_in(bindparam("resting", expanding=True)))
_FLYING = select(Notification.incident, Notification.target, Notification.key).where(
    Notification.channel == bindparam("channel"), Notification.state == "sending"
)
_WAITING = select(Notification.channel).where(*_PENDING).distinct()
_KEYED = select(func.count(col(Notification.id))).where(Notification.key == bindparam("key"))
_MARKED = select(Notification.id).where(Notification.marker == bindparam("marker"))
_TAKE = (
    update(Notification)
    .where(col(Notification.id).in_(bindparam("rows", expanding=True)), col(Notification.state) == "pending")
    .values(state="sending", claimed_until=bindparam("until"), tries=Notification.tries + 1)
    .returning(col(Notification.id))
    .execution_options(synchronize_session=False)
)
_DELIVERED = select(Notification).where(
    Notification.channel == bindparam("channel"),
    Notification.target == bindparam("target"),
    Notification.state == "delivered",
    col(Notification.receipt).is_not(None),
    col(Notification.purpose).in_(FIRST_WORDS),
)
_ABOUT = {
    "key": _DELIVERED.where(Notification.key == bindparam("key")),
    "incident": _DELIVERED.where(
        Notification.incident == bindparam("incident"), ~col(Notification.key).endswith(".storm")
    ),
}
_RECEIPTS = {
    (about, which): query.order_by(
        col(Notification.id).asc() if which == "first" else col(Notification.id).desc()
    ).limit(1)
    for about, query in _ABOUT.items()
    for which in ("first", "last")
}
_OPEN = (
    select(Notification)
    .where(Notification.incident == bindparam("incident"), col(Notification.state).in_(OPEN_STATES))
    .with_for_update()  # where two keepers run, nobody takes one of them meanwhile
    .execution_options(populate_existing=True)
)


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
        rank=_rank(purpose, incident, level),
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


def _rank(purpose: Purpose, incident: Incident | None, level: int) -> int:
    """Whoever has not heard of an incident at all comes before those who hear of it because nobody answered."""
    again = purpose is Purpose.PAGE and incident is not None and (level > 1 or incident.climbs > 1)
    return ESCALATION if again else purpose.rank


def _marker(session: Session, row: Notification) -> str:
    """A marker of its own for each row: the digest of what it is, counted on when the very same was asked for."""
    seed = f"{row.key}|{row.purpose}|{row.level}|{row.channel}|{row.target}|{row.created}|{row.headline}|{row.text}"
    number = 0
    while True:
        marker = blake2b(f"{seed}|{number}".encode(), digest_size=10).hexdigest()
        if session.exec(_MARKED, params={"marker": marker}).first() is None:
            return marker
        number = number + 1 if number else session.exec(_KEYED, params={"key": row.key}).one()


@dataclass(frozen=True, slots=True)
class Claimed:
    """Notifications taken to be sent as one message, the first giving its form; what to edit or answer."""

    rows: tuple[Notification, ...]
    receipt: dict[str, Any] | None


def claim(
    session: Session, channel: str, *, now: int, resting: Collection[str] = (), pages: bool = False
) -> Claimed | None:
    """Take the most urgent due message of a channel, or None. One in flight for an (incident, target), and for a group
    of incidents; none to a target that is `resting`; `pages`: nothing less urgent than a page."""
    held = cache(lambda: holding.mutes(session, now))  # asked only where something is due

    def spared(row: Notification) -> bool:
        return holding.holds(session, row, held(), now=now)

    rows = _due(session, channel, now=now, most=ESCALATION if pages else LEAST, resting=resting, spared=spared)
    if not rows:
        return None
    flying = session.exec(_FLYING, params={"channel": channel}).all()
    busy = {(incident, target) for incident, target, _ in flying if incident is not None}
    groups = {(key, target) for _, target, key in flying if storm.is_group(key)}  # one message, of several incidents
    for row in rows:
        if row.state != "pending" or (row.incident, row.target) in busy:
            continue
        if (row.key, row.target) in groups:
            continue
        if row.purpose in FOLLOWS and not is_due(session, row):
            continue
        gathered = storm.gather(session, row, now=now, spared=spared)
        together = [each for each in gathered if (each.incident, each.target) not in busy]
        taken = _take(session, together, now)
        if taken:
            return Claimed(taken, receipt_for(session, taken[0]))
    return None


def _due(
    session: Session,
    channel: str,
    *,
    now: int,
    most: int,
    resting: Collection[str],
    spared: Callable[[Notification], bool],
) -> list[Notification]:
    """What is due on a channel, most urgent first, without what a mute holds: where that was all of a look, there may
    be more behind it."""
    given = {"channel": channel, "now": now, "most": most}
    query = _DUE_ELSEWHERE if resting else _DUE
    while True:
        rows = session.exec(query, params={**given, "resting": sorted(resting)} if resting else given).all()
        kept = [row for row in rows if not spared(row)]
        if kept or not rows:
            return kept
        session.flush()  # what is held is due no more: the next look finds others


def _take(session: Session, rows: Sequence[Notification], now: int) -> tuple[Notification, ...]:
    """Those that nobody else has taken. From here on they may have been sent, until their outcome is kept."""
    session.flush()
    given = {"rows": [row.id for row in rows], "until": now + CLAIM}
    mine = set(session.execute(_TAKE, given).scalars())
    taken = tuple(row for row in rows if row.id in mine)
    for row in taken:
        for name, value in (("state", "sending"), ("claimed_until", now + CLAIM), ("tries", row.tries + 1)):
            set_committed_value(row, name, value)
    return taken


def receipt_for(session: Session, row: Notification) -> dict[str, Any] | None:
    """The receipt of the message about this incident or group on this route: where messages are edited the
    first, which stands for it; elsewhere the last."""
    if row.incident is None:
        return None
    about = "key" if storm.is_group(row.key) else "incident"
    query = _RECEIPTS[about, "first" if row.channel in EDITS else "last"]
    given = {"channel": row.channel, "target": row.target, about: getattr(row, about)}
    found = session.exec(query, params=given).first()
    return found.receipt if found is not None else None


def withdraw(session: Session, incident: Incident, *, why: str) -> None:
    """Pages and warnings that wait are superseded. Where a message can be edited, one that may have arrived is kept:
    sent again it is found, or shows the incident as it is by then."""
    for row in session.exec(_OPEN, params={"incident": incident.id}).all():
        waits = row.state == "pending" and row.purpose in FIRST_WORDS
        if waits and not (row.unknown and row.channel in EDITS):
            row.state, row.why = "superseded", why
        row.spread_at = None
        session.add(row)


def waiting_on(session: Session, *, now: int) -> frozenset[str]:
    """The channels with work that is due."""
    return frozenset(session.exec(_WAITING, params={"now": now}).all())
