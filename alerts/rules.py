"""The delivery rules as questions to the database: what is broken now, in words. Asked each minute, and after every
test step.
"""

from __future__ import annotations

from collections import Counter

from sqlmodel import Session, col, select

from alerts.ladder import Ladder
from alerts.message import Purpose
from alerts.mute import until as mute_until
from alerts.outbox import OPEN_STATES
from alerts.signal import Severity
from alerts.tables import Incident, Mute, Notification, Step
from probes.words.units import SECOND

SOON = 60 * SECOND
ON_TIME = 2 * SECOND


def broken(session: Session, *, now: int, started: int = 0) -> list[str]:
    """Each rule that does not hold at `now`, one line each; `started` is when the keeper came up (what was due before
    is late
    by no fault of a rule). D1, D3, D5, D6, D7, D8, D10."""
    incidents = session.exec(select(Incident)).all()
    found = [line for incident in incidents for line in _of_incident(session, incident, now=now, started=started)]
    found += _of_rows(session)
    subjects = Counter(incident.subject for incident in incidents if incident.resolved_at is None)
    found += [f"D8: {subject} has {count} open incidents" for subject, count in subjects.items() if count > 1]
    for mute in session.exec(select(Mute)).all():
        if not mute.author or not mute.reason or mute.end <= mute.start:
            found.append(f"D10: mute {mute.id} has no author, reason or end")
    return found


def _of_incident(session: Session, incident: Incident, *, now: int, started: int) -> list[str]:
    found = []
    steps = session.exec(select(Step).where(Step.incident == incident.id).order_by(col(Step.id))).all()
    order = [(step.round, step.level) for step in steps]
    if order != sorted(set(order)):
        found.append(f"D6: levels of {incident.public_id} do not only rise: {order}")
    for step in steps:
        if step.started < step.due or step.started > max(step.due, started) + ON_TIME:
            found.append(f"D6: level {step.level} of {incident.public_id} was due {step.due}, started {step.started}")
    if incident.state == "acknowledged" and incident.acked_at is not None:
        if any(step.started > incident.acked_at for step in steps):
            found.append(f"D7: a level of {incident.public_id} started after its acknowledgement")
        if incident.ack_expires is None:
            found.append(f"D7: the acknowledgement of {incident.public_id} never expires")
    if incident.state == "triggered" and Severity(incident.severity).pages:
        found += _is_told(session, incident, now=now)
    return found


def _is_told(session: Session, incident: Incident, *, now: int) -> list[str]:
    """D1: a delivered notification to a person for the present level, or one due within a minute, or a level due."""
    if mute_until(session.exec(select(Mute)).all(), incident.subject, now) is not None:
        return []
    if incident.due_at is not None and incident.due_at <= now + SOON:
        return []
    rows = session.exec(
        select(Notification).where(
            Notification.incident == incident.id,
            Notification.purpose == str(Purpose.PAGE),
            Notification.round == incident.round,
        )
    ).all()
    human = [row for row in rows if row.human]
    if any(row.state == "delivered" for row in human):
        return []
    if any(row.state in OPEN_STATES and row.due_at <= now + SOON + SECOND for row in human):
        return []
    ladder = Ladder.load(incident.ladder)
    if not human and all(target == "console" for level in ladder.notify for target in level):
        return []
    return [f"D1: {incident.public_id} is open, and nobody was told or is about to be"]


def _of_rows(session: Session) -> list[str]:
    found = []
    for row in session.exec(select(Notification)).all():
        if row.state == "delivered" and row.receipt is None:
            found.append(f"D3: notification {row.id} is delivered without a receipt")
        if row.state == "failed" and row.purpose in (Purpose.PAGE, Purpose.EMERGENCY):
            found.append(f"D5: page {row.id} ended in failure")
    return found
