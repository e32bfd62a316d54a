"""Incidents, pages, members and mutes laid out by hand, for escalation by itself."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

from sqlmodel import Session, select

from alerts.book import Book
from alerts.escalate import Escalation
from alerts.ladder import Ladder
from alerts.message import Purpose
from alerts.policy import Level, PolicySpec
from alerts.rotation import RotationSpec
from alerts.tables import Event, Incident, Member, Mute, Notification, Step
from probes.words.units import HOUR
from tests.story.night import MINUTES, START, book

TWICE = PolicySpec(
    levels=(Level(notify=("ana",)), Level(at=5 * MINUTES, notify=("bo",))), repeat=2, every=10 * MINUTES, fallback="cy"
)
ALONE = TWICE.model_copy(update={"fallback": None})
NOBODY_THEN_BO = PolicySpec(levels=(Level(notify=("on-call:empty",)), Level(at=5 * MINUTES, notify=("bo",))))
ANA_THEN_NOBODY = PolicySpec(levels=(Level(notify=("ana",)), Level(at=5 * MINUTES, notify=("on-call:empty",))))
# what stands in an incident that was answered
ANSWERED: dict[str, Any] = {
    "state": "acknowledged", "acked_at": START, "acked_by": "Ana", "acked_via": "slack", "acked_severity": "critical",
    "acked_members": ["books"], "ack_expires": START + HOUR, "ack_grace": True,
}  # fmt: skip
_NUMBERS = count(1)


def people() -> Book:
    """The usual book, and a rotation in which nobody is."""
    usual = book(TWICE)
    return replace(usual, rotations={**usual.rotations, "empty": RotationSpec(people=("gone",))})


CLIMB = Escalation(people)


def incident(session: Session, policy: PolicySpec = TWICE, **more: Any) -> Incident:
    """One that pages since START, on the first level of its first round, which was started."""
    number = next(_NUMBERS)
    given: dict[str, Any] = {
        "subject": f"intake{number}/production", "severity": "critical", "policy": "usual", "began": START,
        "opened": START, "ladder": Ladder.of(policy).dump(), "paging": True, "round": 1, "climbs": 1, "level": 1,
        "round_at": START,
    }  # fmt: skip
    made = Incident(public_id=f"I{number}", title="Intake", **given | more)
    session.add(made)
    session.flush()
    return made


def page(session: Session, about: Incident, **more: Any) -> Notification:
    """A page to a person of the incident's present level, whose last way has failed."""
    number = next(_NUMBERS)
    given: dict[str, Any] = {
        "incident": about.id, "round": about.round, "level": about.level, "lane": "ana", "human": True,
        "exhausted": True, "state": "pending", "purpose": str(Purpose.PAGE), "channel": "ntfy",
        "target": "ana/phone/0", "due_at": START,
    }  # fmt: skip
    row = Notification(key=f"key-{number}", marker=f"marker-{number}", created=START, **given | more)
    session.add(row)
    session.flush()
    return row


def mute(session: Session, about: Incident, end: int, **more: Any) -> Mute:
    row = Mute(subject=about.subject, start=START, end=end, author="Ana", reason="load", created=START, **more)
    session.add(row)
    session.flush()
    return row


def said(session: Session, about: Incident, kind: str) -> list[str]:
    found = session.exec(select(Event).where(Event.incident == about.id).order_by("id")).all()
    return [event.text for event in found if event.kind == kind]


def levels(session: Session, about: Incident) -> list[tuple[int, int, int]]:
    """(round, level, µs after START at which it was due) of what was started."""
    found = session.exec(select(Step).where(Step.incident == about.id).order_by("id")).all()
    return [(step.round, step.level, step.due - START) for step in found]


def paged(session: Session, about: Incident) -> list[str]:
    found = session.exec(select(Notification).where(Notification.incident == about.id).order_by("id")).all()
    return [row.person for row in found if not row.exhausted]


def member(session: Session, about: Incident, **more: Any) -> Member:
    given: dict[str, Any] = {"member": "books", "severity": "warning", "since": START, "joined": START}
    row = Member(incident=about.id or 0, **given | more)
    session.add(row)
    session.flush()
    return row
