"""The life of an incident: opened, joined, left and resolved, all inside the transaction of the caller."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import bindparam
from sqlmodel import Session, col, func, select

from alerts import folding, follow, members, outbox, tell
from alerts.decide import FLAP_WITHIN, Action, Decision, Facts, decide
from alerts.escalate import Escalation, answerless
from alerts.holding import mutes
from alerts.ladder import Ladder
from alerts.message import RECOVERED, REMOVED, Purpose
from alerts.mute import covers
from alerts.policy import Level, PolicySpec
from alerts.signal import Condition, Severity, Signal
from alerts.tables import Incident, Member
from alerts.timeline import note
from probes.words.names import encode_id
from probes.words.units import say_duration

_CONSOLE = PolicySpec(levels=(Level(notify=("console",)),), warnings=("console",))

# Written once, not at each of the many looks: making a statement costs more than running it.
_OPEN = select(Incident).where(Incident.subject == bindparam("subject"), col(Incident.resolved_at).is_(None))
_NAMED = select(Incident.id).where(Incident.public_id == bindparam("name"))
_OPENED = select(func.count(col(Incident.id))).where(
    col(Incident.opened) >= bindparam("start"), col(Incident.opened) < bindparam("end")
)
_BY_NAME = select(Incident).where(Incident.public_id == bindparam("name"))
_FLAPS = (
    select(func.count(col(Member.id)))
    .join(Incident, col(Incident.id) == col(Member.incident))
    .where(Incident.subject == bindparam("subject"), col(Member.joined) > bindparam("since"))
    .group_by(col(Member.member))
)


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a signal: the incident it concerns ("" for none), the decision, and the channels with new work."""

    incident: str
    decision: Decision
    woke: frozenset[str]


def open_of(session: Session, subject: str) -> Incident | None:
    """The one open incident of a subject."""
    return session.exec(_OPEN, params={"subject": subject}).first()


def receive(session: Session, signal: Signal, *, climb: Escalation, now: int) -> Received:
    """Apply one signal: incident, members, timeline and the first notifications, in the caller's transaction."""
    incident = open_of(session, signal.subject)
    if incident is not None:
        signal = members.as_said(session, incident, signal)
    held = mutes(session, now)
    decision = decide(
        signal,
        facts_of(session, incident, now=now) if incident is not None else None,
        subject=signal.subject,
        now=now,
        mutes=held,
        providers=folding.providers(session, held, now=now),
        recovers_by=climb.recovering(signal.subject),
    )
    if decision.action is Action.NOTHING:
        return Received("" if incident is None else incident.public_id, decision, frozenset())
    if incident is None:
        incident = _open(session, signal, climb=climb, now=now)
    members.apply(session, incident, signal, decision, now=now)
    _follow_policy(session, incident, signal, climb=climb, now=now)
    _carry_out(session, incident, decision, climb=climb, now=now, by=_ended_by(signal))
    if incident.merged_into is not None and folding.unspoken(session, incident, now=now):
        decision = review(session, incident, climb=climb, now=now)
    return Received(incident.public_id, decision, outbox.waiting_on(session, now=now))


def review(session: Session, incident: Incident, *, climb: Escalation, now: int, why: str = "") -> Decision:
    """Decide on the present: an acknowledgement that ran out, a mute that ended, a provider that is well again; `why`
    is what a person did, where that is the reason."""
    folding.unfold(session, incident, now=now)
    folding.unspoken(session, incident, now=now)
    decision = decide(
        None,
        facts_of(session, incident, now=now),
        subject=incident.subject,
        now=now,
        mutes=mutes(session, now),
        recovers_by=climb.recovering(incident.subject),
    )
    if why and decision.action is Action.KEEP and not decision.voids:
        decision = replace(decision, reason=why)
    _carry_out(session, incident, decision, climb=climb, now=now)
    return decision


def facts_of(session: Session, incident: Incident, *, now: int) -> Facts:
    """The incident as `decide` sees it."""
    acknowledged = incident.state == "acknowledged"
    return Facts(
        severity=Severity(incident.severity),
        members={row.member: members.fact(row, now) for row in members.failing(session, incident)},
        paging=incident.paging,
        ack_until=incident.ack_expires if acknowledged else None,
        ack_grace=incident.ack_grace,
        acked=frozenset(incident.acked_members),
        acked_severity=Severity(incident.acked_severity) if incident.acked_severity else Severity.CRITICAL,
        flaps=_flaps(session, incident.subject, now),
        settle_at=incident.settle_at,
        merged=incident.merged_into is not None,
    )


def _flaps(session: Session, subject: str, now: int) -> int:
    """How often the subject's most restless member began to fail within the last hour."""
    return max(session.exec(_FLAPS, params={"subject": subject, "since": now - FLAP_WITHIN}).all(), default=0)


def _open(session: Session, signal: Signal, *, climb: Escalation, now: int) -> Incident:
    incident = Incident(
        public_id=_public_id(session, now),
        subject=signal.subject,
        title=signal.title,
        severity=str(signal.severity),
        policy=signal.policy,
        ladder=Ladder.of(climb.book().policies.get(signal.policy, _CONSOLE)).dump(),
        owner=signal.owner,
        runbook=signal.runbook,
        runbook_lines=list(signal.runbook_lines),
        drill=signal.drill,
        urgent=signal.urgent,
        noticed_by=signal.noticed_by,
        last_good=signal.last_good,
        last_good_run=signal.last_good_run,
        began=signal.since,
        opened=now,
        round_at=now,
    )
    session.add(incident)
    session.flush()
    note(session, incident, "opened", f"{signal.member}: {signal.sentence or signal.failure}", now=now)
    return incident


