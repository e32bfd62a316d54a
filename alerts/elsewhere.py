"""What happens to an incident at a service that escalates by itself: who has it there, and that nobody has any more."""

from __future__ import annotations

from sqlmodel import Session, col, select

from alerts import incidents
from alerts.escalate import Escalation
from alerts.message import Answer, Purpose, Reaction
from alerts.tables import Incident, Notification
from alerts.timeline import events, note
from probes.words.text import clean

ASSIGNED = "assigned"  # kind of a timeline line
ACTIONS = ("reassign", "unack")


def react(session: Session, incident: Incident, reaction: Reaction, *, climb: Escalation, now: int) -> Answer:
    """Apply what a service tells of its own copy; told again, it changes nothing."""
    if reaction.action == "unack":
        return _unacknowledged(session, incident, reaction, climb=climb, now=now)
    return _reassigned(session, incident, reaction, now=now)


def _reassigned(session: Session, incident: Incident, reaction: Reaction, *, now: int) -> Answer:
    """The named person is shown wherever the service stood before."""
    names, via = clean(reaction.by, 120), clean(reaction.via, 40)
    said = f"{via} has it with {names}"
    told = [event.text for event in events(session, incident) if event.kind == ASSIGNED]
    if not names or (told and told[-1] == said):
        return Answer(accepted=True, text=f"{incident.title}: known.")
    note(session, incident, ASSIGNED, said, now=now, by=names)
    query = select(Notification).where(
        Notification.incident == incident.id,
        Notification.channel == via,
        Notification.round == incident.round,
        Notification.purpose == str(Purpose.PAGE),
        col(Notification.person) == "",
    )
    for row in session.exec(query).all():
        row.name = clean(f"PagerDuty ({names})", 120) if via == "pagerduty" else names
        session.add(row)
    return Answer(accepted=True, text=f"{incident.title}: {said}.")


def _unacknowledged(session: Session, incident: Incident, reaction: Reaction, *, climb: Escalation, now: int) -> Answer:
    """Nobody has it there any more: the acknowledgement that came from there is over."""
    theirs = incident.state == "acknowledged" and incident.acked_via == reaction.via
    late = reaction.at is not None and incident.acked_at is not None and reaction.at <= incident.acked_at
    if not theirs or late:
        return Answer(accepted=False, text=f"{incident.title}: nothing of it was acknowledged there.")
    note(session, incident, "unacknowledged", f"{clean(reaction.via, 40)}: nobody has it there any more", now=now)
    incident.ack_expires = now
    session.add(incident)
    session.flush()
    incidents.review(session, incident, climb=climb, now=now)
    return Answer(accepted=True, text=f"{incident.title}: nobody is on it any more.")
