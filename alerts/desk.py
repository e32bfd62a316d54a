"""The one face of alerts for the daemon: signals in, the due scan, answers, questions. All inside the caller's
transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, or_, select

from alerts import acks, incidents
from alerts.book import Book
from alerts.channels.kit import OpenPage
from alerts.escalate import Escalation
from alerts.incidents import Received
from alerts.message import Answer, IncidentView, Purpose, Reaction
from alerts.oncall import Deliverable, Schedules, duty, next_duty
from alerts.outbox import OPEN_STATES, enqueue, note
from alerts.rotation import Duty
from alerts.signal import Severity, Signal
from alerts.tables import Incident, Member, Mute, Notification, Override, Step
from alerts.view import view
from probes.words.errors import Refused


@dataclass(frozen=True, slots=True)
class OpenMember:
    """A member that fails in an open incident: what the engine compares with its own memory after a restart."""

    subject: str
    member: str
    severity: Severity


class Desk:
    """Alerts with one book. `recovering(subject)` says until when (µs) a subject that passes again is awaited, or
    None.
    """

    def __init__(
        self,
        book: Callable[[], Book],
        *,
        schedules: Schedules | None = None,
        recovering: Callable[[str], int | None] = lambda subject: None,
    ) -> None:
        self._book = book
        self.climb = Escalation(book, schedules, recovering)

    def receive(self, session: Session, signal: Signal, *, now: int) -> Received:
        """Apply a signal."""
        return incidents.receive(session, signal, book=self._book(), climb=self.climb, now=now)

    def due(self, session: Session, *, now: int) -> frozenset[str]:
        """Make every move that is due; returns the channels with work that is due. Costs two index look-ups
        when there is none.
        """
        for incident in self._due_incidents(session, now):
            if incident.settle_at is not None and incident.settle_at <= now:
                incidents.resolve(session, incident, by="recovery", now=now)
            else:
                self.climb.advance(session, incident, now=now)
        self._lift_mutes(session, now)
        query = select(Notification.channel).where(
            col(Notification.state).in_(OPEN_STATES), col(Notification.due_at) <= now
        )
        return frozenset(session.exec(query.distinct()).all())

    def _due_incidents(self, session: Session, now: int) -> Sequence[Incident]:
        query = (
            select(Incident)
            .where(or_(col(Incident.due_at) <= now, col(Incident.settle_at) <= now))
            .where(col(Incident.resolved_at).is_(None))
        )
        return session.exec(query.order_by(col(Incident.due_at), col(Incident.id)).limit(500)).all()

    def _lift_mutes(self, session: Session, now: int) -> None:
        """A mute that was lifted early frees what it held at once."""
        query = select(Mute).where(col(Mute.lifted).is_not(None), col(Mute.end) > now)
        for mute in session.exec(query).all():
            mute.end = now
            session.add(mute)
            open_ones = select(Incident).where(col(Incident.resolved_at).is_(None))
            for incident in session.exec(open_ones).all():
                if mute.subject in ("", incident.subject) or incident.subject.startswith(f"{mute.subject}/"):
                    self.climb.advance(session, incident, now=now)

    def react(self, session: Session, reaction: Reaction, *, now: int) -> Answer:
        """Apply an answer to a page: ack, snooze or resolve."""
        return acks.react(session, reaction, climb=self.climb, now=now)

    def evidence(self, session: Session, subject: str, *, silent_since: int | None) -> None:
        """Nothing has been known about an open incident's subject since then; None: something is known again."""
        incident = incidents.open_of(session, subject)
        if incident is not None and (incident.silent_since is None) != (silent_since is None):
            incident.silent_since = silent_since
            session.add(incident)
            if silent_since is not None:
                note(session, incident, "silent", "no evidence since then", now=silent_since)

    def mute(self, session: Session, subject: str, *, start: int, end: int, author: str, reason: str, now: int) -> Mute:
        """Hold the pages of a subject ("" is everything); raises Refused for one without end, author or reason."""
        if not start < end or not author or not reason:
            raise Refused("a mute needs an author, a reason and an end after its start")
        row = Mute(subject=subject, start=max(start, now), end=end, author=author, reason=reason, created=now)
        session.add(row)
        session.flush()
        return row

    def override(
        self, session: Session, rotation: str, person: str, *, start: int, end: int, author: str, reason: str, now: int
    ) -> Override:
        """Let a person take over a rotation for a time; raises Refused when either is unknown."""
        book = self._book()
        if rotation not in book.rotations:
            raise Refused(f"there is no rotation {rotation}", hint=f"rotations: {', '.join(book.rotations) or 'none'}")
        if person not in book.people:
            raise Refused(f"there is no person {person}", hint=f"people: {', '.join(book.people) or 'none'}")
        if not start < end:
            raise Refused("an override ends after it starts")
        row = Override(
            rotation=rotation, start=start, end=end, person=person, author=author, reason=reason, created=now
        )
        session.add(row)
        session.flush()
        return row

    def test_message(self, session: Session, ways: Iterable[Deliverable], *, now: int) -> list[int]:
        """Enqueue a test on each of these ways, by itself; returns the rows to watch."""
        rows = [
            enqueue(
                session,
                None,
                [way],
                purpose=Purpose.TEST,
                now=now,
                key=f"showup-test.{now}.{number}",
                headline=f"showup test for {way.name or way.target}: this is how a page arrives",
                text="Nothing is wrong. Somebody ran: showup notify --test",
            )
            for number, way in enumerate(ways)
        ]
        return [row.id or 0 for row in rows]

    def on_call(self, session: Session, rotation: str, *, at: int) -> tuple[Duty, Duty]:
        """Who holds the pager of a rotation at `at`, and who is asked next."""
        book, overrides = self._book(), self.climb.overrides(session)
        return (
            duty(rotation, book=book, overrides=overrides, at=at, schedules=self.climb.schedules),
            next_duty(rotation, book=book, overrides=overrides, at=at, schedules=self.climb.schedules),
        )

    def open_members(self, session: Session) -> list[OpenMember]:
        """Every failing member of every open incident."""
        query = (
            select(Incident.subject, Member.member, Member.severity)
            .join(Member, col(Member.incident) == col(Incident.id))
            .where(col(Incident.resolved_at).is_(None), col(Member.ended).is_(None))
        )
        return [OpenMember(subject, member, Severity(severity)) for subject, member, severity in session.exec(query)]

    def views(self, session: Session, *, now: int, since: int | None = None, limit: int = 500) -> list[IncidentView]:
        """Open incidents, or with `since` (µs) all that were open at some time after it; newest first."""
        query = select(Incident).order_by(col(Incident.opened).desc()).limit(limit)
        if since is None:
            query = query.where(col(Incident.resolved_at).is_(None))
        else:
            query = query.where(or_(col(Incident.resolved_at).is_(None), col(Incident.resolved_at) >= since))
        book = self._book()
        return [view(session, row, book=book, climb=self.climb, now=now) for row in session.exec(query).all()]

    def find(self, session: Session, name: str, *, now: int) -> IncidentView | None:
        """One incident by its public id, a provider's key or a message's marker."""
        incident = acks.find(session, name)
        return view(session, incident, book=self._book(), climb=self.climb, now=now) if incident else None

    def open_pages(self, session: Session, channel: str) -> list[OpenPage]:
        """Pages that left, or may have left, through a channel and whose incident is open: what answers are polled
        for."""
        query = (
            select(Notification, Incident.public_id)
            .join(Incident, col(Incident.id) == col(Notification.incident))
            .where(
                col(Incident.resolved_at).is_(None),
                Notification.channel == channel,
                Notification.purpose == str(Purpose.PAGE),
                or_(Notification.state == "delivered", col(Notification.tries) > 0),
            )
        )
        return [
            OpenPage(incident=public_id, key=row.key, round=row.round, person=row.person, receipt=row.receipt or {})
            for row, public_id in session.exec(query.order_by(col(Notification.id))).all()
        ]

    def undelivered(self, session: Session) -> Sequence[Notification]:
        """Messages that wait or fail, most urgent first."""
        query = select(Notification).where(col(Notification.state).in_(OPEN_STATES))
        return session.exec(query.order_by(col(Notification.rank), col(Notification.due_at)).limit(500)).all()

    def steps(self, session: Session, public_id: str) -> Sequence[Step]:
        """The levels of an incident that were started."""
        mine = select(Incident.id).where(Incident.public_id == public_id)
        return session.exec(select(Step).where(col(Step.incident).in_(mine)).order_by(col(Step.id))).all()