def _public_id(session: Session, now: int) -> str:
    """Made of the instant of opening, so that it is unique for ever, also after the database was begun anew."""
    number = now // 1000
    known = session.exec(_OPENED, params={"start": number * 1000, "end": number * 1000 + 1000}).one()
    number += known  # a storm opens many within one millisecond
    while session.exec(_NAMED, params={"name": encode_id(number)}).first() is not None:
        number += 1
    return encode_id(number)


def _follow_policy(session: Session, incident: Incident, signal: Signal, *, climb: Escalation, now: int) -> None:
    """The policy is the first one's that pages; a member with another policy has its people told too."""
    other = climb.book().policies.get(signal.policy)
    if not signal.severity.pages or signal.policy == incident.policy or other is None:
        return
    if not incident.paging:
        incident.policy, incident.ladder = signal.policy, Ladder.of(other).dump()
        session.add(incident)
        return
    mine = Ladder.load(incident.ladder)
    both = mine.merge(Ladder.of(other))
    if (both.at, both.notify) != (mine.at, mine.notify):
        incident.ladder = both.dump()
        note(session, incident, "policy", f"{signal.member} follows {signal.policy}: its people are told too", now=now)
        if incident.state == "triggered":
            climb.begin(session, incident, now=now, why=f"{signal.member} follows another policy")


def _ended_by(signal: Signal) -> str:
    """What ends the incident if this signal does: a probe that was taken out has not recovered."""
    return REMOVED if signal.condition is Condition.GONE else RECOVERED


def _carry_out(
    session: Session, incident: Incident, decision: Decision, *, climb: Escalation, now: int, by: str = RECOVERED
) -> None:
    """Make the rows say what was decided."""
    if decision.action is Action.RESOLVE:
        resolve(session, incident, by=by, climb=climb, now=now)
        return
    _set_severity(session, incident, decision, now=now)
    if decision.action is Action.SETTLE:
        incident.settle_at = decision.until
        length = say_duration((decision.until or now) - now)
        note(session, incident, "flapping", f"{decision.reason}: held open for {length}", now=now)
    elif decision.action is Action.AWAIT:
        incident.ack_expires, incident.ack_grace = decision.until, True
        note(session, incident, "awaited", decision.reason, now=now)
    elif decision.stops:
        _stop(session, incident, decision, climb=climb, now=now)
    elif decision.begins:
        _begin(session, incident, decision, climb=climb, now=now)
    elif decision.action is not Action.KEEP:
        follow.tell(session, incident, Purpose.REFRESH, now=now)
        if decision.action in (Action.JOIN, Action.WORSEN):
            follow.tell(session, incident, Purpose.NOTE, now=now, text=decision.reason)
    _warn(session, incident, climb=climb, now=now)
    climb.advance(session, incident, now=now)


def _set_severity(session: Session, incident: Incident, decision: Decision, *, now: int) -> None:
    if decision.severity is not None and str(decision.severity) != incident.severity:
        said = f"{incident.severity} is now {decision.severity}"
        note(session, incident, "severity", said, now=now)
        incident.severity = str(decision.severity)
        session.add(incident)


def _begin(session: Session, incident: Incident, decision: Decision, *, climb: Escalation, now: int) -> None:
    if decision.action is Action.EXPIRE:
        said = f"the acknowledgement by {incident.acked_by} expired"
        note(session, incident, "expired", said, now=now)
    elif decision.voids:
        said = f"the acknowledgement by {incident.acked_by} no longer holds: {decision.reason}"
        note(session, incident, "unacknowledged", said, now=now)
    climb.begin(session, incident, now=now, why=decision.reason)


def _stop(session: Session, incident: Incident, decision: Decision, *, climb: Escalation, now: int) -> None:
    outbox.withdraw(session, incident, why="nobody needs to be woken any more")
    climb.stop(session, incident, why=decision.reason, now=now)
    folding.close(session, incident, now=now)
    follow.tell(session, incident, Purpose.RESOLVE, now=now, text=decision.reason)


def _warn(session: Session, incident: Incident, *, climb: Escalation, now: int) -> None:
    """Post what is only a warning once, unless somebody is paged anyway, its provider's incident speaks for it, or a
    mute holds it until its end.
    """
    failing = members.failing(session, incident)
    new = [row for row in failing if row.severity == "warning" and not row.warned and row.folded_into is None]
    if not new or any(covers(mute, incident.subject, now) for mute in mutes(session, now)):
        return
    for row in new:
        row.warned = True
        session.add(row)
    if not incident.paging:
        text = "; ".join(f"{row.member}: {row.sentence or row.failure}" for row in new)
        scene = climb.scene(session, now=now)
        tell.warn(scene, incident, Ladder.load(incident.ladder).warnings, text=text)


def resolve(session: Session, incident: Incident, *, by: str, climb: Escalation, now: int) -> None:
    """Close an incident: what was never tried is superseded, what may have arrived gets its resolve."""
    held = incident.held_by is not None and incident.paged_at is None
    answerless(incident)
    incident.state, incident.resolved_at, incident.resolved_by = "resolved", now, by
    incident.due_at = incident.settle_at = incident.held_by = None
    incident.held_back = held
    session.add(incident)
    for member in members.failing(session, incident):
        member.ended, member.unfold_at = now, None
        session.add(member)
    if held:
        note(session, incident, "held back", "it ended while pages were held: nobody was told", now=now)
    note(session, incident, "resolved", f"resolved by {by}", now=now, by=by)
    outbox.withdraw(session, incident, why=f"resolved by {by}")
    folding.close(session, incident, now=now)
    follow.tell(session, incident, Purpose.RESOLVE, now=now, text=f"Resolved by {by}.")
    session.flush()


def by_public_id(session: Session, public_id: str) -> Incident | None:
    """The incident of a public id."""
    return session.exec(_BY_NAME, params={"name": public_id.upper()}).first()
