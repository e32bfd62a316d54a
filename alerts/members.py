"""The members of an incident: which probes fail, since when, and how it is described by the worst of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from alerts import folding
from alerts.decide import RECOVERING, Decision, Failing
from alerts.signal import Condition, Severity, Signal
from alerts.tables import Incident, Member
from alerts.timeline import add_context, note
from probes.words.units import MINUTE

REPORTED = "a report"  # the member of what a person noticed; a person ends it, as no probe can
PERIOD = 5 * MINUTE  # µs: how long a member is given to recover with its provider, when nobody says how often it runs

_FAILING = (
    select(Member)
    .where(Member.incident == bindparam("incident"), col(Member.ended).is_(None))
    .order_by(col(Member.since), col(Member.id))
)
_EVER = (
    select(Member.member).where(Member.incident == bindparam("incident")).order_by(col(Member.since), col(Member.id))
)


def failing(session: Session, incident: Incident) -> Sequence[Member]:
    """The members that fail, those that began first first."""
    return session.exec(_FAILING, params={"incident": incident.id}).all()


def ever(session: Session, incident: Incident) -> list[str]:
    """The names of all that failed at any time in this incident."""
    return list(dict.fromkeys(session.exec(_EVER, params={"incident": incident.id}).all()))


def as_said(session: Session, incident: Incident, signal: Signal) -> Signal:
    """The signal as severe as a person said its member is, for as long as its probe says nothing else than then."""
    row = next((each for each in failing(session, incident) if each.member == signal.member), None)
    if row is None or not row.told_as or signal.condition is Condition.PASSING:
        return signal
    if str(signal.severity) == row.told_as:
        return replace(signal, severity=Severity(row.severity))
    row.told_as = ""
    session.add(row)
    return signal


def fact(row: Member, now: int) -> Failing:
    """The member as `decide` sees it."""
    folded = row.folded_into is not None and (row.unfold_at is None or row.unfold_at > now)
    return Failing(Severity(row.severity), folded)


def apply(session: Session, incident: Incident, signal: Signal, decision: Decision, *, now: int) -> None:
    """Make the rows say what the signal says, and describe the incident by its worst member."""
    row = next((each for each in failing(session, incident) if each.member == signal.member), None)
    if signal.condition in (Condition.PASSING, Condition.GONE):
        if row is not None:
            _end(session, incident, row, signal, decision, now=now)
    else:
        _fail(session, incident, row, signal, decision, now=now)
    session.flush()
    _describe(session, incident)


def _end(session: Session, incident: Incident, row: Member, signal: Signal, decision: Decision, *, now: int) -> None:
    row.ended, row.unfold_at = now, None
    session.add(row)
    gone = signal.condition is Condition.GONE
    said = signal.sentence or decision.reason
    said = said if said.startswith(f"{signal.member} ") else f"{signal.member}: {said}"
    note(session, incident, "gone" if gone else "passed", said, now=now)


def _fail(
    session: Session, incident: Incident, row: Member | None, signal: Signal, decision: Decision, *, now: int
) -> None:
    incident.settle_at = None
    if row is None:
        row = Member(
            incident=incident.id or 0,
            member=signal.member,
            severity=str(signal.severity),
            since=signal.since,
            joined=now,
        )
        if incident.opened != now:
            note(session, incident, "joined", f"{signal.member}: {signal.sentence or signal.failure}", now=now)
    elif (row.failure, row.sentence) != (signal.failure, signal.sentence):
        note(session, incident, "changed", f"{signal.member}: {signal.sentence or signal.failure}", now=now)
    add_context(session, incident, signal.context, now=now)
    row.severity, row.policy = str(signal.severity), signal.policy
    _notice(incident, signal, now=now)
    session.add(incident)
    row.failure, row.sentence, row.notice = signal.failure, signal.sentence, signal.notice
    row.blame, row.suspected, row.sure, row.run = signal.blame, signal.suspected, signal.sure, signal.run
    labels = dict(signal.labels)
    row.period = int(labels["period"]) if labels.get("period", "").isdecimal() else PERIOD
    session.add(row)
    merged = row.folded_into is not None and row.folded_into == incident.merged_into
    if not merged and not (decision.fold and RECOVERING in labels):  # else it keeps what it was left, and its time
        folding.fold(session, incident, row, labels.get("provider", "") if decision.fold else "", now=now)


def _notice(incident: Incident, signal: Signal, *, now: int) -> None:
    """What a later signal knows of the beginning: who noticed before showup did, and the last run that was good."""
    if incident.last_good is None and signal.last_good is not None:
        incident.last_good, incident.last_good_run = signal.last_good, signal.last_good_run
    if signal.noticed_by == "showup":
        return
    if incident.reported_at is None:
        incident.reported_at = now
    if incident.noticed_by == "showup" and signal.since < incident.opened:
        incident.noticed_by = signal.noticed_by
        incident.began = min(incident.began, signal.since)


def _describe(session: Session, incident: Incident) -> None:
    """The incident's words are those of its worst member, of equals the one that began first."""
    rows = failing(session, incident)
    if not rows:
        return
    row = min(rows, key=lambda each: (Severity(each.severity).rank, each.since, each.id))
    incident.sentence, incident.notice, incident.failure = row.sentence, row.notice, row.failure
    incident.blame, incident.suspected = row.blame, row.suspected
    incident.sure, incident.run = row.sure or incident.sure, row.run or incident.run
    session.add(incident)
