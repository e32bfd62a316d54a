"""The life of an incident: opened, joined, left and resolved by signals, inside the transaction of the caller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select, update

from alerts.book import Book
from alerts.decide import Action, Decision, Facts, decide
from alerts.escalate import Escalation, tell_those_told
from alerts.ladder import Ladder
from alerts.message import Purpose
from alerts.oncall import resolve as ways_to
from alerts.outbox import OPEN_STATES, enqueue, note
from alerts.policy import Level, PolicySpec
from alerts.signal import Severity, Signal
from alerts.tables import Incident, Member, Notification
from probes.words.names import encode_id
from probes.words.units import HOUR, MINUTE

FLAPS, FLAP_WITHIN, FLAP_WAIT = 3, HOUR, 10 * MINUTE
_CONSOLE = PolicySpec(levels=(Level(notify=("console",)),), warnings=("console",))


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a signal: the incident it concerns ("" for none), the decision, and the channels with new work."""

    incident: str
    decision: Decision
    woke: frozenset[str]


def open_of(session: Session, subject: str) -> Incident | None:
    """The one open incident of a subject."""
    return session.exec(
        select(Incident).where(Incident.subject == subject, col(Incident.resolved_at).is_(None))
    ).first()


def failing(session: Session, incident: Incident) -> Sequence[Member]:
    """The members that still fail."""
    query = select(Member).where(Member.incident == incident.id, col(Member.ended).is_(None))
    return session.exec(query.order_by(col(Member.since), col(Member.id))).all()


def receive(session: Session, signal: Signal, *, book: Book, climb: Escalation, now: int) -> Received:
    """Apply one signal: incident, members, timeline and the first notifications, in the caller's transaction."""
    incident = open_of(session, signal.subject)
    members = failing(session, incident) if incident is not None else ()
    facts = None
    if incident is not None:
        known = {member.member: Severity(member.severity) for member in members}
        facts = Facts(Severity(incident.severity), known)
    decision = decide(signal, facts)
    if decision.action is Action.NOTHING:
        return Received("", decision, frozenset())
    if incident is None:
        incident = _open(session, signal, book=book, now=now)
    if decision.action is Action.OPEN:
        _add(session, incident, signal)
        _first_words(session, incident, book=book, climb=climb, now=now)
    elif decision.action in (Action.JOIN, Action.WORSEN, Action.UPDATE):
        _worse(session, incident, signal, members, decision, climb=climb, now=now)
    else:
        _better(session, incident, signal, members, decision, now=now)
    return Received(incident.public_id, decision, waiting_on(session, incident))


def waiting_on(session: Session, incident: Incident) -> frozenset[str]:
    """The channels that have work to do for an incident."""
    query = select(Notification.channel).where(
        Notification.incident == incident.id, col(Notification.state).in_(OPEN_STATES)
    )
    return frozenset(session.exec(query).all())


def _open(session: Session, signal: Signal, *, book: Book, now: int) -> Incident:
    policy = book.policies.get(signal.policy, _CONSOLE)
    incident = Incident(
        public_id=_public_id(session, now),
        subject=signal.subject,
        title=signal.title,
        severity=str(signal.severity),
        policy=signal.policy,
        ladder=Ladder.of(policy).dump(),
        owner=signal.owner,
        runbook=signal.runbook,
        runbook_lines=list(signal.runbook_lines),
        drill=signal.drill,
        began=signal.since,
        opened=now,
        round_at=now,
    )
    _describe(incident, signal)
    session.add(incident)
    session.flush()
    note(session, incident, "opened", f"{signal.member}: {signal.sentence or signal.failure}", now=now)
    return incident


def _public_id(session: Session, now: int) -> str:
    """Made of the instant of opening, so that it is unique for ever, also after the database was begun anew."""
    while session.exec(select(Incident.id).where(Incident.public_id == encode_id(now))).first() is not None:
        now += 1
    return encode_id(now)


def _describe(incident: Incident, signal: Signal) -> None:
    incident.sentence, incident.notice, incident.failure = signal.sentence, signal.notice, signal.failure
    incident.blame, incident.suspected = signal.blame, signal.suspected
    incident.sure, incident.run = signal.sure or incident.sure, signal.run or incident.run


def _add(session: Session, incident: Incident, signal: Signal) -> None:
    member = Member(incident=incident.id or 0, member=signal.member, severity=str(signal.severity), since=signal.since)
    _copy(member, signal)
    session.add(member)


