"""An incident as it is at this moment, in plain values: what every channel, page and table shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlmodel import Session, col, select

from alerts import elsewhere, folding, render, timeline
from alerts import members as members_of
from alerts.escalate import Escalation, stand_of
from alerts.ladder import Ladder, Move, next_move
from alerts.message import IncidentView, Purpose
from alerts.outbox import OPEN_STATES
from alerts.tables import Incident, Notification

LISTED = 20  # incidents that a message about a storm names


def view(session: Session, incident: Incident, *, climb: Escalation, now: int) -> IncidentView:
    """The view of one incident; who is next is computed from the policy and the rotations as they are now."""
    book = climb.book()
    coming, coming_at = _coming(session, incident, climb=climb, now=now)
    over = incident.resolved_at is not None
    happened = timeline.events(session, incident)
    speaker = folding.speaker(session, incident)
    seen = IncidentView(
        public_id=incident.public_id,
        subject=incident.subject,
        title=incident.title,
        headline="",
        state=incident.state,
        severity=incident.severity,
        failure=incident.failure,
        notice=incident.notice,
        sentence=incident.sentence,
        blame=incident.blame,
        suspected=incident.suspected,
        sure=incident.sure,
        began=incident.began,
        opened=incident.opened,
        paged_at=incident.paged_at,
        acked_at=incident.answered_at if over else incident.acked_at,
        acked_by=incident.answered_by if over else incident.acked_by,
        resolved_at=incident.resolved_at,
        resolved_by=incident.resolved_by,
        round=incident.round,
        level=incident.level,
        on_call=_told(session, incident),
        next_on_call=coming,
        next_at=coming_at,
        members=tuple(_members(session, incident)),
        runbook=incident.runbook if "://" in incident.runbook else "",
        runbook_lines=tuple(incident.runbook_lines),
        page_url=book.site_url,
        run=incident.run,
        drill=incident.drill,
        simulated=incident.simulated,
        nobody_reached=incident.nobody,
        zone=book.zone,
        left_to=f"{speaker.public_id} of {speaker.title}" if speaker is not None else "",
        spoken_at=speaker.paged_at if speaker is not None else None,
        heard_at=(speaker.acked_at or speaker.answered_at) if speaker is not None else None,
        context=timeline.context_of(happened),
        urgent=incident.urgent,
        noticed_by=incident.noticed_by,
        reported_at=incident.reported_at,
        last_good=incident.last_good,
        merged_into=_merged(session, incident),
        beside=replace(climb.beside(session, incident), exposed=timeline.exposed_of(happened)),
        events=tuple(happened),
    )
    return replace(seen, headline=render.headline(seen))


def _merged(session: Session, incident: Incident) -> str:
    other = session.get(Incident, incident.merged_into) if incident.merged_into is not None else None
    return other.public_id if other is not None else ""


def group(session: Session, incidents: Sequence[Incident], key: str, *, climb: Escalation, now: int) -> IncidentView:
    """Several incidents in one message: the first one's view, naming the others; answers to it carry the key of the
    group.
    """
    open_ones = [each for each in incidents if each.resolved_at is None] or list(incidents)
    lead = view(session, open_ones[0], climb=climb, now=now)
    if len(open_ones) == 1:
        return replace(lead, public_id=key)
    titles = [each.title for each in open_ones]
    more = (f"and {len(titles) - LISTED} more",) if len(titles) > LISTED else ()
    states = {each.state for each in open_ones}
    sentence = f"and {len(titles) - 1} more are failing: {', '.join(titles[1:6])}" + (" …" if len(titles) > 6 else "")
    seen = replace(
        lead,
        public_id=key,
        state="triggered" if "triggered" in states else lead.state,
        sentence=sentence,
        members=(*titles[:LISTED], *more),
        runbook_lines=(),
    )
    return replace(seen, headline=render.headline(seen))


def _members(session: Session, incident: Incident) -> list[str]:
    """What fails now, or all that ever did once it is over; and what is left to this incident."""
    if incident.resolved_at is not None:
        return members_of.ever(session, incident)
    own = [row.member for row in members_of.failing(session, incident)]
    return own + folding.folded_into(session, incident)


def _told(session: Session, incident: Incident) -> str:
    """Who is being told in this round."""
    query = select(Notification).where(
        Notification.incident == incident.id,
        Notification.purpose == str(Purpose.PAGE),
        col(Notification.human).is_(True),
        Notification.round == incident.round,
        col(Notification.state).in_([*OPEN_STATES, "delivered"]),
    )
    names = (_named(row) for row in session.exec(query.order_by(col(Notification.id))).all() if row.name)
    return ", ".join(dict.fromkeys(names))


def _named(row: Notification) -> str:
    """Who it is; a service that took a page and has not shown yet that it tells anybody is said to be so."""
    if row.channel not in elsewhere.TITLES or row.verified:
        return row.name
    if row.exhausted:
        return f"{row.name} (not reached)"
    return f"{row.name} (accepted, unverified)" if row.state == "delivered" else row.name


def _coming(session: Session, incident: Incident, *, climb: Escalation, now: int) -> tuple[str, int | None]:
    """Who is told next, and when, unless somebody answers."""
    if incident.resolved_at is not None or not incident.paging:
        return "", None
    ladder = Ladder.load(incident.ladder)
    targets: Sequence[str] = ladder.notify[0]
    at = incident.ack_expires
    if incident.state == "triggered":
        step = next_move(stand_of(incident), ladder)
        at = step.due
        if step.move is Move.LEVEL:
            targets = ladder.notify[incident.level]
        elif step.move is Move.NOBODY:
            targets = ladder.last_resort
    scene = climb.scene(session, now=now)
    names = [way.name for target in targets for way in scene.ways(target)[:1] if way.human]
    return ", ".join(dict.fromkeys(names)), at
