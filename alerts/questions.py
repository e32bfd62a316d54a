"""What is asked back from providers: who answered there, before anybody else is woken here."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from alerts import storm
from alerts.channels.kit import OpenPage
from alerts.message import Purpose
from alerts.tables import Incident, Notification
from probes.words.units import SECOND

AHEAD = 3 * SECOND  # before a level is due, its incident's pages are read again
PATIENCE = 2 * SECOND  # the longest that a level waits for the answer


class Questions:
    """Which incidents were asked about before their next level. Kept in memory: after a restart they are asked about
    again.

    `askable` are the channels that can tell who answered; the dispatcher sets it.
    """

    def __init__(self) -> None:
        self.askable: frozenset[str] = frozenset()
        self._asked: dict[int, int] = {}  # incident → when
        self._waits_since: dict[int, int] = {}

    def awaits(self, session: Session, incident: Incident, due: int, now: int) -> bool:
        """True while the next level of an incident waits to hear whether somebody has answered; two seconds at most."""
        number = incident.id or 0
        if not self.askable or self._known(number, now) or not self._pages(session, incident):
            self._waits_since.pop(number, None)
            return False
        since = self._waits_since.setdefault(number, now)
        if now - since < PATIENCE:
            return True
        del self._waits_since[number]
        return False

    def _known(self, number: int, now: int) -> bool:
        """True when the answer is of the last seconds."""
        return now - self._asked.get(number, 0) <= AHEAD + PATIENCE

    def due(self, session: Session, *, now: int) -> dict[str, list[OpenPage]]:
        """The pages to read again now, by channel: those of incidents that are about to wake somebody."""
        query = select(Incident).where(
            col(Incident.resolved_at).is_(None), col(Incident.paging).is_(True), col(Incident.due_at) <= now + AHEAD
        )
        found: dict[str, dict[tuple[str, str, str], OpenPage]] = {}  # of a storm that has one key it is asked once
        for incident in session.exec(query).all() if self.askable else ():
            if not self._known(incident.id or 0, now):
                for row in self._pages(session, incident):
                    found.setdefault(row.channel, {}).setdefault(_route(row), _page(row, incident))
        return {channel: list(pages.values()) for channel, pages in found.items()}

    def asked(self, session: Session, pages: Iterable[OpenPage], *, now: int) -> None:
        """These were read, or could not be: their next level waits no longer."""
        keys = {page.key for page in pages}
        mine = select(Notification.incident).where(col(Notification.key).in_(keys)).distinct()
        self._asked = {number: at for number, at in self._asked.items() if self._known(number, now)}
        self._asked |= {number: now for number in session.exec(mine).all() if number is not None}

    def _pages(self, session: Session, incident: Incident) -> list[Notification]:
        query = _told().where(Notification.incident == incident.id, col(Notification.channel).in_(sorted(self.askable)))
        return list({_route(row): row for row in session.exec(query.order_by(col(Notification.id))).all()}.values())

    def open_pages(self, session: Session, channel: str) -> list[OpenPage]:
        """What left, or may have left, through a channel about incidents that page and are open."""
        query = (
            select(Notification, Incident)
            .join(Incident, col(Incident.id) == col(Notification.incident))
            .where(col(Incident.resolved_at).is_(None), col(Incident.paging).is_(True))
            .where(Notification.channel == channel, Notification.purpose == str(Purpose.PAGE), _may_have_arrived())
            .order_by(col(Notification.id).desc())
        )
        found: dict[tuple[str, str, str], OpenPage] = {}
        for row, incident in session.exec(query).all():
            found.setdefault(_route(row), _page(row, incident))
        return list(found.values())


def _route(row: Notification) -> tuple[str, str, str]:
    """What one answer is about: all who are told in a round have its key, and each ringing of each phone answers for
    itself."""
    return row.key, row.target, str((row.receipt or {}).get("receipt") or "")


def _may_have_arrived() -> ColumnElement[bool]:
    return or_(col(Notification.delivered_at).is_not(None), col(Notification.unknown).is_(True))


def _told() -> SelectOfScalar[Notification]:
    return select(Notification).where(Notification.purpose == str(Purpose.PAGE), _may_have_arrived())


def _page(row: Notification, incident: Incident) -> OpenPage:
    name = row.key if storm.is_group(row.key) else incident.public_id
    via = incident.acked_via if incident.state == "acknowledged" else ""
    return OpenPage(
        incident=name, key=row.key, round=row.round, person=row.person, acked_via=via, receipt=row.receipt or {}
    )
