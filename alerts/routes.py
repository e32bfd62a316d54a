"""What sets channels apart, and which message may leave before which on one route."""

from __future__ import annotations

from sqlmodel import Session, col, or_, select

from alerts.message import Purpose
from alerts.tables import Notification

EDITS = frozenset({"slack"})  # one message stands for the incident and is edited; its news go to the thread
BY_KEY = frozenset({"pagerduty", "webhook"})  # they keep an incident for each key
RINGS_ON = frozenset({"pushover"})  # they ring until they are told to stop
FIRST_WORDS = (str(Purpose.PAGE), str(Purpose.WARNING), str(Purpose.EMERGENCY))  # what other messages follow up on
FOLLOWS = (str(Purpose.ACK), str(Purpose.RESOLVE), str(Purpose.REFRESH), str(Purpose.NOTE))


def is_due(session: Session, row: Notification) -> bool:
    """True when a follow-up may leave. It never overtakes the message it follows; one that follows nothing is
    superseded.
    """
    same_route = [Notification.channel == row.channel, Notification.target == row.target]
    about = or_(col(Notification.key) == row.key, col(Notification.incident) == row.incident)
    before = session.exec(
        select(Notification).where(*same_route, about, col(Notification.purpose).in_(FIRST_WORDS))
    ).all()
    for each in before:
        repeats = each.state == "pending" and each.unknown and each.channel in EDITS
        if each.state == "sending" or repeats:
            return False
    if any(each.key == row.key and (each.delivered_at is not None or each.unknown) for each in before):
        return True
    row.state, row.why = "superseded", "what it follows never left"
    session.add(row)
    return False
