"""What mutes do to rows: which hold now, the pages that wait for their end, and those let go when one is lifted."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from alerts.message import Purpose
from alerts.mute import concerns, ends, until
from alerts.storm import is_group
from alerts.tables import Event, Incident, Mute, Notification
from alerts.timeline import note
from probes.words.clock import moment
from probes.words.text import clean

HELD = "held"  # the kind of the line that says so: lists of what was held back go by it
_MUTES = select(Mute).where(col(Mute.start) <= bindparam("now"), col(Mute.end) > bindparam("now"))
_SAID = select(Event.id).where(
    Event.incident == bindparam("incident"), Event.kind == HELD, Event.text == bindparam("text")
)
_WAITS = (
    select(Notification, Incident.subject)
    .join(Incident, col(Incident.id) == col(Notification.incident))
    .where(Notification.state == "pending", Notification.purpose == str(Purpose.PAGE))
    .where(Notification.due_at == bindparam("end"))
)


def mutes(session: Session, now: int) -> Sequence[Mute]:
    """The mutes that hold something now."""
    return [mute for mute in session.exec(_MUTES, params={"now": now}).all() if ends(mute) > now]


def say(session: Session, incident: Incident, mute: Mute, *, now: int) -> None:
    """Write on the timeline, once of each mute, that it holds pages of this incident, and count the incident there."""
    said = f"pages are held until {moment(ends(mute)):%Y-%m-%d %H:%M} UTC: {mute.reason}"
    if session.exec(_SAID, params={"incident": incident.id, "text": clean(said, 300)}).first() is not None:
        return
    mute.held += 1
    session.add(mute)
    note(session, incident, HELD, said, now=now, by=mute.author)
    session.flush()


def holds(session: Session, row: Notification, held: Sequence[Mute], *, now: int) -> bool:
    """True when a mute that began later than its level holds this page, which is due when that ends: what was to ring
    after a while, or could not leave yet, rings nobody whom a mute was to spare. What was tried already as one message
    with others stays with them."""
    if not held or row.purpose != Purpose.PAGE or (row.tries and is_group(row.key)):
        return False
    incident = session.get(Incident, row.incident)
    mute = until(held, incident.subject, now) if incident is not None else None
    if incident is None or mute is None:
        return False
    _put(session, row, ends(mute))
    say(session, incident, mute, now=now)
    return True


def let_go(session: Session, mute: Mute, *, now: int) -> None:
    """The pages that waited for the end of a mute are due now; what another one covers waits for that."""
    for row, subject in session.exec(_WAITS, params={"end": mute.end}).all():
        if concerns(mute, subject):
            _put(session, row, now)


def _put(session: Session, row: Notification, at: int) -> None:
    row.spread_at = at + row.spread_at - row.due_at if row.spread_at is not None else None
    row.due_at = at
    session.add(row)
