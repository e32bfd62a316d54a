"""An answer, from wherever it comes: button, phone, service, console or command; it may come twice, and late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from alerts import elsewhere, follow, incidents, members, outbox, storm
from alerts.escalate import Escalation
from alerts.ladder import Ladder
from alerts.message import Answer, Purpose, Reaction
from alerts.tables import Incident, Notification
from alerts.timeline import note, round_began
from probes.words.text import clean
from probes.words.units import HOUR, MINUTE, micros_of, parse_duration, say_duration
from probes.words.wall import instant, wall_of

SNOOZE, LONGEST_SNOOZE = 30 * MINUTE, 24 * HOUR
_TOLD_OF = (
    select(Notification.round)
    .where(Notification.incident == bindparam("incident"), Notification.key == bindparam("key"))
    .order_by(col(Notification.id).desc())
    .limit(1)
)


def find(session: Session, name: str) -> list[Incident]:
    """The incidents of a public id, of a provider's key (several when it told of a storm), or of a message's marker."""
    name = name.strip()[:255]
    found = incidents.by_public_id(session, name)
    if found is not None:
        return [found]
    known = storm.behind(session, name)
    if known:
        return known
    row = session.exec(select(Notification).where(col(Notification.marker) == name)).first()
    marked = session.get(Incident, row.incident) if row is not None and row.incident is not None else None
    return [marked] if marked is not None else []


def react(session: Session, reaction: Reaction, *, climb: Escalation, now: int) -> Answer:
    """Apply an answer; says politely when it is late, early or about nothing."""
    found = find(session, reaction.incident)
    if not found and reaction.action == "remark":
        there = elsewhere.by_number(session, reaction.via, reaction.said.get("there", ""))
        found = [there] if there is not None else []
    if not found:
        return Answer(accepted=False, text="There is no such incident.")
    if reaction.action not in ("ack", "snooze", "resolve", *elsewhere.ACTIONS):
        return Answer(accepted=False, text=f"{clean(reaction.action, 20)} is nothing that can be done here.")
    if len(found) > 1:
        return _react_all(session, found, reaction, climb=climb, now=now)
    return _react(session, found[0], reaction, climb=climb, now=now)


def _react_all(
    session: Session, found: Sequence[Incident], reaction: Reaction, *, climb: Escalation, now: int
) -> Answer:
    """One answer to the message about a storm: it is all of theirs, and each route hears of it once."""
    heard: set[follow.Route] = set()
    answers = [
        _react(session, each, _of_its_round(session, each, reaction), climb=climb, now=now, heard=heard)
        for each in found
    ]
    for incident in found:
        if incident.state == "acknowledged" and incident.acked_at == now:
            said, there = _said(reaction, (incident.ack_expires or now) - now), _there(reaction, incident)
            follow.tell(
                session, incident, Purpose.ACK, now=now, text=said, person=reaction.person, heard=heard, there=there
            )
    accepted = [answer for answer in answers if answer.accepted]
    if not accepted:
        return answers[0]
    return Answer(accepted=True, text=f"{accepted[0].text} And {len(accepted) - 1} more with it.")


def _of_its_round(session: Session, incident: Incident, reaction: Reaction) -> Reaction:
    """An answer to a message about several, as one to the round of this one that it told of."""
    row = session.exec(_TOLD_OF, params={"incident": incident.id, "key": reaction.incident}).first()
    return replace(reaction, round=row) if row is not None and reaction.round is not None else reaction


def _react(
    session: Session,
    incident: Incident,
    reaction: Reaction,
    *,
    climb: Escalation,
    now: int,
    heard: set[follow.Route] | None = None,
) -> Answer:
    """Apply it to one incident; with `heard` to one of a group, whose routes hear of what a person did later."""
    quiet = heard is not None
    if incident.resolved_at is not None:
        return Answer(accepted=False, text=f"{incident.title}: already resolved by {incident.resolved_by}.")
    if not elsewhere.is_news(session, incident, reaction):
        return Answer(accepted=False, text=f"{incident.title}: that is known, or overtaken.")
    if reaction.action in elsewhere.ACTIONS:
        return elsewhere.react(session, incident, reaction, climb=climb, now=now, heard=heard)
    refusal = _refusal(session, incident, reaction, now)
    if refusal:
        return Answer(accepted=False, text=f"{incident.title}: {refusal}")
    if reaction.action == "resolve":
        return _resolve(session, incident, reaction, climb=climb, now=now, quiet=quiet)
    return acknowledge(session, incident, reaction, climb=climb, now=now, quiet=quiet)


def _refusal(session: Session, incident: Incident, reaction: Reaction, now: int) -> str:
    """Why an answer does not count, "" when it does: it must be a person's, of now, and to what was told last."""
    if reaction.service and reaction.action != "resolve":
        return "only a person's answer counts."
    if reaction.at is not None and reaction.at + Ladder.load(incident.ladder).ack <= now:
        return "that answer is too old."
    earlier = reaction.round is not None and reaction.round < incident.round
    if earlier and (reaction.service or (reaction.at is not None and reaction.at < round_began(session, incident))):
        return "that was about an earlier round."
    return ""


