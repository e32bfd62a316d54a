"""Following up: whoever was told, or may have been, hears that somebody answered, that it changed, that it is over."""

from __future__ import annotations

from collections.abc import Iterable

from sqlmodel import Session, col, select

from alerts import storm
from alerts.message import Purpose
from alerts.oncall import Deliverable
from alerts.outbox import enqueue
from alerts.routes import BY_KEY, EDITS, FIRST_WORDS, RINGS_ON
from alerts.tables import Incident, Notification


def told(session: Session, incident: Incident) -> list[Notification]:
    """The first message on each route that may have been told; where incidents are kept by key, for each key."""
    query = select(Notification).where(Notification.incident == incident.id, col(Notification.purpose).in_(FIRST_WORDS))
    return told_of(session.exec(query.order_by(col(Notification.id))).all())


def told_of(rows: Iterable[Notification]) -> list[Notification]:
    """The same of the notifications of an incident, in their order."""
    routes: dict[tuple[str, str, str], Notification] = {}
    for row in rows:
        if row.purpose in FIRST_WORDS and (row.delivered_at is not None or row.unknown or row.state == "sending"):
            apart = row.channel in BY_KEY or storm.is_group(row.key)
            routes.setdefault((row.channel, row.target, row.key if apart else ""), row)
    return list(routes.values())


def tell(session: Session, incident: Incident, purpose: Purpose, *, now: int, text: str = "", person: str = "") -> None:
    """Enqueue an ack, resolve, refresh or note for everyone who was told, but for `person`, who did it and whose
    phone is silent.

    A message about several incidents is acknowledged and resolved when all of them are.
    """
    for row in told(session, incident):
        fits = _purpose(session, incident, row, purpose)
        knows = person != "" and row.person == person and row.channel not in RINGS_ON
        if fits is None or (knows and fits is Purpose.ACK):
            continue
        if fits is Purpose.RESOLVE and _over_there(session, incident, row):
            continue
        _enqueue(session, incident, row, fits, now=now, text=text)


def _purpose(session: Session, incident: Incident, row: Notification, purpose: Purpose) -> Purpose | None:
    """What this route is told of it: None for nothing."""
    if purpose in (Purpose.REFRESH, Purpose.NOTE):
        return purpose if row.channel in EDITS else None
    if purpose is Purpose.RESOLVE and incident.resolved_at is None and row.channel in EDITS:
        return Purpose.REFRESH  # it wakes nobody any more, and is still open
    if not storm.is_group(row.key):
        return purpose
    others = [each for each in storm.behind(session, row.key) if each.resolved_at is None]
    if purpose is Purpose.RESOLVE and not others:
        return purpose
    if others and all(each.state == "acknowledged" for each in others):
        return Purpose.ACK
    return Purpose.REFRESH if row.channel in EDITS else None


def _over_there(session: Session, incident: Incident, row: Notification) -> bool:
    """True when this route was told that it is over since it was told anything else."""
    query = select(Notification).where(
        Notification.incident == incident.id, Notification.channel == row.channel, Notification.target == row.target
    )
    if row.channel in BY_KEY or storm.is_group(row.key):
        query = query.where(Notification.key == row.key)
    said = [each for each in session.exec(query).all() if each.state not in ("superseded", "failed") or each.unknown]
    resolved = max((each.id or 0 for each in said if each.purpose == Purpose.RESOLVE), default=-1)
    return resolved > max((each.id or 0 for each in said if each.purpose in FIRST_WORDS), default=0)


def _enqueue(session: Session, incident: Incident, row: Notification, purpose: Purpose, *, now: int, text: str) -> None:
    if purpose is not Purpose.NOTE:
        _replace_waiting(session, row, purpose)
    way = Deliverable(channel=row.channel, target=row.target, person=row.person, name=row.name, human=row.human)
    enqueue(session, incident, [way], purpose=purpose, now=now, key=row.key, text=text)


def _replace_waiting(session: Session, row: Notification, purpose: Purpose) -> None:
    """What waits to be said there is said by the new message: it shows the incident as it is at sending anyway."""
    overtaken = {purpose, Purpose.REFRESH} | ({Purpose.ACK} if purpose is Purpose.RESOLVE else set())
    query = select(Notification).where(
        Notification.key == row.key,
        Notification.channel == row.channel,
        Notification.target == row.target,
        Notification.state == "pending",
        col(Notification.purpose).in_([str(each) for each in overtaken]),
    )
    for each in session.exec(query).all():
        each.state, each.why = "superseded", "there is newer news"
        session.add(each)
