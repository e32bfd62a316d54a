"""The timeline of an incident: what happened, in words, in order."""

from __future__ import annotations

from sqlmodel import Session, col, select

from alerts.message import EventView
from alerts.tables import Event, Incident
from probes.words.text import clean


def note(session: Session, incident: Incident, kind: str, text: str, *, now: int, by: str = "") -> None:
    """One line on the timeline."""
    session.add(Event(incident=incident.id or 0, at=now, kind=kind, text=clean(text, 300), by=clean(by, 80)))


def events(session: Session, incident: Incident) -> list[EventView]:
    """Every line, oldest first."""
    query = select(Event).where(Event.incident == incident.id).order_by(col(Event.at), col(Event.id))
    return [EventView(at=event.at, kind=event.kind, text=event.text, by=event.by) for event in session.exec(query)]


def round_began(session: Session, incident: Incident) -> int:
    """When the present round began (µs), whatever a mute has shifted since."""
    query = select(Event.at).where(Event.incident == incident.id, Event.kind == "round")
    at = session.exec(query.order_by(col(Event.id).desc()).limit(1)).first()
    return incident.opened if at is None else at
