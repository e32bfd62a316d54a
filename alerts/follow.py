"""Following up: whoever was told, or may have been, hears that somebody answered, that it changed, that it is over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from alerts import storm
from alerts.message import Purpose
from alerts.oncall import Deliverable
from alerts.outbox import enqueue
from alerts.routes import BY_KEY, EDITS, FIRST_WORDS, RINGS_ON
from alerts.tables import Incident, Notification

_FIRST_WORDS = (
    select(Notification)
    .where(Notification.incident == bindparam("incident"), col(Notification.purpose).in_(FIRST_WORDS))
    .order_by(col(Notification.id))
)
_ROUTE = (Notification.channel == bindparam("channel"), Notification.target == bindparam("target"))
_SAID = select(Notification).where(Notification.incident == bindparam("incident"), *_ROUTE)
_WAITS = select(Notification).where(Notification.key == bindparam("key"), *_ROUTE, Notification.state == "pending")
_TOLD_ACK = (
    select(Notification.id)
    .where(Notification.key == bindparam("key"), *_ROUTE, Notification.purpose == str(Purpose.ACK))
    .where(col(Notification.state).in_(("pending", "sending", "delivered")))
    .limit(1)
)
_MORE = re.compile(r"and (\d+) more")
MOST_LINES = 8  # of news that wait together for one thread; of more, the number is said


def told(session: Session, incident: Incident) -> list[Notification]:
    """The first message on each route that may have been told; where incidents are kept by key, for each key."""
    return told_of(session.exec(_FIRST_WORDS, params={"incident": incident.id}).all())


def told_of(rows: Iterable[Notification]) -> list[Notification]:
    """The same of the notifications of an incident, in their order."""
    routes: dict[tuple[str, str, str], Notification] = {}
    for row in rows:
        if row.purpose in FIRST_WORDS and (row.delivered_at is not None or row.unknown or row.state == "sending"):
            apart = row.channel in BY_KEY or storm.is_group(row.key)
            routes.setdefault((row.channel, row.target, row.key if apart else ""), row)
    return list(routes.values())


Route = tuple[str, str, str]  # channel, target, key


def tell(
    session: Session,
    incident: Incident,
    purpose: Purpose,
    *,
    now: int,
    text: str = "",
    person: str = "",
    heard: set[Route] | None = None,
    there: tuple[str, int] = ("", 0),
) -> None:
    """Enqueue an ack, resolve, refresh or note for everyone who was told, but for `person`, who did it and whose
    phone is silent.

    A message about several incidents is acknowledged and resolved when all of them are. `heard` collects the routes
    that were told of a group, and spares them the same again. `there` is the channel and round in which a service was
    answered by itself: it is not told again, as an echo that is late would take back what was done there meanwhile.
    """
    for row in told(session, incident):
        if heard is not None and storm.is_group(row.key):
            if (row.channel, row.target, row.key) in heard:
                continue
            heard.add((row.channel, row.target, row.key))
        fits = _purpose(session, incident, row, purpose)
        if fits is Purpose.ACK and row.channel in BY_KEY and (row.channel, row.round) == there:
            continue
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
    states = storm.states(session, row.key)
    if purpose is Purpose.RESOLVE and not states:
        return purpose
    if states == {"acknowledged"} and not _answered(session, incident, row):
        return Purpose.ACK
    return Purpose.REFRESH if row.channel in EDITS else None


def _answered(session: Session, incident: Incident, row: Notification) -> bool:
    """True when this route was told, or will be, that somebody is on all of a group; one of them recovering is no news
    then."""
    if incident.resolved_at is None:
        return False
    route = {"key": row.key, "channel": row.channel, "target": row.target}
    return session.exec(_TOLD_ACK, params=route).first() is not None


def _over_there(session: Session, incident: Incident, row: Notification) -> bool:
    """True when this route was told that it is over since it was told anything else."""
    by_key = row.channel in BY_KEY or storm.is_group(row.key)
    route = {"incident": incident.id, "channel": row.channel, "target": row.target}
    rows = [each for each in session.exec(_SAID, params=route).all() if not by_key or each.key == row.key]
    said = [each for each in rows if each.state not in ("superseded", "failed") or each.unknown]
    resolved = max((each.id or 0 for each in said if each.purpose == Purpose.RESOLVE), default=-1)
    return resolved > max((each.id or 0 for each in said if each.purpose in FIRST_WORDS), default=0)


def _enqueue(session: Session, incident: Incident, row: Notification, purpose: Purpose, *, now: int, text: str) -> None:
    if purpose is not Purpose.NOTE:
        _replace_waiting(session, row, purpose)
    elif _joins_waiting(session, row, text):
        return
    way = Deliverable(channel=row.channel, target=row.target, person=row.person, name=row.name, human=row.human)
    enqueue(session, incident, [way], purpose=purpose, now=now, key=row.key, text=text)


def _replace_waiting(session: Session, row: Notification, purpose: Purpose) -> None:
    """What waits to be said there is said by the new message: it shows the incident as it is at sending anyway."""
    overtaken = {purpose, Purpose.REFRESH} | ({Purpose.ACK} if purpose is Purpose.RESOLVE else set())
    for each in _waiting(session, row):
        if each.purpose in overtaken:
            each.state, each.why = "superseded", "there is newer news"
            session.add(each)


def _waiting(session: Session, row: Notification) -> Sequence[Notification]:
    route = {"key": row.key, "channel": row.channel, "target": row.target}
    return session.exec(_WAITS, params=route).all()


def _joins_waiting(session: Session, row: Notification, text: str) -> bool:
    """True when the news is told by a note that was never tried yet: of a storm a thread gets a few lines, not a
    thousand messages."""
    for each in _waiting(session, row):
        if each.purpose == Purpose.NOTE and not each.tries:
            each.text = "\n".join(_shortened([*each.text.split("\n"), text]))
            session.add(each)
            return True
    return False


def _shortened(lines: list[str]) -> list[str]:
    if len(lines) <= MOST_LINES:
        return lines
    counted = _MORE.fullmatch(lines[MOST_LINES - 1])
    return [*lines[: MOST_LINES - 1], f"and {int(counted[1]) + 1 if counted else 2} more"]
