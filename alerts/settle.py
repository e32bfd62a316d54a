"""What came of a message: the provider's word is kept, or it is tried again, and the person's next way is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from alerts.message import Purpose, Receipt
from alerts.oncall import Deliverable
from alerts.outbox import OPEN_STATES, SPREAD, enqueue
from alerts.routes import EDITS, FIRST_WORDS
from alerts.storm import LATER
from alerts.tables import Incident, Notification
from alerts.timeline import note
from probes.words.errors import DeliveryError
from probes.words.text import clean
from probes.words.units import DAY, HOUR, SECOND

FIRST_WAIT, LONGEST_WAIT = SECOND, 60 * SECOND
SPREAD_TRIES = 2  # failures after which the next way is taken too
VERIFY_AFTER = 60 * SECOND
UNVERIFIED = DeliveryError("accepted, but no incident came of it", unknown=True)
LOST = DeliveryError("showup stopped while it was being sent", unknown=True)
_SENDING = select(Notification).where(Notification.state == "sending").order_by(col(Notification.id))
_LOST = _SENDING.where(col(Notification.claimed_until) <= bindparam("now"))
_LANE = select(Notification).where(
    Notification.incident == bindparam("incident"),
    Notification.round == bindparam("round"),
    Notification.level == bindparam("level"),
    Notification.lane == bindparam("lane"),
    Notification.purpose == bindparam("purpose"),
)
_LATER_ROUND = (
    select(Notification.id)
    .where(
        Notification.incident == bindparam("incident"),
        Notification.channel == bindparam("channel"),
        Notification.target == bindparam("target"),
        col(Notification.round) > bindparam("round"),
        Notification.purpose == str(Purpose.PAGE),
        col(Notification.state).in_((*OPEN_STATES, "delivered")),
    )
    .limit(1)
)
_PENDING = select(Notification).where(
    col(Notification.incident).in_(bindparam("incidents", expanding=True)),
    Notification.state == "pending",
    Notification.purpose == str(Purpose.PAGE),
)
_INCIDENTS = select(Incident).where(col(Incident.id).in_(bindparam("incidents", expanding=True)))
_OVERDUE = (
    select(Notification)
    .where(col(Notification.spread_at) <= bindparam("now"), col(Notification.state).in_(OPEN_STATES))
    .order_by(col(Notification.id))
)
_RETRIED = (
    select(Notification)
    .where(Notification.channel == bindparam("channel"), Notification.state == "pending")
    .where(col(Notification.tries) > 0, col(Notification.due_at) > bindparam("now"))
)
_GIVEN_UP: dict[str, int] = {
    Purpose.ACK: HOUR, Purpose.RESOLVE: DAY, Purpose.WARNING: DAY,
    Purpose.REFRESH: HOUR, Purpose.NOTE: HOUR, Purpose.INFO: HOUR, Purpose.TEST: HOUR,
}  # fmt: skip
_HOPELESS = (Purpose.REFRESH, Purpose.NOTE, Purpose.INFO, Purpose.TEST)  # a permanent error ends these


@dataclass(frozen=True, slots=True)
class Settled:
    """The channels that have new work, and the pages whose last way has failed."""

    woke: frozenset[str] = frozenset()
    exhausted: tuple[Notification, ...] = ()


def delivered(session: Session, rows: Sequence[Notification], receipt: Receipt, *, now: int, verifies: bool) -> None:
    """The provider said it has the message: keep its word, and withdraw the other ways on the same lane."""
    told = [row.incident for row in rows if row.incident is not None]
    known = {each.id: each for each in session.exec(_INCIDENTS, params={"incidents": told}).all()} if told else {}
    for row in rows:
        row.state, row.delivered_at, row.claimed_until, row.spread_at = "delivered", now, None, None
        # a webhook of the service can be faster than its answer: what it said stands, and shows that the page is there
        spoken = {name: said for name, said in (row.receipt or {}).items() if name in ("heard", "there")}
        row.receipt = {**spoken, **receipt.detail, "id": receipt.id}
        row.verified, row.error = receipt.verified or "heard" in spoken, ""
        page = row.purpose == Purpose.PAGE
        row.verify_at = now + VERIFY_AFTER if page and row.human and verifies and not row.verified else None
        session.add(row)
        incident = known.get(row.incident)
        if incident is None or not page:
            continue
        if row.verified or not row.exhausted:  # what was shown to be no page before is not said to be one again
            note(session, incident, "paged", f"{row.name or row.target} was told by {row.channel}", now=now)
        if row.human and incident.paged_at is None:
            incident.paged_at = now
            session.add(incident)
    _withdraw_others(session, [row for row in rows if row.purpose == Purpose.PAGE and row.incident in known])


def _withdraw_others(session: Session, rows: Sequence[Notification]) -> None:
    reached = {_lane_of(row): row.channel for row in rows}
    told = [row.incident for row in rows]
    for each in session.exec(_PENDING, params={"incidents": told}).all() if rows else ():
        if _lane_of(each) in reached:
            each.state, each.why, each.spread_at = "superseded", f"reached by {reached[_lane_of(each)]}", None
            session.add(each)


def _lane_of(row: Notification) -> tuple[int | None, int, int, str]:
    return row.incident, row.round, row.level, row.lane


def _lane(session: Session, row: Notification) -> Sequence[Notification]:
    """The ways of one target in one level that were taken so far."""
    names = ("incident", "round", "level", "lane", "purpose")
    return session.exec(_LANE, params={name: getattr(row, name) for name in names}).all()


def resume(session: Session, channel: str, *, now: int) -> None:
    """A channel that failed works again: what waits to be tried again leaves now, the most urgent first."""
    for row in session.exec(_RETRIED, params={"channel": channel, "now": now}).all():
        row.due_at = now
        session.add(row)


def failed(session: Session, rows: Sequence[Notification], error: DeliveryError, *, now: int, chance: float) -> Settled:
    """It failed, or nobody knows: try again later with the same key, and take the next way when that is due.

    `chance` (0..1) spreads retries; those of one message stay together. A page is never given up while it is needed.
    """
    wait = backoff(max(row.tries for row in rows), error, chance)
    woke: set[str] = set()
    exhausted: list[Notification] = []
    for row in rows:
        if row.state == "delivered" and error is not UNVERIFIED:  # sent again meanwhile, as after a suspended machine
            continue
        row.state, row.claimed_until, row.error = "pending", None, clean(str(error), 200)
        row.unknown = row.unknown or error.unknown
        row.due_at = now + wait
        session.add(row)
        if not _needed(session, row, error, now=now):
            continue
        if row.spread_at is not None and (error.permanent or row.tries >= SPREAD_TRIES or now >= row.spread_at):
            found = spread(session, row, now=now)
            woke |= found.woke
            exhausted += found.exhausted
        elif row.exhausted:  # each further failure: the person may have got another phone since
            exhausted.append(row)
    return Settled(frozenset(woke), tuple(exhausted))


def _told_anew(session: Session, row: Notification) -> bool:
    """True when a later round has a page of its own on this way, which need not be told beside it."""
    if row.unknown and row.channel in EDITS:
        return False
    params = {"incident": row.incident, "channel": row.channel, "target": row.target, "round": row.round}
    return session.exec(_LATER_ROUND, params=params).first() is not None


def backoff(tries: int, error: DeliveryError, chance: float) -> int:
    """µs to wait: doubled from one second to a minute, at least what the provider asks for, never over a minute."""
    if error.permanent:
        return LONGEST_WAIT
    wait = int(FIRST_WAIT * 2 ** min(max(tries, 1) - 1, 6) * (0.75 + 0.5 * chance))
    asked = int((error.retry_after or 0) * SECOND)
    return min(LONGEST_WAIT, max(wait, asked))


def _needed(session: Session, row: Notification, error: DeliveryError, *, now: int) -> bool:
    """False when it need not be tried again: superseded where things have moved on, failed where it wakes nobody."""
    if row.purpose in FIRST_WORDS:
        incident = session.get(Incident, row.incident) if row.incident is not None else None
        over = incident is None or incident.resolved_at is not None
        if incident is not None and row.purpose == Purpose.PAGE:
            over = over or incident.state != "triggered" or not incident.paging
        if over and not (row.unknown and row.channel in EDITS):
            row.state, row.why, row.spread_at = "superseded", "nobody needs to be told any more", None
        if over:
            return False
    if row.purpose == Purpose.PAGE and _told_anew(session, row):
        row.state, row.why, row.spread_at = "superseded", "a new round tells them", None
        return False
    lane = _lane(session, row) if row.purpose == Purpose.PAGE else ()
    reached = [each.channel for each in lane if each.state == "delivered"]
    if reached and not (row.unknown and row.channel in EDITS):  # by the next way, while this one was being sent
        row.state, row.why, row.spread_at = "superseded", f"reached by {reached[0]}", None
        return False
    old = now - row.created > _GIVEN_UP.get(row.purpose, 1 << 62)
    if old or (error.permanent and row.purpose in _HOPELESS):
        row.state, row.why, row.spread_at = "failed", row.error, None
        return False
    return True


def spread(session: Session, row: Notification, *, now: int) -> Settled:
    """Take the next way of this lane beside the one that does not get through."""
    row.spread_at = None
    session.add(row)
    incident = session.get(Incident, row.incident) if row.incident is not None else None
    if incident is None:
        return Settled()
    said = row.error or f"no answer within {SPREAD // SECOND} s"
    if not row.exhausted:  # tried each minute from then on, it is said once
        said = f"{row.name or row.target} was not reached by {row.channel}: {said}"
        note(session, incident, "delivery", said, now=now)
    if any(each.state == "delivered" for each in _lane(session, row)):
        return Settled()
    if not row.rest and LATER not in row.lane:
        sooner = _bring_forward(session, row, now=now)
        if sooner:
            return Settled(sooner)
    if not row.rest:
        row.exhausted = True
        return Settled(exhausted=(row,))
    ways = [Deliverable(**way) for way in row.rest]
    row.rest = []
    other = enqueue(
        session, incident, ways, purpose=Purpose(row.purpose), now=now, number=row.round, level=row.level,
        lane=row.lane, text=row.text,
    )  # fmt: skip
    return Settled(frozenset({other.channel}))


def _bring_forward(session: Session, row: Notification, *, now: int) -> frozenset[str]:
    """What was to ring later rings now, as nothing before it got through; the channels with work."""
    query = select(Notification).where(
        Notification.incident == row.incident,
        Notification.round == row.round,
        Notification.level == row.level,
        Notification.purpose == row.purpose,
        Notification.state == "pending",
        col(Notification.due_at) > now,
        col(Notification.lane).startswith(f"{row.lane}{LATER}"),
    )
    found = session.exec(query).all()
    for each in found:
        each.due_at, each.burst, each.spread_at = now, None, now + SPREAD
        session.add(each)
    return frozenset(each.channel for each in found)


def reclaim(session: Session, *, now: int, alone: bool = False) -> int:
    """Take back what a lost process had claimed: it may have been sent, so it is sent again with the same key where it
    is needed still. Returns how many.

    `alone`: no other process sends, as after a start, so no claim is waited for.
    """
    rows = session.exec(_SENDING if alone else _LOST, params={} if alone else {"now": now}).all()
    for row in rows:
        row.state, row.claimed_until, row.unknown, row.due_at = "pending", None, True, now
        row.error = row.error or LOST.args[0]
        session.add(row)
        _needed(session, row, LOST, now=now)
    return len(rows)


def overdue(session: Session, *, now: int) -> Settled:
    """Pages and warnings that were not delivered in ten seconds: sending still, or waiting to be tried again."""
    found = [spread(session, row, now=now) for row in session.exec(_OVERDUE, params={"now": now}).all()]
    woke = frozenset().union(*(each.woke for each in found))
    return Settled(woke, tuple(row for each in found for row in each.exhausted))
