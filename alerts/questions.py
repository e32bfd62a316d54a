"""What is asked back from providers: who answered there, before anybody else is woken here."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import bindparam
from sqlmodel import Session, col, or_, select

from alerts import storm
from alerts.channels.kit import OpenPage
from alerts.message import Purpose
from alerts.tables import Incident, Notification
from probes.words.units import SECOND

AHEAD = 3 * SECOND  # before a level is due, its incident's pages are read again
PATIENCE = 9 * SECOND // 10  # that a level waits for the answer; with a scan each second it starts within two
ABSENT = 10 * SECOND  # without a look: nothing was asked meanwhile, as after a start or a sleep of the machine
_SOON = select(Incident).where(
    col(Incident.resolved_at).is_(None), col(Incident.paging).is_(True), col(Incident.due_at) <= bindparam("until")
)
_MAY_HAVE_ARRIVED = or_(col(Notification.delivered_at).is_not(None), col(Notification.unknown).is_(True))
_A_PAGE = col(Notification.purpose).in_((str(Purpose.PAGE), str(Purpose.EMERGENCY)))
_TOLD = (
    select(Notification)
    .where(_A_PAGE, _MAY_HAVE_ARRIVED)
    .where(
        Notification.incident == bindparam("incident"),
        col(Notification.channel).in_(bindparam("channels", expanding=True)),
    )
    .order_by(col(Notification.id))
)


class Questions:
    """Which incidents were asked about before their next level. Kept in memory: after a restart they are asked about
    again.

    `askable` are the channels that can tell who answered; the dispatcher sets it.
    """

    def __init__(self) -> None:
        self.askable: frozenset[str] = frozenset()
        self._asked: dict[int, int] = {}  # incident → when
        self._up = self._looked = 0  # since when looks have come one after the other, and the last of them

    def awaits(self, session: Session, incident: Incident, due: int, now: int) -> bool:
        """True while the next level of an incident waits to hear whether somebody has answered: from when it is due, or
        from when it can be asked at all."""
        if not self.askable or self._known(incident.id or 0, now):
            return False
        self._look(now)
        waited = now - max(due, self._up)  # below 0 only where a clock was put back: then nothing waits
        return 0 <= waited < PATIENCE and bool(self._pages(session, incident))

    def _look(self, now: int) -> None:
        if now - self._looked > ABSENT:
            self._up = now
        self._looked = max(self._looked, now)

    def _known(self, number: int, now: int) -> bool:
        """True when the answer is of the last seconds."""
        return now - self._asked.get(number, 0) <= AHEAD + PATIENCE

    def due(self, session: Session, *, now: int) -> dict[str, list[OpenPage]]:
        """The pages to read again now, by channel: those of incidents that are about to wake somebody."""
        self._look(now)
        found: dict[str, dict[tuple[str, str, str], OpenPage]] = {}  # of a storm that has one key it is asked once
        soon = session.exec(_SOON, params={"until": now + AHEAD}).all() if self.askable else ()
        for incident in soon:
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
        given = {"incident": incident.id, "channels": sorted(self.askable)}
        return list({_route(row): row for row in session.exec(_TOLD, params=given).all()}.values())

    def open_pages(self, session: Session, channel: str) -> list[OpenPage]:
        """What left, or may have left, through a channel about incidents that page and are open."""
        query = (
            select(Notification, Incident)
            .join(Incident, col(Incident.id) == col(Notification.incident))
            .where(col(Incident.resolved_at).is_(None), col(Incident.paging).is_(True))
            .where(Notification.channel == channel, _A_PAGE, _MAY_HAVE_ARRIVED)
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


def _page(row: Notification, incident: Incident) -> OpenPage:
    name = row.key if storm.is_group(row.key) else incident.public_id
    via = incident.acked_via if incident.state == "acknowledged" else ""
    return OpenPage(
        incident=name, key=row.key, round=row.round, person=row.person, acked_via=via, receipt=row.receipt or {}
    )