def _copy(member: Member, signal: Signal) -> None:
    member.severity, member.failure = str(signal.severity), signal.failure
    member.sentence, member.blame, member.run = signal.sentence, signal.blame, signal.run


def _first_words(session: Session, incident: Incident, *, book: Book, climb: Escalation, now: int) -> None:
    severity = Severity(incident.severity)
    if severity.pages:
        climb.begin(session, incident, now=now, why="the incident opened")
    elif severity is Severity.WARNING:
        for target in Ladder.load(incident.ladder).warnings:
            ways = ways_to(target, book=book, at=now, overrides=climb.overrides(session))
            if ways:
                enqueue(session, incident, ways, purpose=Purpose.WARNING, now=now)


def _worse(
    session: Session,
    incident: Incident,
    signal: Signal,
    members: Sequence[Member],
    decision: Decision,
    *,
    climb: Escalation,
    now: int,
) -> None:
    member = next((known for known in members if known.member == signal.member), None)
    if member is None:
        _add(session, incident, signal)
        note(session, incident, "joined", f"{signal.member}: {signal.sentence}", now=now)
    else:
        _copy(member, signal)
        session.add(member)
        note(session, incident, "changed", f"{signal.member}: {signal.sentence}", now=now)
    incident.settle_at = None
    rises = signal.severity.rank < Severity(incident.severity).rank
    if rises:
        note(session, incident, "severity", f"{incident.severity} is now {signal.severity}", now=now)
        incident.severity = str(signal.severity)
    if rises or signal.severity.rank <= Severity(incident.severity).rank:
        _describe(incident, signal)
    session.add(incident)
    if rises and incident.round == 0 and signal.severity.pages:
        climb.begin(session, incident, now=now, why=decision.reason)
    elif incident.state == "acknowledged" and (rises or decision.action is Action.JOIN) and signal.severity.pages:
        climb.void(session, incident, now=now, why=decision.reason)
    else:
        tell_those_told(session, incident, purpose=Purpose.REFRESH, now=now)


def _better(
    session: Session, incident: Incident, signal: Signal, members: Sequence[Member], decision: Decision, *, now: int
) -> None:
    member = next(known for known in members if known.member == signal.member)
    member.ended = now
    session.add(member)
    note(session, incident, "passed", f"{signal.member}: {signal.sentence or decision.reason}", now=now)
    if decision.action is Action.LEAVE:
        left = [known for known in members if known is not member]
        worst = min((Severity(known.severity) for known in left), key=lambda severity: severity.rank)
        first = next(known for known in left if known.severity == str(worst))
        incident.sentence, incident.failure, incident.run = first.sentence, first.failure, first.run or incident.run
        session.add(incident)
        tell_those_told(session, incident, purpose=Purpose.REFRESH, now=now)
        return
    if _flaps(session, incident, now):
        incident.settle_at = now + FLAP_WAIT
        session.add(incident)
        note(session, incident, "flapping", "it keeps failing and recovering: held open for 10 min", now=now)
        return
    resolve(session, incident, by="recovery", now=now)


def _flaps(session: Session, incident: Incident, now: int) -> bool:
    query = select(Incident.id).where(Incident.subject == incident.subject, col(Incident.opened) > now - FLAP_WITHIN)
    return len(session.exec(query).all()) > FLAPS


def resolve(session: Session, incident: Incident, *, by: str, now: int) -> None:
    """Close an incident: what was never tried is superseded, what may have arrived gets its resolve."""
    incident.state, incident.resolved_at, incident.resolved_by = "resolved", now, by
    incident.due_at = incident.settle_at = incident.ack_expires = None
    incident.version += 1
    session.add(incident)
    for member in failing(session, incident):
        member.ended = now
        session.add(member)
    note(session, incident, "resolved", f"resolved by {by}", now=now, by=by)
    supersede(session, incident, now=now, tried_too=True)
    tell_those_told(session, incident, purpose=Purpose.RESOLVE, now=now)


def supersede(session: Session, incident: Incident, *, now: int, tried_too: bool) -> None:
    """Withdraw what is still waiting: never tried, or with `tried_too` also what failed or whose outcome is unknown."""
    query = update(Notification).where(col(Notification.incident) == incident.id, col(Notification.state) == "pending")
    if not tried_too:
        query = query.where(col(Notification.tries) == 0, col(Notification.unknown).is_(False))
    session.exec(query.values(state="superseded", claimed_until=None))
