"""Members left to the incident of their provider, and what becomes of them when that is over."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from alerts import follow
from alerts.ladder import Ladder
from alerts.message import Purpose
from alerts.mute import until
from alerts.signal import Severity
from alerts.tables import Incident, Member, Mute
from alerts.timeline import note

PROVIDER = "provider:"  # how the subject of a provider's incident begins
_PROVIDERS = select(Incident).where(
    col(Incident.resolved_at).is_(None),
    col(Incident.paging).is_(True),
    col(Incident.subject).startswith(PROVIDER),
)
_SPEAKING = select(Incident).where(
    col(Incident.id).in_(
        select(Member.folded_into).where(
            col(Member.folded_into).is_not(None), col(Member.ended).is_(None), col(Member.unfold_at).is_(None)
        )
    ),
    col(Incident.resolved_at).is_(None),
)
_LEFT = select(Member).where(
    Member.folded_into == bindparam("incident"), col(Member.ended).is_(None), col(Member.unfold_at).is_(None)
)
_OVER = select(Member).where(
    Member.incident == bindparam("incident"), col(Member.ended).is_(None), col(Member.unfold_at) <= bindparam("now")
)
_SPEAKER = (
    select(Incident)
    .join(Member, col(Member.folded_into) == col(Incident.id))
    .where(Member.incident == bindparam("incident"))
    .order_by(col(Member.id).desc())
    .limit(1)
)
_FOLDED = (
    select(Incident.subject, Member.member)
    .join(Member, col(Member.incident) == col(Incident.id))
    .where(Member.folded_into == bindparam("incident"), col(Member.ended).is_(None))
    .order_by(col(Member.id))
)


def speaks(incident: Incident, held: Sequence[Mute], *, now: int) -> bool:
    """True when it calls somebody now, or somebody is on it: only such a one can speak for others. One that a mute is
    about calls nobody, whether or not a level of it has come due since."""
    answered = incident.state == "acknowledged"
    muted = incident.held_by is not None or until(held, incident.subject, now) is not None
    return incident.paging and (answered or not muted) and Ladder.load(incident.ladder).calls_somebody


def providers(session: Session, held: Sequence[Mute], *, now: int) -> frozenset[str]:
    """Those whose incident can speak for others."""
    paging = session.exec(_PROVIDERS).all()
    return frozenset(one.subject.removeprefix(PROVIDER) for one in paging if speaks(one, held, now=now))


def release(session: Session, held: Sequence[Mute], *, now: int) -> None:
    """A mute that is laid on an incident silences it, and not those that were left to it: they are let go."""
    for incident in session.exec(_SPEAKING).all() if held else ():
        if incident.paging and not speaks(incident, held, now=now):
            close(session, incident, now=now)


def fold(session: Session, incident: Incident, row: Member, provider: str, *, now: int) -> None:
    """Leave a member to its provider's incident; with "" it stands for itself."""
    query = select(Incident).where(Incident.subject == f"{PROVIDER}{provider}", col(Incident.resolved_at).is_(None))
    into = session.exec(query).first() if provider else None
    if into is not None and row.folded_into != into.id:
        note(session, incident, "folded", f"{row.member} is left to the incident of {into.title}", now=now)
        note(session, into, "folded", f"{incident.subject}/{row.member} fails because of it", now=now)
        follow.tell(session, into, Purpose.REFRESH, now=now)
    row.folded_into, row.unfold_at = (into.id if into is not None else None), None
    session.add(row)


def close(session: Session, incident: Incident, *, now: int) -> None:
    """A provider's incident is over, or wakes nobody any more: what was left to it has one period to recover."""
    for row in session.exec(_LEFT, params={"incident": incident.id}).all():
        row.unfold_at = now + row.period
        session.add(row)
        other = session.get(Incident, row.incident)
        if other is not None and other.resolved_at is None:
            other.due_at = row.unfold_at if other.due_at is None else min(other.due_at, row.unfold_at)
            session.add(other)


def unfold(session: Session, incident: Incident, *, now: int) -> None:
    """Members whose time is over stand for themselves again."""
    into = incident.merged_into  # as it is before the first of them stands for itself
    for row in session.exec(_OVER, params={"incident": incident.id, "now": now}).all():
        merged = into is not None and row.folded_into == into
        row.folded_into, row.unfold_at = None, None
        session.add(row)
        why = "though what it was merged into is over" if merged else "without its provider's trouble"
        note(session, incident, "unfolded", f"{row.member} still fails {why}", now=now)
        if merged:
            incident.merged_into = None
            session.add(incident)
    session.flush()


def unspoken(session: Session, incident: Incident, *, now: int) -> bool:
    """What wakes somebody does not stay merged into what wakes nobody: it stands for itself. True when something does.
    A speaker that is over, or was muted since, has given it a time already."""
    into = session.get(Incident, incident.merged_into) if incident.merged_into is not None else None
    if into is None or into.resolved_at is not None or (into.paging and Ladder.load(into.ladder).calls_somebody):
        return False
    rows = [row for row in session.exec(_LEFT, params={"incident": into.id}).all() if row.incident == incident.id]
    rows = [row for row in rows if Severity(row.severity).pages]
    for row in rows:
        row.folded_into = None
        session.add(row)
        said = f"{row.member} is {row.severity}, and {into.public_id} wakes nobody: it stands for itself"
        note(session, incident, "unfolded", said, now=now)
    if rows:
        incident.merged_into = None
        session.add(incident)
        session.flush()
    return bool(rows)


def speaker(session: Session, incident: Incident) -> Incident | None:
    """The incident that speaks, or spoke, for this one: somebody was woken there and not here."""
    if incident.paged_at is not None:
        return None
    return session.exec(_SPEAKER, params={"incident": incident.id}).first()


def folded_into(session: Session, incident: Incident) -> list[str]:
    """`subject/member` of all that is left to this incident."""
    found = session.exec(_FOLDED, params={"incident": incident.id}).all()
    return [f"{subject}/{member}" for subject, member in found]