def acknowledge(
    session: Session, incident: Incident, reaction: Reaction, *, climb: Escalation, now: int, quiet: bool = False
) -> Answer:
    """Somebody is on it: no level starts until the acknowledgement expires. Given again, it lasts longer. `quiet`: the
    caller tells the others."""
    by, via = clean(reaction.by, 80) or "somebody", clean(reaction.via, 40)
    if not incident.paging:
        return Answer(accepted=False, text=f"{incident.title}: nobody is being paged, there is nothing to answer.")
    asked = reaction.action == "snooze"
    length = _length(reaction, climb.book().zone, now) if asked else Ladder.load(incident.ladder).ack
    if incident.state == "acknowledged":
        return _renew(session, incident, reaction, by, length=length, climb=climb, now=now)
    failing = [row.member for row in members.failing(session, incident)]
    incident.state, incident.acked_at, incident.acked_by, incident.nobody = "acknowledged", now, by, False
    incident.acked_via = via
    incident.acked_members = failing or members.ever(session, incident)
    incident.acked_severity, incident.ack_expires, incident.ack_grace = incident.severity, now + length, False
    if incident.answered_at is None:
        incident.answered_at, incident.answered_by = now, by
    incident.held_by = None
    session.add(incident)
    word, said = _word(reaction), _said(reaction, length)
    note(session, incident, word, said[:1].lower() + said[1:], now=now, by=by)
    outbox.withdraw(session, incident, why=f"{word} by {by}")
    if not quiet:
        there = _there(reaction, incident)
        follow.tell(session, incident, Purpose.ACK, now=now, text=said, person=reaction.person, there=there)
    climb.advance(session, incident, now=now)
    return Answer(accepted=True, text=f"{incident.title}: {word} by {by} for {_rough(length)}.")


def _there(reaction: Reaction, incident: Incident) -> tuple[str, int]:
    """The channel and round in which it was answered."""
    return clean(reaction.via, 40), reaction.round or incident.round


def _word(reaction: Reaction) -> str:
    return "snoozed" if reaction.action == "snooze" else "acknowledged"


def _said(reaction: Reaction, length: int) -> str:
    by = clean(reaction.by, 80) or "somebody"
    return f"{_word(reaction).capitalize()} by {by} through {clean(reaction.via, 40)} for {_rough(length)}"


def _length(reaction: Reaction, zone: str, now: int) -> int:
    """How long a snooze is: as it was asked for, or until that time of day; half an hour otherwise, a day at most."""
    try:
        if until := reaction.said.get("until"):
            asked = _next(time.fromisoformat(until), ZoneInfo(zone), now) - now
        else:
            asked = micros_of(parse_duration(str(reaction.said.get("for") or "")))
    except (ValueError, LookupError, OSError):
        return SNOOZE
    return min(max(MINUTE, asked), LONGEST_SNOOZE)


def _rough(length: int) -> str:
    """A length in words, from an hour on to the minute."""
    return say_duration(length // MINUTE * MINUTE if length > HOUR else length)


def _next(at: time, zone: ZoneInfo, now: int) -> int:
    """When the clock on the wall shows that next (µs)."""
    today = wall_of(now, zone).date()
    days = (datetime.combine(today + timedelta(days=number), at) for number in range(2))
    return next((there for day in days if (there := instant(day, zone)) > now), now)


def _renew(
    session: Session, incident: Incident, reaction: Reaction, by: str, *, length: int, climb: Escalation, now: int
) -> Answer:
    """A later answer to what is acknowledged already; one read a second time changes nothing."""
    text = f"{incident.title}: {incident.acked_by} is on it already."
    seen = reaction.at is not None and incident.acked_at is not None and reaction.at <= incident.acked_at
    expires = max(incident.ack_expires or 0, now + length)
    if seen or expires == incident.ack_expires:
        return Answer(accepted=True, text=text)
    incident.ack_expires = expires
    if reaction.via != incident.acked_via:  # what is taken back where it was answered first leaves this answer
        incident.acked_by, incident.acked_via = by, clean(reaction.via, 40)
    session.add(incident)
    note(session, incident, "acknowledged", f"acknowledged by {by} too, for {_rough(length)}", now=now, by=by)
    climb.advance(session, incident, now=now)
    return Answer(accepted=True, text=text)


def _resolve(
    session: Session, incident: Incident, reaction: Reaction, *, climb: Escalation, now: int, quiet: bool = False
) -> Answer:
    """A person's resolve while it still fails becomes an acknowledgement; a service's begins a new round."""
    by, via = clean(reaction.by, 80) or "somebody", clean(reaction.via, 40)
    failing = members.failing(session, incident)
    reported = not reaction.service and all(row.member == members.REPORTED for row in failing)
    if reported or not failing:  # nobody else can end a report
        incidents.resolve(session, incident, by=by, climb=climb, now=now)
        return Answer(accepted=True, text=f"{incident.title}: resolved.")
    if reaction.service:
        return _closed_by_service(session, incident, by=by, via=via, climb=climb, now=now)
    answer = acknowledge(session, incident, reaction, climb=climb, now=now, quiet=quiet)
    if answer.accepted:
        note(session, incident, "kept", "it still fails: the resolve counts as an acknowledgement", now=now, by=by)
        return Answer(accepted=True, text=f"{incident.title}: still failing, so this counts as an acknowledgement.")
    return answer


def _closed_by_service(
    session: Session, incident: Incident, *, by: str, via: str, climb: Escalation, now: int
) -> Answer:
    """While somebody is on it this only loses the provider's copy: the acknowledgement's end pages anew, with a new
    key.
    """
    note(session, incident, "closed", f"{via} closed it by itself while it still fails", now=now, by=by)
    if incident.state == "acknowledged" or not incident.paging:
        return Answer(accepted=False, text=f"{incident.title}: still failing; it stays open.")
    climb.begin(session, incident, now=now, why=f"{via} closed it while it still fails")
    climb.advance(session, incident, now=now)
    return Answer(accepted=False, text=f"{incident.title}: still failing, paged again.")
