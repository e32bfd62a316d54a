"""Who a target means at an instant: override, then rotation or PagerDuty's schedule; then the person's own order.

Pages, commands, the API and calendars all ask here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from alerts.people import Person, find_person, phone_reference, split_phone
from alerts.policy import Target, parse_target
from alerts.rotation import Away, Cover, Duty, RotationSpec, is_away, joined, next_after, on_call
from probes.words.clock import moment
from probes.words.units import DAY

FAR = 28 * DAY  # µs for which the end of a duty is looked for beyond what changes next
ALWAYS = frozenset({"ntfy", "pushover", "apprise", "console"})  # channels that serve without a section of their own


class Book(Protocol):
    """What is needed of the alerting half of the configuration."""

    @property
    def people(self) -> Mapping[str, Person]: ...
    @property
    def rotations(self) -> Mapping[str, RotationSpec]: ...
    @property
    def channels(self) -> Mapping[str, Any]: ...
    @property
    def zone(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of PagerDuty's answer: a user, from when to when (µs, None: always), at which level of its policy."""

    user: str
    name: str
    start: int | None = None
    end: int | None = None
    level: int = 1

    def covers(self, at: int) -> bool:
        """True when this user is on call at `at`."""
        return (self.start is None or self.start <= at) and (self.end is None or at < self.end)


@dataclass(frozen=True, slots=True)
class Known:
    """What PagerDuty said last, and when (µs). `trouble` tells why it is not newer, "" when it is fresh."""

    entries: tuple[Entry, ...]
    read_at: int
    trouble: str = ""


class Schedules(Protocol):
    """The last known answer about a rotation that PagerDuty keeps; None when it never answered."""

    def known(self, rotation: str) -> Known | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliverable:
    """One way to tell somebody. `target` is never a secret: a phone is `person/phone/0`. `human`: it counts for D1.

    `after`: it waits so long (µs) for an answer elsewhere, and rings beside the others then.
    """

    channel: str
    target: str
    person: str = ""
    name: str = ""
    human: bool = False
    after: int = 0


@dataclass(frozen=True, slots=True)
class Roster:
    """What people changed: overrides in the order in which they were made, and absences; what was lifted ends there."""

    overrides: tuple[Cover, ...] = ()
    aways: tuple[Cover, ...] = ()


