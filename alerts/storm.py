"""A storm of pages on one route: the first leaves at once, those of the next ten seconds as one, and so on while it
lasts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Boolean, bindparam
from sqlmodel import Session, col, func, select

from alerts.message import Purpose
from alerts.routes import FIRST_WORDS
from alerts.tables import Incident, Notification
from probes.words.units import SECOND

TOGETHER = 10 * SECOND
MOST = 5_000  # pages told of by one message; what is over leaves with the next
_GROUP = ".storm"
LATER = "+"  # in the name of a lane: a way that waits for an answer elsewhere
_ROUTE = (
    Notification.channel == bindparam("channel"),
    Notification.target == bindparam("target"),
    Notification.purpose == str(Purpose.PAGE),
)
_AS_REAL = (  # pages of drills and of what is real never wait for each other
    select(Incident.id)
    .where(Incident.id == Notification.incident, Incident.drill == bindparam("drill", type_=Boolean))
    .exists()
)
_ALONE = (col(Notification.burst).is_(None), col(Notification.incident) != bindparam("incident"))
_LEFT_AT_ONCE = (
    select(Notification.created)
    .where(*_ROUTE, *_ALONE, col(Notification.created) > bindparam("since"), ~col(Notification.lane).contains(LATER))
    .where(_AS_REAL)
    .order_by(col(Notification.created))
    .limit(1)
)
_LAST_BURST = select(func.max(Notification.burst)).where(
    *_ROUTE,
    col(Notification.incident) != bindparam("incident"),
    col(Notification.burst) > bindparam("since"),
    col(Notification.created) > bindparam("lately"),  # a burst leaves ten seconds after it began; the index knows this
    ~col(Notification.lane).contains(LATER),
    _AS_REAL,
)
_LEAVES_LATER = (
    select(Notification.due_at)
    .where(*_ROUTE, *_ALONE, _AS_REAL, Notification.state == "pending")
    .where(col(Notification.due_at) > bindparam("since"), col(Notification.due_at) <= bindparam("until"))
    .order_by(col(Notification.due_at))
    .limit(1)
)
_BURST = (
    select(Notification)
    .where(*_ROUTE, Notification.burst == bindparam("burst"), Notification.state == "pending")
    .where(col(Notification.due_at) <= bindparam("now"))
    .order_by(col(Notification.id))
    .limit(MOST)
)
_UNTRIED = _BURST.where(Notification.tries == 0)
_TOGETHER = _BURST.where(Notification.key == bindparam("key"))
_MINE = select(Notification.incident).where(
    Notification.key == bindparam("key"), col(Notification.purpose).in_(FIRST_WORDS)
)
_BEHIND = select(Incident).where(col(Incident.id).in_(_MINE)).order_by(col(Incident.id))
_STATES = select(Incident.state).where(col(Incident.id).in_(_MINE), col(Incident.resolved_at).is_(None)).distinct()


def leaves(
    session: Session, incident: Incident, *, channel: str, target: str, now: int, wait: int = 0
) -> tuple[int, int | None]:
    """When a new page on this route may leave, and the burst it belongs to: (now, None) when it is the first.

    Ten seconds count from the page that left at once, or from the last burst. Pages of one incident never wait for each
    other. `wait`: it leaves that much later (µs), as do those that it is grouped with.
    """
    if wait:
        return _later(session, incident, channel=channel, target=target, at=now + wait)
    given = {**_route(incident, channel, target), "since": now - TOGETHER}
    last = session.exec(_LAST_BURST, params={**given, "lately": now - 2 * TOGETHER}).one()
    if last is not None:
        leaves_at = last if last >= now else last + TOGETHER
        return leaves_at, leaves_at
    first = session.exec(_LEFT_AT_ONCE, params=given).first()
    return (now, None) if first is None else (first + TOGETHER, first + TOGETHER)


def _later(session: Session, incident: Incident, *, channel: str, target: str, at: int) -> tuple[int, int | None]:
    """The same of pages that wait: grouped by when they leave."""
    given = {**_route(incident, channel, target), "since": at - TOGETHER, "until": at}
    first = session.exec(_LEAVES_LATER, params=given).first()
    return (at, None) if first is None else (first + TOGETHER, first + TOGETHER)


def _route(incident: Incident, channel: str, target: str) -> dict[str, object]:
    return {"channel": channel, "target": target, "incident": incident.id, "drill": incident.drill}


def is_group(key: str) -> bool:
    """True for the key of a page about several incidents."""
    return key.endswith(_GROUP)


def gather(
    session: Session, row: Notification, *, now: int, spared: Callable[[Notification], bool] = lambda row: False
) -> list[Notification]:
    """The pages that leave with this one, itself first: the due ones of its burst that are not `spared`.

    Untried they get a key of their own, made of the first one's, as the message stands for all of them; once tried they
    keep it, and those that were tried together stay together.
    """
    if row.burst is None or row.purpose != Purpose.PAGE:
        return [row]
    given = {"channel": row.channel, "target": row.target, "burst": row.burst, "now": now}
    if row.tries:
        found = session.exec(_TOGETHER, params={**given, "key": row.key}).all() if is_group(row.key) else [row]
        return _first(row, found)
    found = session.exec(_UNTRIED, params=given).all()
    group = _first(row, [each for each in found if each.id == row.id or not spared(each)])
    if len(group) > 1:
        key = f"{row.key}{_GROUP}"
        for each in group:
            each.key = key
            session.add(each)
    return group


def _first(row: Notification, found: Sequence[Notification]) -> list[Notification]:
    return [row, *(each for each in found if each.id != row.id)]


def behind(session: Session, key: str) -> list[Incident]:
    """The incidents that a key stands for; one, but for a group."""
    return list(session.exec(_BEHIND, params={"key": key}).all())


def states(session: Session, key: str) -> frozenset[str]:
    """The states of those of them that are open; asked without reading them, as there may be thousands."""
    return frozenset(session.exec(_STATES, params={"key": key}).all())
