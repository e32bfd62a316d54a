"""Escalation as rows: rounds begin, levels start once each and in order, an answer stops them, its expiry resumes
them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from alerts.book import Book
from alerts.ladder import Ladder, Move, Next, Stand, next_move
from alerts.message import Purpose
from alerts.mute import until as mute_until
from alerts.oncall import Deliverable, Schedules, resolve, why_nobody
from alerts.outbox import enqueue, key_of, note, storm_due
from alerts.signal import Severity
from alerts.tables import Incident, Mute, Notification, Override, Step
from probes.words.units import say_duration

MOST_MOVES = 1000  # of one incident in one scan; more would be a ladder that turns in circles
_TOLD = ("delivered", "sending", "pending", "replaced", "superseded")


@dataclass(frozen=True, slots=True)
class Escalation:
    """Climbs ladders. `book` and `schedules` say who is who now; `recovering(subject)` until when recovery is
    awaited (µs).
    """

    book: Callable[[], Book]
    schedules: Schedules | None = None
    recovering: Callable[[str], int | None] = lambda subject: None

    def overrides(self, session: Session) -> Sequence[Override]:
        """Every override that is stored."""
        return session.exec(select(Override)).all()

    def begin(self, session: Session, incident: Incident, *, now: int, why: str) -> None:
        """Begin a new round with a new key, and start what is due in it."""
        incident.round += 1
        incident.level, incident.round_at = 0, now
        incident.state, incident.ack_expires = "triggered", None
        incident.version += 1
        session.add(incident)
        if incident.round > 1:
            note(session, incident, "round", f"round {incident.round}: {why}", now=now)
        self.advance(session, incident, now=now)

    def void(self, session: Session, incident: Incident, *, now: int, why: str) -> None:
        """An acknowledgement no longer holds: page anew."""
        note(session, incident, "unacknowledged", f"the acknowledgement no longer holds: {why}", now=now)
        incident.acked_at, incident.acked_by = None, ""
        self.begin(session, incident, now=now, why=why)

    def advance(self, session: Session, incident: Incident, *, now: int) -> None:
        """Make every move that is due, in order, and note when the next one is."""
        ladder = Ladder.load(incident.ladder)
        for _ in range(MOST_MOVES):
            mute = mute_until(self._mutes(session, now), incident.subject, now)
            held = (mute.lifted or mute.end) if mute is not None else None
            step = next_move(self._stand(incident, held), ladder)
            if step.due is None or step.due > now or step.move is Move.WAIT:
                incident.due_at = step.due
                session.add(incident)
                if mute is not None and step.move is Move.WAIT and step.due == held:
                    self._hold(session, incident, mute, now=now)
                return
            self._make(session, incident, step, ladder, now=now)

    def _mutes(self, session: Session, now: int) -> Sequence[Mute]:
        return session.exec(select(Mute).where(col(Mute.end) > now)).all()

    def _stand(self, incident: Incident, held: int | None) -> Stand:
        return Stand(
            state=incident.state,
            pages=Severity(incident.severity).pages,
            round=incident.round,
            level=incident.level,
            round_at=incident.round_at,
            nobody=incident.nobody,
            ack_expires=incident.ack_expires,
            held_until=held,
            recovers_by=self.recovering(incident.subject),
        )

    def _hold(self, session: Session, incident: Incident, mute: Mute, *, now: int) -> None:
        """Say once that pages are held, and let the held level be due when the mute ends, not long overdue."""
        ladder = Ladder.load(incident.ladder)
        level = min(incident.level, len(ladder.at) - 1)
        shifted = (mute.lifted or mute.end) - (ladder.due(level, 0))
        if incident.round_at != shifted:
            incident.round_at = shifted
            note(session, incident, "held", f"pages are held: {mute.reason}", now=now, by=mute.author)
            session.add(incident)

    def _make(self, session: Session, incident: Incident, step: Next, ladder: Ladder, *, now: int) -> None:
        if step.move is Move.LEVEL:
            self._start(session, incident, ladder, due=step.due or now, now=now)
        elif step.move is Move.ROUND:
            self._next_round(session, incident, now=now, why=step.why)
        elif step.move is Move.NOBODY:
            self._nobody(session, incident, ladder, now=now, why=step.why)
        else:
            by = incident.acked_by or "somebody"
            note(session, incident, "expired", f"the acknowledgement by {by} expired", now=now)
            incident.acked_at, incident.acked_by = None, ""
            self._next_round(session, incident, now=now, why="nobody resolved it")

    def _next_round(self, session: Session, incident: Incident, *, now: int, why: str) -> None:
        incident.round += 1
        incident.level, incident.round_at = 0, now
        incident.state, incident.ack_expires, incident.nobody = "triggered", None, False
        incident.version += 1
        note(session, incident, "round", f"round {incident.round}: {why}", now=now)

    def _start(self, session: Session, incident: Incident, ladder: Ladder, *, due: int, now: int) -> None:
        """Start one level: its people are found now, not when the incident opened."""
        number = incident.level
        told = self._tell(session, incident, ladder.notify[number], level=number + 1, now=now)
        incident.level = number + 1
        step = Step(incident=incident.id or 0, round=incident.round, level=number + 1, due=due, started=now, told=told)
        if not told:
            step.why = "nobody to tell"
            note(session, incident, "empty", f"level {number + 1} reaches nobody: the next one starts at once", now=now)
            if incident.level < len(ladder.at):
                # the following levels keep their distance to each other
                incident.round_at = now - (ladder.due(incident.level, 0))
        session.add(step)
        session.add(incident)
        session.flush()

    def _tell(self, session: Session, incident: Incident, targets: Sequence[str], *, level: int, now: int) -> int:
        """Enqueue a page to each target; returns how many reach a person or service. Said on the timeline who
        is told.
        """
        book, overrides, humans = self.book(), self.overrides(session), 0
        seen: set[tuple[str, str]] = set()
        for target in targets:
            ways = resolve(target, book=book, overrides=overrides, at=now, schedules=self.schedules)
            if not ways:
                why = why_nobody(target, book=book, overrides=overrides, at=now, schedules=self.schedules)
                note(session, incident, "unreachable", f"{target}: {why}", now=now)
                continue
            if (ways[0].channel, ways[0].target) in seen:
                continue
            seen.add((ways[0].channel, ways[0].target))
            human = any(way.human for way in ways)
            due = storm_due(session, incident, ways[0], now=now) if human else now
            enqueue(session, incident, ways, purpose=Purpose.PAGE, now=now, due=due, level=level)
            humans += human
        names = ", ".join(sorted(set(targets)))
        note(session, incident, "level", f"level {level} of round {incident.round}: {names}", now=now)
        return humans

    def _nobody(self, session: Session, incident: Incident, ladder: Ladder, *, now: int, why: str) -> None:
        """Nobody was reached: the last level and the fallback, again and again, until somebody answers."""
        incident.round += 1
        incident.level, incident.round_at, incident.nobody = len(ladder.at), now, True
        incident.version += 1
        note(session, incident, "nobody", f"nobody reached: {why}", now=now)
        told = self._tell(session, incident, ladder.last_resort, level=len(ladder.at), now=now)
        session.add(
            Step(incident=incident.id or 0, round=incident.round, level=len(ladder.at), due=now, started=now, told=told)
        )
        session.add(incident)
        session.flush()

    def hurry(self, session: Session, incident: Incident, *, now: int) -> None:
        """Every way of a level failed for good: the next level does not wait for its time."""
        ladder = Ladder.load(incident.ladder)
        if incident.state != "triggered" or incident.level >= len(ladder.at):
            return
        due = ladder.due(incident.level, incident.round_at)
        if due > now:
            incident.round_at -= due - now
            note(session, incident, "hurried", f"nobody could be told: {say_duration(due - now)} early", now=now)
            self.advance(session, incident, now=now)


def tell_those_told(session: Session, incident: Incident, *, purpose: Purpose, now: int) -> None:
    """Tell what changed on every route that was, or may have been, told: once a route, and at PagerDuty once a key."""
    rows = session.exec(
        select(Notification)
        .where(
            Notification.incident == incident.id,
            col(Notification.purpose).in_([str(Purpose.PAGE), str(Purpose.WARNING)]),
            col(Notification.state).in_(_TOLD),
        )
        .order_by(col(Notification.id))
    ).all()
    routes: dict[tuple[str, str, str], Notification] = {}
    for row in rows:
        may_have_arrived = row.state in ("delivered", "sending") or row.unknown or row.tries > 0
        if may_have_arrived:
            # where one message stands for the incident, rounds share it; a service keeps an incident for each key
            per_key = row.key if row.channel == "pagerduty" else ""
            routes.setdefault((row.channel, row.target, per_key), row)
    for (channel, target, key), row in routes.items():
        if purpose is Purpose.REFRESH and _waits(session, incident, channel, target, purpose):
            continue
        way = Deliverable(channel=channel, target=target, person=row.person, name=row.name, human=row.human)
        if purpose is Purpose.ACK and key and key != key_of(incident):
            continue
        enqueue(session, incident, [way], purpose=purpose, now=now, key=key or row.key)


def _waits(session: Session, incident: Incident, channel: str, target: str, purpose: Purpose) -> bool:
    """True when the same is waiting to be sent already: an edit shows the incident as it is at sending anyway."""
    query = select(Notification.id).where(
        Notification.incident == incident.id,
        Notification.channel == channel,
        Notification.target == target,
        Notification.purpose == str(purpose),
        Notification.state == "pending",
    )
    return session.exec(query).first() is not None


Recovering = Mapping[str, int]