@dataclass(frozen=True, slots=True)
class OnCall:
    """Who is on call, by the configuration, by what people changed about it, and by what PagerDuty told last."""

    book: Book
    roster: Roster = Roster()
    schedules: Schedules | None = None

    def without(self, away: Cover) -> OnCall:
        """The same with one more absence."""
        return replace(self, roster=Roster(self.roster.overrides, (*self.roster.aways, away)))

    def taken_back(self, gone: Cover) -> OnCall:
        """The same without one of its overrides."""
        overrides = list(self.roster.overrides)
        overrides.remove(gone)
        return replace(self, roster=Roster(tuple(overrides), self.roster.aways))

    def duty(self, rotation: str, at: int) -> Duty:
        """The one primary of a rotation at `at` (µs), or a declared gap (`person` None) with its reason.

        Overrides of other rotations, and those whose person is no longer configured, are left out. Whoever is away is
        named by nothing, PagerDuty included.
        """
        book, aways = self.book, self.roster.aways
        spec = book.rotations.get(rotation)
        if spec is None:
            return _gap(f"there is no rotation {rotation}")
        mine = [one for one in self.roster.overrides if one.rotation == rotation and one.person in book.people]
        base = None
        if spec.reads_pagerduty:
            base = _asked(rotation, book=book, at=at, schedules=self.schedules, aways=aways)
        found = on_call(spec, at, mine, aways=aways, zone=book.zone, base=base)
        if found.person is None or found.person in book.people:
            return found
        return replace(found, person=None, source="gap", reason=f"{found.person} is no longer among the people")

    def duties(self, rotation: str, start: int, end: int) -> Iterator[Duty]:
        """Every duty of a rotation in [start, end), µs, in order, without a gap: what `duty` answers."""
        return joined(lambda at: self.duty(rotation, at), start, end)

    def until(self, now: Duty, rotation: str, at: int) -> int | None:
        """When somebody else than `now` is on call, µs: what changes meanwhile may leave it to the same person."""
        for duty in self.duties(rotation, at, at + FAR):
            if (duty.person, duty.name) != (now.person, now.name):
                return duty.start
        return now.end

    def next_duty(self, rotation: str, at: int) -> Duty:
        """Who is asked after the primary: the next in the rotation's order, or PagerDuty's next level or next shift."""
        book, now = self.book, self.duty(rotation, at)
        spec = book.rotations.get(rotation)
        if spec is None:
            return now
        if spec.reads_pagerduty:
            return _asked_next(rotation, now, book=book, at=at, schedules=self.schedules, aways=self.roster.aways)
        person = next_after(spec, now, among=book.people, at=at, aways=self.roster.aways, zone=book.zone)
        if person is None:
            return _gap(f"{rotation} has nobody beside the one on call")
        return Duty(person=person, start=now.start, end=now.end, source="rotation", reason="next in the rotation")

    def stand_in(self, person: str, at: int) -> str | None:
        """Who answers for somebody who is away: who is on call in a rotation of theirs, else in any; None for nobody,
        and for somebody who is there.
        """
        if not is_away(person, self.roster.aways, at):
            return None
        rotations = self.book.rotations
        theirs = [name for name, spec in rotations.items() if not spec.reads_pagerduty and person in spec.everybody]
        for name in dict.fromkeys([*theirs, *rotations]):
            found = self.duty(name, at).person
            if found is not None and found != person and not is_away(found, self.roster.aways, at):
                return found
        return None

    def resolve(self, target: str, at: int) -> list[Deliverable]:
        """The ways to tell whom `target` means at `at` (µs), best first: the next one serves when one fails. Empty:
        nobody.

        For a person who is away stands whoever is on call; with nobody on call they are told themselves. Raises
        ValueError when `target` is no target at all; one that has left the configuration means nobody.
        """
        meant, book = parse_target(target), self.book
        if meant.kind == "person":
            person = book.people.get(self.stand_in(meant.name, at) or meant.name)
            return reach(person, book=book) if person else []
        if meant.kind in ("on-call", "next"):
            return _reach_duty(self._asked_for(meant, at), book=book)
        spec = book.channels.get(meant.kind)
        if spec is None and meant.kind not in ALWAYS:
            return []
        if meant.kind == "slack":
            channel = meant.name or str(getattr(spec, "channel", "")).removeprefix("#")
            return [Deliverable(channel="slack", target=channel, name=f"#{channel}")]
        if meant.kind == "pagerduty":
            return [Deliverable(channel="pagerduty", target="service", name="PagerDuty", human=True)]
        return [Deliverable(channel=meant.kind, target=meant.name, name=f"{meant.kind} {meant.name}".strip())]

    def why_nobody(self, target: str, at: int) -> str:
        """Why `resolve` names nobody, for the timeline; "" when it does name somebody."""
        if self.resolve(target, at):
            return ""
        meant, people = parse_target(target), self.book.people
        if meant.kind == "person":
            person = people.get(meant.name)
            return _unreachable(person) if person else f"{meant.name} is not among the people"
        if meant.kind not in ("on-call", "next"):
            return f"the channel {meant.kind} is not configured"
        found = self._asked_for(meant, at)
        return _unreachable(people[found.person]) if found.person else found.reason

    def _asked_for(self, meant: Target, at: int) -> Duty:
        return self.duty(meant.name, at) if meant.kind == "on-call" else self.next_duty(meant.name, at)


def _unreachable(person: Person) -> str:
    return f"{person.name} cannot be reached: no phone, and no Slack"


