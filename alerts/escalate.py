"""Escalation: rounds begin, levels start once each and in order, a mute holds them, and no ladder comes to an end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam
from sqlmodel import Session, col, or_, select

from alerts import folding, holding, occasions, tell
from alerts.book import Book
from alerts.holding import mutes
from alerts.ladder import Ladder, Move, Next, Stand, next_move
from alerts.message import Beside, Purpose
from alerts.mute import concerns, ends, until
from alerts.oncall import OnCall, Roster, Schedules
from alerts.tables import Incident, Member, Mute, Notification, Step
from alerts.timeline import note
from probes.words.units import say_duration

_PAGES = select(Notification).where(
    Notification.incident == bindparam("incident"),
    Notification.round == bindparam("round"),
    Notification.level == bindparam("level"),
    Notification.purpose == str(Purpose.PAGE),
    col(Notification.human).is_(True),
)
_WAITING = select(Member).where(
    Member.incident == bindparam("incident"),
    col(Member.ended).is_(None),
    or_(
        col(Member.unfold_at).is_not(None),
        (col(Member.severity) == "warning") & col(Member.warned).is_(False) & col(Member.folded_into).is_(None),
    ),
)
_UNTIL = select(Incident).where(
    col(Incident.resolved_at).is_(None), col(Incident.paging).is_(False), Incident.due_at == bindparam("end")
)
MOST_MOVES = 1000  # of one incident in one scan; more would be a ladder that turns in circles


@dataclass(frozen=True, slots=True)
class Escalation:
    """Climbs ladders. `book` and `schedules` say who is who now.

    `recovering(subject)`: the newest attempt passed and recovery is awaited until then (µs). `awaits(session, incident,
    due, now)`: a provider is being asked whether somebody has answered, so the next level waits a moment.
    `beside(session, incident)` is what is known of it beyond its rows.
    """

    book: Callable[[], Book]
    schedules: Schedules | None = None
    recovering: Callable[[str], int | None] = lambda subject: None
    awaits: Callable[[Session, Incident, int, int], bool] = lambda session, incident, due, now: False
    beside: Callable[[Session, Incident], Beside] = lambda session, incident: Beside()

    def on_call(self, given: Roster) -> OnCall:
        """Who is on call, with what people changed."""
        return OnCall(self.book(), given, self.schedules)

    def scene(self, session: Session, *, now: int) -> tell.Scene:
        """What is needed to find out whom a target means now."""
        return tell.Scene(session, self.book(), now, self.schedules)

    def begin(self, session: Session, incident: Incident, *, now: int, why: str, fresh: bool = True) -> None:
        """Begin a round with a new key. `fresh`: the ladder is climbed as if for the first time."""
        incident.round += 1
        incident.climbs = 1 if fresh else incident.climbs + 1
        incident.level, incident.round_at, incident.paging = 0, now, True
        if fresh:
            incident.nobody = False
        answerless(incident)
        session.add(incident)
        if incident.round > 1:
            note(session, incident, "round", f"round {incident.round}: {why}", now=now)

    def stop(self, session: Session, incident: Incident, *, why: str, now: int) -> None:
        """Nobody needs to be woken any more, though it stays open: what was told is taken back."""
        incident.paging, incident.nobody, incident.held_by = False, False, None
        if incident.state == "acknowledged":
            note(session, incident, "unacknowledged", f"{incident.acked_by} need not stay on it: {why}", now=now)
        answerless(incident)
        session.add(incident)
        note(session, incident, "stopped", f"nobody is woken any more: {why}", now=now)

    def advance(self, session: Session, incident: Incident, *, now: int) -> None:
        """Make every move that is due, in order, and note when the next one is."""
        if incident.resolved_at is None and incident.paging and incident.state == "triggered":
            incident.due_at = self._climb(session, incident, now=now)
        else:
            incident.due_at = incident.ack_expires if incident.state == "acknowledged" else None
        others = [incident.settle_at, *self._members_due(session, incident, now)]
        due = [at for at in (incident.due_at, *others) if at is not None]
        incident.due_at = min(due) if due and incident.resolved_at is None else None
        session.add(incident)
        session.flush()

    def _climb(self, session: Session, incident: Incident, *, now: int) -> int | None:
        ladder = Ladder.load(incident.ladder)
        for _ in range(MOST_MOVES):
            step = next_move(stand_of(incident), ladder)
            due = step.due
            mute = until(mutes(session, now), incident.subject, now)
            if mute is not None and due < ends(mute):
                return self._hold(session, incident, mute, due=due, now=now)
            if mute is not None and incident.held_by is not None and due == ends(mute):
                return due  # held to its end already
            if incident.held_by is not None:
                note(session, incident, "released", "the mute is over", now=now)
                incident.held_by = None
            if due > now or self.awaits(session, incident, due, now):
                return due
            scene = self.scene(session, now=now)
            present = self._present(scene, incident, ladder)
            if present is None:
                self._make(scene, incident, step, ladder, due=due)
            else:
                ladder = present
        return now

    def _present(self, scene: tell.Scene, incident: Incident, ladder: Ladder) -> Ladder | None:
        """Another ladder, where the incident's reaches nobody now: its policy as it is now; where all that it names
        have left the configuration, else the first that reaches somebody. Climbed from its beginning."""
        if not ladder.calls_somebody or tell.reaches(scene, ladder):
            return None
        policies = scene.book.policies
        names = [incident.policy] if tell.knows(scene, ladder) else [incident.policy, *policies]
        names = [name for name in names if name in policies]
        found = next((name for name in names if tell.reaches(scene, Ladder.of(policies[name]))), None)
        if found is None:
            return None
        made = Ladder.of(policies[found])
        incident.policy, incident.ladder = found, made.dump()
        said = f"nobody whom it named can be told: {found} is followed as it is now"
        note(scene.session, incident, "policy", said, now=scene.now)
        self.begin(scene.session, incident, now=scene.now, why="its people have changed")
        return made

    def _hold(self, session: Session, incident: Incident, mute: Mute, *, due: int, now: int) -> int:
        """Say once that levels are held, and let the held one be due when the mute ends, not long overdue."""
        incident.round_at += ends(mute) - due
        if incident.held_by != mute.id:
            incident.held_by = mute.id
            folding.close(session, incident, now=now)  # held itself, it cannot speak for others
            holding.say(session, incident, mute, now=now)
        return ends(mute)

    def _members_due(self, session: Session, incident: Incident, now: int) -> list[int]:
        """When members that were left to their provider page by themselves, and when muted warnings may be posted."""
        rows = session.exec(_WAITING, params={"incident": incident.id}).all()
        found = [row.unfold_at for row in rows if row.unfold_at is not None]
        if any(row.severity == "warning" and not row.warned and row.folded_into is None for row in rows):
            mute = until(mutes(session, now), incident.subject, now)
            found += [ends(mute)] if mute is not None else []
        return found

    def _make(self, scene: tell.Scene, incident: Incident, step: Next, ladder: Ladder, *, due: int) -> None:
        session, now = scene.session, scene.now
        if step.move is Move.LEVEL:
            self._start(scene, incident, ladder, due=due)
            return
        self.begin(session, incident, now=now, why=step.why, fresh=False)
        if step.move is Move.NOBODY:
            incident.nobody, incident.level = True, len(ladder.at)
            note(session, incident, "nobody", f"nobody reached: {step.why}", now=now)
            told = tell.level(scene, incident, ladder.last_resort, number=incident.level, fallback="")
            self._keep(session, incident, due=due, now=now, told=told.people)

    def _start(self, scene: tell.Scene, incident: Incident, ladder: Ladder, *, due: int) -> None:
        """Start one level: its people are found now, not when the incident opened."""
        session, now = scene.session, scene.now
        incident.level += 1
        targets = ladder.notify[incident.level - 1]
        if incident.level == 1:  # who presents hears of it with whoever is called first
            also = occasions.presenters(session, incident.subject, now=now)
            targets = (*targets, *(person for person in also if person not in targets))
        told = tell.level(scene, incident, targets, number=incident.level, fallback=ladder.fallback)
        self._keep(session, incident, due=due, now=now, told=told.people)
        if told.empty:
            more = incident.level < len(ladder.at)
            said = "the next one starts at once" if more else "there is none after it"
            note(session, incident, "empty", f"level {incident.level} reaches nobody: {said}", now=now)
            if more:
                self._bring_forward(incident, ladder, now=now)
        elif told.people and not _may_reach(_pages(session, incident)):  # ways that have failed already, since before
            self._go_on(session, incident, ladder, now=now)

    def _keep(self, session: Session, incident: Incident, *, due: int, now: int, told: int) -> None:
        number = incident.id or 0
        session.add(Step(incident=number, round=incident.round, level=incident.level, due=due, started=now, told=told))
        session.add(incident)
        session.flush()

    def _bring_forward(self, incident: Incident, ladder: Ladder, *, now: int) -> int:
        """The next level is due now; those after it keep their distance to it. Returns by how much, µs."""
        due = ladder.due(incident.level, incident.round_at)
        early = max(0, due - now)
        incident.round_at -= early
        return early

    def hurry(self, session: Session, failed: Notification, *, now: int) -> None:
        """When every way to every person of the present level has failed, the next level, or the fallback, does not
        wait.
        """
        incident = session.get(Incident, failed.incident)
        if incident is None or incident.state != "triggered" or not incident.paging:
            return
        tried = _pages(session, incident)
        if (failed.round, failed.level) != (incident.round, incident.level) or _may_reach(tried):
            return
        if not tell.otherwise(self.scene(session, now=now), incident, failed, tried):
            self._go_on(session, incident, Ladder.load(incident.ladder), now=now)
        self.advance(session, incident, now=now)

    def _go_on(self, session: Session, incident: Incident, ladder: Ladder, *, now: int) -> None:
        """Nobody of the present level can be told: the next one is due now, or the fallback hears of it."""
        if incident.level < len(ladder.at) and not incident.nobody:
            early = self._bring_forward(incident, ladder, now=now)
            if early:
                said = f"nobody could be told: the next level starts {say_duration(early)} early"
                note(session, incident, "hurried", said, now=now)
        elif ladder.fallback:
            scene = self.scene(session, now=now)
            tell.fallback(scene, incident, ladder.fallback, number=incident.level)

    def lift(self, session: Session, mute: Mute, *, now: int) -> None:
        """The mute ended early: what it held is due now."""
        holding.let_go(session, mute, now=now)
        for waits in session.exec(_UNTIL, params={"end": mute.end}).all():
            if concerns(mute, waits.subject):  # its warnings, which no level holds: the next look posts them
                waits.due_at = now
                session.add(waits)
        query = select(Incident).where(Incident.held_by == mute.id, col(Incident.resolved_at).is_(None))
        for incident in session.exec(query).all():
            due = next_move(stand_of(incident), Ladder.load(incident.ladder)).due
            incident.round_at -= max(0, due - now)
            self.advance(session, incident, now=now)


def _pages(session: Session, incident: Incident) -> Sequence[Notification]:
    """The pages to people of the present level."""
    place = {"incident": incident.id, "round": incident.round, "level": incident.level}
    return session.exec(_PAGES, params=place).all()


def _may_reach(pages: Sequence[Notification]) -> bool:
    """True while some way to some person of a level worked, or has not failed yet."""
    lanes: dict[str, bool] = {}
    for row in pages:
        if row.state == "delivered":
            return True
        lanes[row.lane] = lanes.get(row.lane, False) or row.exhausted
    return not all(lanes.values())


def answerless(incident: Incident) -> None:
    """Nobody is on it."""
    incident.state = "triggered"
    incident.acked_at, incident.acked_by, incident.acked_via, incident.ack_expires = None, "", "", None
    incident.acked_members, incident.acked_severity, incident.ack_grace = [], "", False


def stand_of(incident: Incident) -> Stand:
    """Where an incident stands on its ladder."""
    return Stand(climbs=incident.climbs, level=incident.level, round_at=incident.round_at, nobody=incident.nobody)
