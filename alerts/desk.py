"""The one face of alerts for the daemon: signals in, the due scan, answers, questions. All inside the caller's
transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam
from sqlmodel import Session, col, or_, select

from alerts import acks, folding, follow, holding, incidents, life, outbox, rules, settle, view
from alerts.absences import LONGEST
from alerts.book import Book
from alerts.channels.kit import OpenPage
from alerts.escalate import Escalation
from alerts.incidents import Received
from alerts.message import Answer, Beside, IncidentView, Purpose, Reaction
from alerts.mute import ends
from alerts.oncall import Deliverable, Schedules
from alerts.outbox import OPEN_STATES, enqueue
from alerts.questions import Questions
from alerts.rotation import Duty
from alerts.signal import Severity, Signal
from alerts.tables import Incident, Member, Mute, Notification, Override, Step
from alerts.timeline import add_context, note
from probes.words.clock import moment
from probes.words.errors import Refused
from probes.words.units import DAY

MOST_DUE = 100  # incidents seen to in one scan; the others come with the next, which is made at once
_DUE = (
    select(Incident)
    .where(col(Incident.due_at) <= bindparam("now"), col(Incident.resolved_at).is_(None))
    .order_by(col(Incident.due_at), col(Incident.id))
    .limit(MOST_DUE)
)
_OVER = select(Mute).where(
    col(Mute.closed).is_(None), or_(col(Mute.end) <= bindparam("now"), col(Mute.lifted).is_not(None))
)


@dataclass(frozen=True, slots=True)
class OpenMember:
    """A member that fails in an open incident since then (µs): what the engine compares with its own memory after a
    restart."""

    subject: str
    member: str
    severity: Severity
    since: int


class Desk:
    """Alerts with one book.

    `recovering(subject)` says until when (µs) the recovery of a subject whose newest attempt passed is awaited, or
    None. `beside(session, incident)` is what is known of an incident beyond its rows, for whoever reads of it.
    """

    def __init__(
        self,
        book: Callable[[], Book],
        *,
        schedules: Schedules | None = None,
        recovering: Callable[[str], int | None] = lambda subject: None,
        beside: Callable[[Session, Incident], Beside] = lambda session, incident: Beside(),
    ) -> None:
        self._book = book
        self.questions = Questions()
        self.more = False  # the last scan left something for the next one, which is made at once
        self.climb = Escalation(book, schedules, recovering, self.questions.awaits, beside)

    def receive(self, session: Session, signal: Signal, *, now: int) -> Received:
        """Apply a signal."""
        return incidents.receive(session, signal, climb=self.climb, now=now)

    def due(self, session: Session, *, now: int) -> frozenset[str]:
        """Make every move that is due; returns the channels with work that is due. A few index look-ups when there is
        none.
        """
        settle.reclaim(session, now=now)
        self._close_mutes(session, now)
        folding.release(session, holding.mutes(session, now), now=now)
        due = session.exec(_DUE, params={"now": now}).all()
        self.more = len(due) == MOST_DUE
        for incident in due:
            incidents.review(session, incident, climb=self.climb, now=now)
        for failed in settle.overdue(session, now=now).exhausted:
            self.climb.hurry(session, failed, now=now)
        return outbox.waiting_on(session, now=now)

    def _close_mutes(self, session: Session, now: int) -> None:
        """What a mute that was lifted early held is due at once; each end is seen to once."""
        for mute in session.exec(_OVER, params={"now": now}).all():
            mute.closed = now
            session.add(mute)
            if ends(mute) < mute.end:
                self.climb.lift(session, mute, now=now)

    def react(self, session: Session, reaction: Reaction, *, now: int) -> Answer:
        """Apply an answer to a page: ack, snooze or resolve."""
        return acks.react(session, reaction, climb=self.climb, now=now)

    def write(self, session: Session, name: str, text: str, *, by: str, now: int, public: bool = False) -> IncidentView:
        """A note on an incident's timeline, or an update for the status page; raises Refused."""
        return self._seen(
            session, life.write(session, name, text, by=by, now=now, kind=life.UPDATE if public else life.NOTE), now
        )

    def tell(self, session: Session, name: str, text: str, *, by: str, now: int, kind: str = life.NOTE) -> None:
        """A line on the timeline that whoever reads the incident's thread sees too; raises Refused."""
        row = life.write(session, name, text, by=by, now=now, kind=kind)
        follow.tell(session, row, Purpose.NOTE, now=now, text=text)

    def set_severity(
        self, session: Session, name: str, severity: str, *, by: str, reason: str, now: int
    ) -> IncidentView:
        """What fails now counts as this severe; raises Refused."""
        found = life.set_severity(session, name, severity, by=by, reason=reason, climb=self.climb, now=now)
        return self._seen(session, found, now)

    def merge(self, session: Session, name: str, into: str, *, by: str, now: int) -> IncidentView:
        """Leave an incident to another one, or with "" as `into` let it stand for itself again; raises Refused."""
        if not into:
            return self._seen(session, life.unmerge(session, name, by=by, climb=self.climb, now=now), now)
        return self._seen(session, life.merge(session, name, into, by=by, climb=self.climb, now=now)[0], now)

    def _seen(self, session: Session, incident: Incident, now: int) -> IncidentView:
        session.flush()
        return view.view(session, incident, climb=self.climb, now=now)

    def evidence(self, session: Session, subject: str, *, silent_since: int | None, now: int | None = None) -> None:
        """Nothing has been known about an open incident's subject since then; None: something is known again."""
        incident = incidents.open_of(session, subject)
        if incident is None or (incident.silent_since is None) == (silent_since is None):
            return
        incident.silent_since = silent_since
        session.add(incident)
        at = now if now is not None else silent_since or incident.opened
        said = "no evidence since then" if silent_since is not None else "there is evidence again"
        note(session, incident, "silent" if silent_since is not None else "seen", said, now=at)
        follow.tell(session, incident, Purpose.NOTE, now=at, text=said[:1].upper() + said[1:])

    def annotate(self, session: Session, subject: str, text: str, *, now: int) -> bool:
        """Write beside an open incident what else is said, such as by a provider's status page: it changes nothing
        else. True when that is new."""
        incident = incidents.open_of(session, subject)
        if incident is None or not add_context(session, incident, [text], now=now):
            return False
        follow.tell(session, incident, Purpose.REFRESH, now=now)
        return True

    def mute(self, session: Session, subject: str, *, start: int, end: int, author: str, reason: str, now: int) -> Mute:
        """Hold the pages of a subject ("" is every workflow); raises Refused for one without end, author or reason.

        It starts now at the earliest: what was held back is never rewritten.
        """
        start = max(start, now)
        if not start < end or not author.strip() or not reason.strip():
            raise Refused("a mute needs an author, a reason and an end after its start")
        row = Mute(subject=subject, start=start, end=end, author=author, reason=reason, created=now)
        session.add(row)
        session.flush()
        return row

    def unmute(self, session: Session, number: int, *, by: str, now: int) -> Mute:
        """End a mute early: what it holds is due now. Raises Refused when it is unknown or over."""
        row = session.get(Mute, number)
        if row is None or ends(row) <= now:
            raise Refused("there is no such mute, or it is over already")
        row.lifted, row.lifted_by = now, by
        session.add(row)
        session.flush()
        self._close_mutes(session, now)
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
        if end - max(start, now) > LONGEST:
            raise Refused(f"an override is {LONGEST // DAY} days at most", hint="change the rotation")
        if end <= now:
            raise Refused("that is over already", hint="name a time to come")
        gone = [one for one in self.climb.scene(session, now=now).on_call.roster.aways if one.person == person]
        away = next((one for one in gone if one.start < end and start < one.end), None)
        if away is not None:  # they would be named by nothing, and whoever asked them would think they are
            until = f"{moment(away.start):%Y-%m-%d %H:%M} to {moment(away.end):%Y-%m-%d %H:%M} UTC"
            raise Refused(
                f"{book.people[person].name} is away from {until}", hint="name somebody else, or see: showup away"
            )
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
        on_call = self.climb.scene(session, now=at).on_call
        return on_call.duty(rotation, at), on_call.next_duty(rotation, at)

    def open_members(self, session: Session, *beginnings: str) -> list[OpenMember]:
        """Every failing member of every open incident, or of those whose subject begins so."""
        query = (
            select(Incident.subject, Member.member, Member.severity, Member.since)
            .join(Member, col(Member.incident) == col(Incident.id))
            .where(col(Incident.resolved_at).is_(None), col(Member.ended).is_(None))
        )
        if beginnings:
            query = query.where(or_(*(col(Incident.subject).startswith(beginning) for beginning in beginnings)))
        found = session.exec(query).all()
        return [OpenMember(subject, member, Severity(severity), since) for subject, member, severity, since in found]

    def views(self, session: Session, *, now: int, since: int | None = None, limit: int = 500) -> list[IncidentView]:
        """Open incidents, or with `since` (µs) all that were open at some time after it; newest first."""
        query = select(Incident).order_by(col(Incident.opened).desc(), col(Incident.id).desc()).limit(limit)
        if since is None:
            query = query.where(col(Incident.resolved_at).is_(None))
        else:
            query = query.where(or_(col(Incident.resolved_at).is_(None), col(Incident.resolved_at) >= since))
        return [view.view(session, row, climb=self.climb, now=now) for row in session.exec(query).all()]

    def find(self, session: Session, name: str, *, now: int) -> IncidentView | None:
        """One incident by its public id, a provider's key or a message's marker."""
        found = acks.find(session, name)
        return view.view(session, found[0], climb=self.climb, now=now) if found else None

    def open_pages(self, session: Session, channel: str) -> list[OpenPage]:
        """What left, or may have left, through a channel about incidents that are open: whose answers are asked for."""
        return self.questions.open_pages(session, channel)

    def broken(self, session: Session, *, now: int, started: int = 0) -> list[str]:
        """Every rule that does not hold now, in words; asked each minute. `started`: when the keeper came up (µs)."""
        return rules.broken(session, now, self._book(), started=started)

    def undelivered(self, session: Session) -> Sequence[Notification]:
        """Messages that wait or fail, most urgent first."""
        query = select(Notification).where(col(Notification.state).in_(OPEN_STATES))
        return session.exec(query.order_by(col(Notification.rank), col(Notification.due_at)).limit(500)).all()

    def steps(self, session: Session, public_id: str) -> Sequence[Step]:
        """The levels of an incident that were started."""
        mine = select(Incident.id).where(Incident.public_id == public_id)
        return session.exec(select(Step).where(col(Step.incident).in_(mine)).order_by(col(Step.id))).all()
