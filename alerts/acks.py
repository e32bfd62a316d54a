"""An answer, from wherever it comes: button, phone, service, console or command; it may come twice."""

from __future__ import annotations

from sqlmodel import Session, col, select

from alerts.escalate import Escalation, tell_those_told
from alerts.incidents import failing, resolve, supersede
from alerts.ladder import Ladder
from alerts.message import Answer, Purpose, Reaction
from alerts.outbox import note
from alerts.tables import Incident, Notification
from probes.words.text import clean


def find(session: Session, name: str) -> Incident | None:
    """The incident of a public id, of a provider's key, or of a message's marker."""
    public_id = name.removeprefix("showup-").partition(".")[0].upper()
    found = session.exec(select(Incident).where(Incident.public_id == public_id)).first()
    if found is not None:
        return found
    row = session.exec(select(Notification).where(Notification.marker == name)).first()
    return session.get(Incident, row.incident) if row is not None and row.incident is not None else None


def react(session: Session, reaction: Reaction, *, climb: Escalation, now: int) -> Answer:
    """Apply an answer; says politely when it is late, early or about nothing."""
    incident = find(session, reaction.incident)
    if incident is None:
        return Answer(accepted=False, text="There is no such incident.")
    by = clean(reaction.by, 80)
    if incident.state == "resolved":
        return Answer(accepted=False, text=f"{incident.title}: already resolved by {incident.resolved_by}.")
    if reaction.action in ("ack", "snooze"):
        return acknowledge(session, incident, by=by, via=reaction.via, now=now)
    if reaction.action == "resolve":
        return _resolve(session, incident, reaction=reaction, by=by, climb=climb, now=now)
    return Answer(accepted=False, text=f"{clean(reaction.action, 20)} is nothing that can be done here.")


def acknowledge(session: Session, incident: Incident, *, by: str, via: str, now: int) -> Answer:
    """Somebody is on it: no level starts until the acknowledgement expires. Those in one message are answered
    together.
    """
    if incident.state == "acknowledged":
        return Answer(accepted=True, text=f"{incident.title}: {incident.acked_by} is on it already.")
    for each in [incident, *_grouped(session, incident)]:
        ladder = Ladder.load(each.ladder)
        each.state, each.acked_at, each.acked_by, each.nobody = "acknowledged", now, by, False
        each.ack_expires = each.due_at = now + ladder.ack
        each.version += 1
        session.add(each)
        note(session, each, "acknowledged", f"acknowledged by {by} through {via}", now=now, by=by)
        supersede(session, each, now=now, tried_too=False)
        tell_those_told(session, each, purpose=Purpose.ACK, now=now)
    return Answer(accepted=True, text=f"{incident.title}: acknowledged by {by}.")


def _grouped(session: Session, incident: Incident) -> list[Incident]:
    """Other incidents that the same message told of, still unanswered."""
    mine = select(Notification.id).where(Notification.incident == incident.id)
    rows = session.exec(select(Notification.incident).where(col(Notification.lead).in_(mine))).all()
    found = [session.get(Incident, number) for number in sorted({number for number in rows if number})]
    return [each for each in found if each is not None and each.state == "triggered"]


def _resolve(
    session: Session, incident: Incident, *, reaction: Reaction, by: str, climb: Escalation, now: int
) -> Answer:
    """A person's resolve while it still fails becomes an acknowledgement; a service's begins a new round."""
    if not failing(session, incident):
        resolve(session, incident, by=by, now=now)
        return Answer(accepted=True, text=f"{incident.title}: resolved.")
    via = reaction.via
    if reaction.service:
        if reaction.round is not None and reaction.round < incident.round:
            return Answer(accepted=False, text="That was about an earlier round.")
        note(session, incident, "closed", f"{via} closed it by itself while it still fails", now=now, by=by)
        climb.begin(session, incident, now=now, why=f"{via} closed it while it still fails")
        return Answer(accepted=False, text=f"{incident.title}: still failing, paged again.")
    answer = acknowledge(session, incident, by=by, via=via, now=now)
    if answer.accepted:
        note(session, incident, "kept", "it still fails: the resolve counts as an acknowledgement", now=now, by=by)
        return Answer(accepted=True, text=f"{incident.title}: still failing, so this counts as an acknowledgement.")
    return answer