def reach(person: Person, *, book: Book) -> list[Deliverable]:
    """The ways to tell one person: what rings, in their order, then a direct message in Slack."""
    phones = [
        Deliverable(
            channel=split_phone(entry)[0],
            target=phone_reference(person.key, number),
            person=person.key,
            name=person.name,
            human=True,
            after=person.waits(number),
        )
        for number, entry in enumerate(person.phone)
    ]
    if not person.slack or "slack" not in book.channels:
        return phones
    direct = Deliverable(channel="slack", target=person.slack, person=person.key, name=person.name, human=True)
    return [*phones, direct]


def _reach_duty(found: Duty, *, book: Book) -> list[Deliverable]:
    """A person we know is told by us; somebody whom only PagerDuty knows, through PagerDuty."""
    if found.person is not None:
        return reach(book.people[found.person], book=book)
    if found.name and "pagerduty" in book.channels:
        return [Deliverable(channel="pagerduty", target="service", name=found.name, human=True)]
    return []


def _gap(reason: str, start: int | None = None, end: int | None = None) -> Duty:
    return Duty(person=None, start=start, end=end, source="gap", reason=reason)


def _order(entry: Entry) -> tuple[int, int, str, str]:
    """PagerDuty may name several people: by level, then who came on first, then name, so that it is always the same."""
    return entry.level, entry.start or 0, entry.name, entry.user


def _asked(rotation: str, *, book: Book, at: int, schedules: Schedules | None, aways: Sequence[Away] = ()) -> Duty:
    """Whom PagerDuty names for `at`; after the end of what it told, whom it named last."""
    known = schedules.known(rotation) if schedules else None
    if known is None:
        return _gap("PagerDuty has not told yet who is on call")
    entries = sorted((entry for entry in known.entries if entry.covers(at)), key=_order)
    reason = "as PagerDuty tells"
    if known.trouble:
        reason = f"as PagerDuty told at {moment(known.read_at):%Y-%m-%d %H:%M} UTC; since then: {known.trouble}"
    ends = [entry.end for entry in known.entries if entry.end is not None]
    if not entries and known.trouble and ends and max(ends) <= at:
        entries = sorted((entry for entry in known.entries if entry.end == max(ends)), key=_order)
    if not entries:
        return _gap("PagerDuty has nobody on call", *_around(known.entries, at))
    found = [_duty_of(entry, book=book, reason=reason) for entry in entries]
    there = [one for one in found if one.person is None or not is_away(one.person, aways, at)]
    named = (there or found)[0]
    start, end = _around([*known.entries, *aways], at)
    if not there:
        return replace(named, person=None, name="", source="gap", reason="everybody PagerDuty names is away",
                       start=start, end=end)  # fmt: skip
    return replace(named, start=start, end=end)


def _around(edges: Iterable[Entry | Away], at: int) -> tuple[int | None, int | None]:
    """The stretch around `at` in which none of these begins or ends."""
    marks = [mark for one in edges for mark in (one.start, one.end) if mark is not None]
    return max((mark for mark in marks if mark <= at), default=None), min(
        (mark for mark in marks if mark > at), default=None
    )


def _asked_next(
    rotation: str, now: Duty, *, book: Book, at: int, schedules: Schedules | None, aways: Sequence[Away]
) -> Duty:
    known = schedules.known(rotation) if schedules else None
    entries = known.entries if known else ()
    present = sorted((entry for entry in entries if entry.covers(at)), key=_order)
    later = [entry for entry in entries if (entry.start or 0) > at]
    coming = sorted(later, key=lambda entry: (entry.start, *_order(entry)))
    for entry in [*present, *coming]:
        found = _duty_of(entry, book=book, reason="next in PagerDuty")
        away = found.person is not None and is_away(found.person, aways, at)
        if not away and (found.person, found.name) != (now.person, now.name):
            return found
    return _gap("PagerDuty names nobody beside the one on call")


def _duty_of(entry: Entry, *, book: Book, reason: str) -> Duty:
    person = find_person(book.people, pagerduty=entry.user, name=entry.name)
    key = person.key if person else None
    return Duty(
        person=key, start=entry.start, end=entry.end, source="pagerduty", reason=reason, slot=key, name=entry.name
    )
