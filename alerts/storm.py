"""A storm of pages on one route: the first leaves at once, those of the next ten seconds leave as one."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from alerts.message import Purpose
from alerts.routes import FIRST_WORDS
from alerts.tables import Incident, Notification
from probes.words.units import SECOND

TOGETHER = 10 * SECOND
MOST = 500  # pages told of by one message; what is over leaves with the next
_GROUP = ".storm"
LATER = "+"  # in the name of a lane: a way that waits for an answer elsewhere


def leaves(
    session: Session, incident: Incident, *, channel: str, target: str, now: int, wait: int = 0
) -> tuple[int, int | None]:
    """When a new page on this route may leave, and the burst it belongs to: (now, None) when it is the first.

    Ten seconds count from the page that left at once. Pages of one incident never wait for each other. `wait`: it
    leaves that much later (µs), as do those that it is grouped with.
    """
    if wait:
        return _later(session, incident, channel=channel, target=target, at=now + wait)
    query = (
        select(Notification.created)
        .where(
            Notification.channel == channel,
            Notification.target == target,
            col(Notification.created) > now - TOGETHER,
            Notification.purpose == str(Purpose.PAGE),
            col(Notification.burst).is_(None),
            col(Notification.incident) != incident.id,
            ~col(Notification.lane).contains(LATER),
        )
        .order_by(col(Notification.created))
    )
    first = session.exec(query).first()
    return (now, None) if first is None else (first + TOGETHER, first + TOGETHER)


def _later(session: Session, incident: Incident, *, channel: str, target: str, at: int) -> tuple[int, int | None]:
    """The same of pages that wait: grouped by when they leave."""
    query = (
        select(Notification.due_at)
        .where(
            Notification.channel == channel,
            Notification.target == target,
            Notification.state == "pending",
            Notification.purpose == str(Purpose.PAGE),
            col(Notification.due_at) > at - TOGETHER,
            col(Notification.due_at) <= at,
            col(Notification.burst).is_(None),
            col(Notification.incident) != incident.id,
        )
        .order_by(col(Notification.due_at))
    )
    first = session.exec(query).first()
    return (at, None) if first is None else (first + TOGETHER, first + TOGETHER)


def is_group(key: str) -> bool:
    """True for the key of a page about several incidents."""
    return key.endswith(_GROUP)


def gather(session: Session, row: Notification, *, now: int) -> list[Notification]:
    """The pages that leave with this one, itself first: the due ones of its burst.

    Untried they get a key of their own, made of the first one's, as the message stands for all of them; once tried they
    keep it, and those that were tried together stay together.
    """
    if row.burst is None or row.purpose != Purpose.PAGE:
        return [row]
    query = (
        select(Notification)
        .where(
            Notification.channel == row.channel,
            Notification.target == row.target,
            Notification.burst == row.burst,
            Notification.state == "pending",
            Notification.purpose == str(Purpose.PAGE),
            col(Notification.due_at) <= now,
        )
        .order_by(col(Notification.id))
        .limit(MOST)
    )
    if row.tries:
        found = session.exec(query.where(Notification.key == row.key)).all() if is_group(row.key) else [row]
        return _first(row, found)
    group = _first(row, session.exec(query.where(Notification.tries == 0)).all())
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
    mine = select(Notification.incident).where(Notification.key == key, col(Notification.purpose).in_(FIRST_WORDS))
    return list(session.exec(select(Incident).where(col(Incident.id).in_(mine)).order_by(col(Incident.id))).all())
