"""What people do to an incident beside answering it: notes, public updates, another severity, merging, a report."""

from __future__ import annotations

from sqlmodel import Session

from alerts import folding, holding, incidents, members
from alerts.escalate import Escalation
from alerts.members import REPORTED
from alerts.mute import until
from alerts.signal import Condition, Severity, Signal
from alerts.tables import Incident
from alerts.timeline import note
from alerts.view import view
from probes.words.errors import Refused
from probes.words.names import nearest
from probes.words.text import clean

NOTE, UPDATE = "note", "update"  # kinds of timeline lines: ours, and what the public page shows
LONGEST = 300  # characters


def open_one(session: Session, name: str) -> Incident:
    """The open incident of a public id; raises Refused."""
    found = known(session, name)
    if found.resolved_at is not None:
        raise Refused(f"{found.public_id} is over: resolved by {found.resolved_by}", hint="see: showup incidents")
    return found


def known(session: Session, name: str) -> Incident:
    """The incident of a public id; raises Refused."""
    found = incidents.by_public_id(session, name.strip()[:40])
    if found is None:
        raise Refused(f"there is no incident {clean(name, 40)}", hint="see: showup incidents")
    return found


def write(session: Session, name: str, text: str, *, by: str, now: int, kind: str = NOTE) -> Incident:
    """A line on the timeline: a note, or of kind UPDATE one for the status page; raises Refused."""
    said = clean(text, LONGEST).strip()
    if not said:
        raise Refused("there is nothing to write", hint='write it behind the id: "we found the cause"')
    incident = known(session, name)
    note(session, incident, kind, said, now=now, by=by)
    return incident


def set_severity(
    session: Session, name: str, severity: str, *, by: str, reason: str, climb: Escalation, now: int
) -> Incident:
    """What fails now counts as this severe, until it fails otherwise or another probe joins; raises Refused.

    A rise pages and voids an acknowledgement, a fall to a warning wakes nobody any more: `decide` says so, on the
    present.
    """
    if severity not in list(Severity):
        near = nearest(severity, Severity)
        hint = f"did you mean {near}?" if near else f"write one of {', '.join(Severity)}"
        raise Refused(f"there is no severity {clean(severity, 20)}", hint=hint)
    incident = open_one(session, name)
    failing = members.failing(session, incident)
    if not failing:
        raise Refused(f"nothing of {incident.public_id} fails any more")
    for row in failing:
        row.told_as = row.told_as or row.severity
        row.severity = severity
        session.add(row)
    session.flush()
    said, why = f"{by} says it is {severity}", f": {clean(reason, 150)}" if reason.strip() else ""
    note(session, incident, NOTE, f"{said}{why}", now=now, by=by)
    coming = view(session, incident, climb=climb, now=now).next_on_call if not Severity(severity).pages else ""
    spared = f"; {coming} would have been next" if coming else ""
    incidents.review(session, incident, climb=climb, now=now, why=f"{said}{spared}")
    return incident


def merge(session: Session, name: str, into: str, *, by: str, climb: Escalation, now: int) -> tuple[Incident, Incident]:
    """Leave an incident to another one: it pages no more, and stands for itself again a while after that one closed.

    Raises Refused when that could leave nobody told: into itself, into one that is left to another, or wakes nobody
    while this one does.
    """
    incident, other = open_one(session, name), open_one(session, into)
    if incident.id == other.id:
        raise Refused("an incident cannot be merged into itself")
    if incident.merged_into is not None:
        raise Refused(f"{incident.public_id} is merged already", hint=f"first: showup incident unmerge {name}")
    if other.merged_into is not None:
        raise Refused(f"{other.public_id} is itself left to another incident", hint="merge into that one")
    held_by = holding.mutes(session, now)
    if incident.paging and not folding.speaks(other, held_by, now=now):
        muted = other.held_by is not None or until(held_by, other.subject, now) is not None
        held = "is held by a mute" if muted else "wakes nobody"
        said = f"{other.public_id} {held}, and {incident.public_id} wakes somebody"
        raise Refused(said, hint="merge the other way round")
    incident.merged_into = other.id
    for row in members.failing(session, incident):
        row.folded_into, row.unfold_at = other.id, None
        session.add(row)
    session.add(incident)
    session.flush()
    note(session, incident, "merged", f"merged into {other.public_id}: {other.title}", now=now, by=by)
    note(session, other, "merged", f"{incident.public_id} was merged into this: {incident.title}", now=now, by=by)
    incidents.review(session, incident, climb=climb, now=now, why=f"{other.public_id} speaks for it")
    return incident, other


def unmerge(session: Session, name: str, *, by: str, climb: Escalation, now: int) -> Incident:
    """Let a merged incident stand for itself again; raises Refused."""
    incident = open_one(session, name)
    if incident.merged_into is None:
        raise Refused(f"{incident.public_id} is not merged")
    for row in members.failing(session, incident):
        if row.folded_into == incident.merged_into:
            row.folded_into, row.unfold_at = None, None
            session.add(row)
    incident.merged_into = None
    session.add(incident)
    session.flush()
    note(session, incident, "unmerged", "stands for itself again", now=now, by=by)
    incidents.review(session, incident, climb=climb, now=now, why="it stands for itself again")
    return incident


def reported(
    subject: str, text: str, *, noticed_by: str, at: int, since: int, severity: Severity, policy: str, title: str,
    owner: str, runbook: str, runbook_lines: tuple[str, ...],
) -> Signal:  # fmt: skip
    """The signal of what somebody noticed that no probe did: a member that a person ends, as no probe can."""
    who = "a customer" if noticed_by == "customer" else clean(noticed_by, 60)
    return Signal(
        subject=subject,
        member=REPORTED,
        condition=Condition.FAILING,
        at=at,
        since=since,
        severity=severity,
        policy=policy,
        title=title,
        sentence=f"reported by {who}: {clean(text, 200)}",
        notice="was reported as broken",
        failure="",
        blame="workflow",
        suspected=True,
        owner=owner,
        runbook=runbook,
        runbook_lines=runbook_lines,
        noticed_by=noticed_by,
    )
