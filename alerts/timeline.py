"""The timeline of an incident: what happened, in words, in order."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from alerts.message import EventView
from alerts.tables import Event, Incident
from probes.words.text import clean

CONTEXT = "context"  # the kind of a line that tells what else happened
EXPOSED = "exposed"  # of one that tells what passed while nobody saw
CONTEXTS = 3  # of them stand in a message
_ALL = select(Event).where(Event.incident == bindparam("incident")).order_by(col(Event.at), col(Event.id))


def note(session: Session, incident: Incident, kind: str, text: str, *, now: int, by: str = "") -> None:
    """One line on the timeline."""
    session.add(Event(incident=incident.id or 0, at=now, kind=kind, text=clean(text, 300), by=clean(by, 80)))


def events(session: Session, incident: Incident) -> list[EventView]:
    """Every line, oldest first."""
    found = session.exec(_ALL, params={"incident": incident.id}).all()
    return [EventView(at=event.at, kind=event.kind, text=event.text, by=event.by) for event in found]


def add_context(session: Session, incident: Incident, texts: Iterable[str], *, now: int) -> bool:
    """What else happened then, each text once; True when something is new."""
    said = list(dict.fromkeys(clean(text, 300) for text in texts if text.strip()))
    if not said:
        return False
    query = select(Event.text).where(Event.incident == incident.id, Event.kind == CONTEXT)
    new = [text for text in said if text not in set(session.exec(query).all())]
    for text in new:
        note(session, incident, CONTEXT, text, now=now)
    return bool(new)


def context_of(found: Iterable[EventView]) -> tuple[str, ...]:
    """The newest of what else happened, oldest first."""
    return tuple(event.text for event in found if event.kind == CONTEXT)[-CONTEXTS:]


def exposed_of(found: Iterable[EventView]) -> str:
    """What is known to have passed while nobody saw; "" when nothing is."""
    return next((event.text for event in reversed(list(found)) if event.kind == EXPOSED), "")


def round_began(session: Session, incident: Incident) -> int:
    """When the present round began (µs), whatever a mute has shifted since."""
    query = select(Event.at).where(Event.incident == incident.id, Event.kind == "round")
    at = session.exec(query.order_by(col(Event.id).desc()).limit(1)).first()
    return incident.opened if at is None else at
