"""Telling the people of one level: whom each target means now, on which way, and what is said when it means nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from alerts import roster
from alerts.book import Book
from alerts.ladder import Ladder
from alerts.message import Purpose
from alerts.oncall import Deliverable, OnCall, Schedules, reach
from alerts.outbox import OPEN_STATES, enqueue
from alerts.policy import PEOPLE, parse_target
from alerts.routes import EDITS
from alerts.storm import LATER
from alerts.tables import Incident, Notification
from alerts.timeline import note

_UNDER_WAY = select(Notification).where(
    Notification.incident == bindparam("incident"),
    Notification.channel == bindparam("channel"),
    Notification.target == bindparam("target"),
    Notification.purpose == str(Purpose.PAGE),
    col(Notification.state).in_(OPEN_STATES),
)


@dataclass(frozen=True)
class Scene:
    """What is needed to find out whom a target means at `now` (µs)."""

    session: Session
    book: Book
    now: int
    schedules: Schedules | None = None

    @cached_property
    def on_call(self) -> OnCall:
        """Who is on call, with who takes over and who is away."""
        return OnCall(self.book, roster.read(self.session, now=self.now), self.schedules)

    def ways(self, target: str) -> list[Deliverable]:
        """The ways to tell whom a target means, best first; none when it means nobody."""
        return self.on_call.resolve(target, self.now)

    def why_nobody(self, target: str) -> str:
        """Why a target means nobody."""
        return self.on_call.why_nobody(target, self.now)


@dataclass(frozen=True, slots=True)
class Told:
    """How many people or services a level reaches; `empty`: it was to reach somebody and does not."""

    people: int
    empty: bool


def level(scene: Scene, incident: Incident, targets: Sequence[str], *, number: int, fallback: str) -> Told:
    """Enqueue a page to each target of a level. A gap goes to the fallback; each gap is said on the timeline."""
    found: dict[str, list[Deliverable]] = {}
    for target in targets:
        ways = scene.ways(target)
        if ways:
            found[target] = ways
        else:
            note(scene.session, incident, "unreachable", f"{target}: {scene.why_nobody(target)}", now=scene.now)
    wanted = any(parse_target(target).kind in PEOPLE for target in targets) or not found
    if wanted and fallback and fallback not in found and not any(_reaches(ways) for ways in found.values()):
        ways = scene.ways(fallback)
        if ways:
            found[fallback] = ways
            said = f"nobody else can be reached: {fallback} stands in"
            note(scene.session, incident, "fallback", said, now=scene.now)
    people = sum(_page(scene, incident, target, ways, number=number) for target, ways in found.items())
    names = ", ".join(dict.fromkeys(ways[0].name or target for target, ways in found.items()))
    if names:
        said = f"level {number} of round {incident.round}: {names}"
        note(scene.session, incident, "level", said, now=scene.now)
    return Told(people, empty=wanted and not people)


def reaches(scene: Scene, ladder: Ladder) -> bool:
    """True when a person or service that a ladder names can be told now."""
    return any(_reaches(scene.ways(target)) for target in _people(ladder))


def knows(scene: Scene, ladder: Ladder) -> bool:
    """True when one of those whom a ladder names is in the configuration, reached now or not."""
    book = scene.book
    known = {"person": book.people, "on-call": book.rotations, "next": book.rotations}
    meant = [parse_target(target) for target in _people(ladder)]
    return any((one.name or one.kind) in known.get(one.kind, book.channels) for one in meant)


def _people(ladder: Ladder) -> list[str]:
    """The targets of a ladder behind which somebody is called."""
    named = [*ladder.last_resort, *(target for level in ladder.notify for target in level)]
    return [target for target in named if parse_target(target).kind in PEOPLE]


def fallback(scene: Scene, incident: Incident, target: str, *, number: int) -> None:
    """Tell the fallback beside a level whose every way failed; once a round."""
    lane = f"fallback:{target}"
    query = select(Notification.id).where(
        Notification.incident == incident.id, Notification.round == incident.round, Notification.lane == lane
    )
    ways = scene.ways(target)
    if ways and scene.session.exec(query).first() is None:
        note(scene.session, incident, "fallback", f"nobody could be told: {target} is told too", now=scene.now)
        _page(scene, incident, lane, ways, number=number)


def otherwise(scene: Scene, incident: Incident, failed: Notification, tried: Sequence[Notification]) -> bool:
    """Tell the person of a page that failed on ways that they have got since; False when there are none."""
    person, gone = scene.book.people.get(failed.person), {(row.channel, row.target) for row in tried}
    ways = reach(person, book=scene.book) if person is not None else []
    new = [replace(way, after=0) for way in ways if (way.channel, way.target) not in gone]
    if new:
        enqueue(scene.session, incident, new, purpose=Purpose.PAGE, now=scene.now, level=failed.level, lane=failed.lane)
    return bool(new)


def warn(scene: Scene, incident: Incident, targets: Sequence[str], *, text: str) -> None:
    """Post a warning, which wakes nobody, to each of these."""
    for target in targets:
        ways = scene.ways(target)
        if ways:
            enqueue(
                scene.session, incident, ways, purpose=Purpose.WARNING, now=scene.now, number=0, lane=target, text=text
            )


def _reaches(ways: Sequence[Deliverable]) -> bool:
    return any(way.human for way in ways)


def _page(scene: Scene, incident: Incident, lane: str, ways: Sequence[Deliverable], *, number: int) -> bool:
    """One page on its best way; True when it reaches a person. A page on that way that still waits is not doubled."""
    session, way = scene.session, next((each for each in ways if not each.after), ways[0])
    route = {"incident": incident.id, "channel": way.channel, "target": way.target}
    for row in session.exec(_UNDER_WAY, params=route).all():
        if row.round == incident.round:
            if row.level < number:
                row.level, row.lane = number, lane  # it is on its way, and counts for this level too
                session.add(row)
            return _reaches(ways)
        if row.state == "pending" and not (row.unknown and row.channel in EDITS):
            row.state, row.why, row.spread_at = "superseded", "a new round began", None
            session.add(row)
    at_once = [each for each in ways if not each.after]
    enqueue(session, incident, at_once or ways, purpose=Purpose.PAGE, now=scene.now, level=number, lane=lane)
    for each in ways if at_once else ():
        if each.after:  # rings beside the others unless somebody has answered by then
            later = f"{lane}{LATER}{each.target}"
            enqueue(session, incident, [each], purpose=Purpose.PAGE, now=scene.now, level=number, lane=later)
    return _reaches(ways)
