"""What happens to an incident at a service that escalates by itself: who has it there, whom it told, and that nobody
has it any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from alerts import follow, incidents
from alerts.escalate import Escalation
from alerts.message import Answer, Purpose, Reaction
from alerts.tables import Event, Incident, Notification
from alerts.timeline import note
from probes.words.clock import moment
from probes.words.text import clean
from probes.words.units import SECOND

TITLES = {"pagerduty": "PagerDuty"}
"""Channels behind which a service escalates by itself, and what they are called."""
ASSIGNED, TOLD, REMARK = "assigned", "told", "remark"  # kinds of timeline lines
ACTIONS = ("reassign", "unack", "told", "remark")
_STATE = ("ack", "unack", "resolve")
_PAGES = select(Notification).where(
    Notification.incident == bindparam("incident"),
    Notification.channel == bindparam("channel"),
    Notification.round == bindparam("round"),
    Notification.purpose == str(Purpose.PAGE),
)
_LAST_ASSIGNED = (
    select(Event.by)
    .where(Event.incident == bindparam("incident"), Event.kind == ASSIGNED)
    .order_by(col(Event.at).desc(), col(Event.id).desc())
    .limit(1)
)
_SAID = select(Event.id).where(
    Event.incident == bindparam("incident"), Event.kind == TOLD, Event.text == bindparam("text")
)
_HOW = {"escalated": "escalated it to", "delegated": "handed it over to", "reassigned": "reassigned it to"}


def is_news(session: Session, incident: Incident, reaction: Reaction) -> bool:
    """False for what a service says of an earlier moment than what it said already: events come twice, and late.

    Its own clock alone is compared, to the second, as that is how exactly its answers tell time. That it speaks of the
    incident also shows that there is one: the page counts as verified.
    """
    if reaction.via not in TITLES or reaction.at is None:
        return True
    part = "state" if reaction.action in _STATE else "assigned" if reaction.action == "reassign" else ""
    said = [reaction.at // SECOND, reaction.action, reaction.by]
    news = True
    for row in _rows(session, incident, reaction):
        receipt = dict(row.receipt or {})
        heard = dict(receipt.get("heard") or {})
        if part and (said[0] < heard.get(part, [0])[0] or heard.get(part) == said):
            news = False
            continue
        there = clean(reaction.said.get("there", ""), 40)
        row.receipt = receipt | {"heard": heard | ({part: said} if part else {})} | ({"there": there} if there else {})
        if row.state == "delivered":
            row.verified, row.verify_at = True, None
        session.add(row)
    return news


def _rows(session: Session, incident: Incident, reaction: Reaction) -> Sequence[Notification]:
    """The pages of that round that went there."""
    given = {"incident": incident.id, "channel": reaction.via, "round": reaction.round or incident.round}
    return session.exec(_PAGES, params=given).all()


def by_number(session: Session, channel: str, there: str) -> Incident | None:
    """The open incident that a service knows under this id of its own."""
    query = (
        select(Notification, Incident)
        .join(Incident, col(Incident.id) == col(Notification.incident))
        .where(Notification.channel == channel, Notification.purpose == str(Purpose.PAGE))
        .where(col(Incident.resolved_at).is_(None), col(Notification.receipt).is_not(None))
    )
    for row, incident in session.exec(query).all() if there else ():
        if there in ((row.receipt or {}).get("there"), (row.receipt or {}).get("id")):
            return incident
    return None


def react(
    session: Session,
    incident: Incident,
    reaction: Reaction,
    *,
    climb: Escalation,
    now: int,
    heard: set[follow.Route] | None = None,
) -> Answer:
    """Apply what a service tells of its own copy; told again, it changes nothing. `heard`: as `follow.tell` has it."""
    if reaction.action == "unack":
        return _unacknowledged(session, incident, reaction, climb=climb, now=now)
    if reaction.action == "told":
        return _told(session, incident, reaction, zone=climb.book().zone, now=now, heard=heard)
    if reaction.action == "remark":
        note(session, incident, REMARK, f"{_title(reaction)}, {clean(reaction.said.get('text', ''), 280)}",
             now=now, by=reaction.by)  # fmt: skip
        return Answer(accepted=True, text=f"{incident.title}: noted.")
    return _reassigned(session, incident, reaction, now=now, heard=heard)


def _title(reaction: Reaction) -> str:
    return TITLES.get(reaction.via, clean(reaction.via, 40))


def _reassigned(
    session: Session, incident: Incident, reaction: Reaction, *, now: int, heard: set[follow.Route] | None
) -> Answer:
    """Who has it there is shown wherever the service stood before."""
    names = clean(reaction.by, 80)
    with session.no_autoflush:  # what is asked for was written before
        last = session.exec(_LAST_ASSIGNED, params={"incident": incident.id}).first()
    if not names or last == names:
        return Answer(accepted=True, text=f"{incident.title}: known.")
    how, who = _HOW.get(reaction.said.get("how", "")), clean(reaction.said.get("agent", ""), 80)
    said = f"{_title(reaction)} has it with {names}"
    if how:
        said = f"{who} {how} {names} at {_title(reaction)}" if who else f"{_title(reaction)} {how} {names}"
    note(session, incident, ASSIGNED, said, now=now, by=names)
    _name(session, incident, reaction, f"{_title(reaction)} ({names})", now=now, heard=heard)
    return Answer(accepted=True, text=f"{incident.title}: {said}.")


def _told(
    session: Session, incident: Incident, reaction: Reaction, *, zone: str, now: int, heard: set[follow.Route] | None
) -> Answer:
    """Whom the service woke, and when by its own word."""
    names, at = clean(reaction.by, 80), moment(reaction.at or now).astimezone(ZoneInfo(zone))
    said = f"{_title(reaction)} told {names} at {at:%H:%M %Z}"
    with session.no_autoflush:  # what is asked for was written before
        known = session.exec(_SAID, params={"incident": incident.id, "text": clean(said, 300)}).first()
    if known is not None:
        return Answer(accepted=True, text=f"{incident.title}: known.")
    note(session, incident, TOLD, said, now=now, by=names)
    _name(session, incident, reaction, f"{_title(reaction)} (told {names} at {at:%H:%M %Z})", now=now, heard=heard)
    return Answer(accepted=True, text=f"{incident.title}: {said}.")


def _name(
    session: Session, incident: Incident, reaction: Reaction, name: str, *, now: int, heard: set[follow.Route] | None
) -> None:
    """Name the service so where it is told of in this round, and have shown what is shown already."""
    with session.no_autoflush:  # what has changed stands in these same objects
        rows = _rows(session, incident, reaction)
    for row in rows:
        if not row.person:
            row.name = clean(name, 120)
            session.add(row)
    session.flush()
    follow.tell(session, incident, Purpose.REFRESH, now=now, heard=heard)


def _unacknowledged(session: Session, incident: Incident, reaction: Reaction, *, climb: Escalation, now: int) -> Answer:
    """Nobody has it there any more: the acknowledgement that came from there is over, any other one holds."""
    earlier = reaction.round is not None and reaction.round < incident.round
    if incident.state != "acknowledged" or incident.acked_via != reaction.via or earlier:
        return Answer(accepted=False, text=f"{incident.title}: nothing of it was acknowledged there.")
    who = clean(reaction.said.get("agent", ""), 80)
    said = f"{who} took the answer back there" if who else "nobody has it there any more"
    note(session, incident, "unacknowledged", f"{_title(reaction)}: {said}", now=now)
    incident.ack_expires = now
    session.add(incident)
    session.flush()
    incidents.review(session, incident, climb=climb, now=now)
    return Answer(accepted=True, text=f"{incident.title}: nobody is on it any more.")
