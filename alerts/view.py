"""An incident as it is at this moment, in plain values: what every channel, page and table shows."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from alerts.book import Book
from alerts.escalate import Escalation
from alerts.ladder import Ladder, Move, Stand, next_move
from alerts.message import EventView, IncidentView
from alerts.oncall import resolve
from alerts.outbox import OPEN_STATES
from alerts.signal import Severity
from alerts.tables import Event, Incident, Member, Notification


def view(session: Session, incident: Incident, *, book: Book, climb: Escalation, now: int) -> IncidentView:
    """The view of one incident; who is next is computed from the policy and the rotations as they are now."""
    told, coming, coming_at = _people(session, incident, book=book, climb=climb, now=now)
    return IncidentView(
        public_id=incident.public_id,
        subject=incident.subject,
        title=incident.title,
        headline=f"{incident.title} {incident.notice or 'needs attention'}: {incident.sentence}",
        state=incident.state,
        severity=incident.severity,
        failure=incident.failure,
        sentence=incident.sentence,
        blame=incident.blame,
        suspected=incident.suspected,
        sure=incident.sure,
        began=incident.began,
        opened=incident.opened,
        paged_at=incident.paged_at,
        acked_at=incident.acked_at,
        acked_by=incident.acked_by,
        resolved_at=incident.resolved_at,
        resolved_by=incident.resolved_by,
        round=incident.round,
        level=incident.level,
        on_call=told,
        next_on_call=coming,
        next_at=coming_at,
        members=tuple(members(session, incident)),
        runbook=incident.runbook if "://" in incident.runbook else "",
        runbook_lines=tuple(incident.runbook_lines),
        page_url=book.site_url,
        run=incident.run,
        drill=incident.drill,
        simulated=incident.simulated,
        nobody_reached=incident.nobody,
        zone=book.zone,
        events=tuple(timeline(session, incident)),
    )


def members(session: Session, incident: Incident) -> Sequence[str]:
    """The probes that fail now; all that ever did once it is over."""
    query = select(Member.member).where(Member.incident == incident.id)
    if incident.resolved_at is None:
        query = query.where(col(Member.ended).is_(None))
    return list(dict.fromkeys(session.exec(query.order_by(col(Member.since), col(Member.id))).all()))


def timeline(session: Session, incident: Incident) -> list[EventView]:
    """Every event, oldest first."""
    query = select(Event).where(Event.incident == incident.id).order_by(col(Event.at), col(Event.id))
    return [EventView(at=event.at, kind=event.kind, text=event.text, by=event.by) for event in session.exec(query)]


def _people(
    session: Session, incident: Incident, *, book: Book, climb: Escalation, now: int
) -> tuple[str, str, int | None]:
    query = select(Notification.name).where(
        Notification.incident == incident.id,
        Notification.purpose == "page",
        col(Notification.human).is_(True),
        col(Notification.round) == incident.round,
        col(Notification.state).in_([*OPEN_STATES, "delivered", "replaced"]),
    )
    told = ", ".join(dict.fromkeys(name for name in session.exec(query.order_by(col(Notification.id))) if name))
    if incident.resolved_at is not None or not Severity(incident.severity).pages:
        return told, "", None
    ladder = Ladder.load(incident.ladder)
    stand = Stand(
        state=incident.state,
        pages=True,
        round=incident.round,
        level=incident.level,
        round_at=incident.round_at,
        nobody=incident.nobody,
        ack_expires=incident.ack_expires,
    )
    step = next_move(stand, ladder)
    targets = ladder.last_resort if step.move is Move.NOBODY else ladder.notify[0]
    if step.move is Move.LEVEL:
        targets = ladder.notify[incident.level]
    names = [
        way.name
        for target in targets
        for way in resolve(target, book=book, overrides=climb.overrides(session), at=now, schedules=climb.schedules)[:1]
        if way.human
    ]
    return told, ", ".join(dict.fromkeys(names)), step.due
