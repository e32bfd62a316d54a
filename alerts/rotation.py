"""Rotations: who holds the pager at an instant, computed from wall-clock handoffs; only overrides and absences are
stored."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from pydantic import Field, model_validator

from alerts.shifts import LayerSpec, handoff, serves, turn_at

__all__ = ["UNSERVED", "Away", "Cover", "Duty", "LayerSpec", "Override", "RotationSpec", "duties", "handoff",
           "next_after", "on_call", "turn"]  # fmt: skip

UNSERVED = "nobody serves at this hour"  # the reason of a gap between the hours of all layers


class RotationSpec(LayerSpec):
    """Who takes turns: `people`, or several `layers` of them, or a PagerDuty schedule or escalation policy by its id.

    Of several layers the first that serves at an instant names the primary, the next one who is asked after them: for
    a second line, or for teams that follow the sun, each with its `hours` and `timezone`.
    """

    layers: tuple[LayerSpec, ...] = Field(default=(), max_length=20)
    pagerduty_schedule: str | None = Field(default=None, min_length=1, max_length=40, pattern=r"^[A-Za-z0-9]+$")
    pagerduty_policy: str | None = Field(default=None, min_length=1, max_length=40, pattern=r"^[A-Za-z0-9]+$")

    @model_validator(mode="after")
    def _is_one_kind(self) -> RotationSpec:
        kinds = [
            bool(self.people),
            bool(self.layers),
            self.pagerduty_schedule is not None,
            self.pagerduty_policy is not None,
        ]
        if sum(kinds) != 1:
            raise ValueError(
                "a rotation needs one of these; write `people`, `layers`, `pagerduty_schedule` or `pagerduty_policy`"
            )
        beside = sorted(self.model_fields_set & {"starts", "handoff", "shift", "hours", "timezone"})
        if self.layers and beside:
            raise ValueError(f"{beside[0]} beside layers counts for none of them; write it in each layer")
        for number, layer in enumerate(self.layers, start=1):
            if not layer.people:
                raise ValueError(f"layer {number} has nobody; write people: [ana, bo] in it")
        return self

    @property
    def reads_pagerduty(self) -> bool:
        """True when PagerDuty is asked who is on call."""
        return not self.people and not self.layers

    @property
    def every_layer(self) -> tuple[LayerSpec, ...]:
        """Its layers, the first that serves first; a rotation of people is one."""
        return self.layers or (self,)

    @property
    def everybody(self) -> tuple[str, ...]:
        """Everyone who takes turns, once each, in order."""
        return tuple(dict.fromkeys(person for layer in self.every_layer for person in layer.people))


class Override(Protocol):
    """Somebody takes over for a time. Times in µs; the row that is stored has author and reason besides."""

    @property
    def rotation(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def person(self) -> str: ...


class Away(Protocol):
    """Somebody is away, [start, end) in µs: nobody names them then."""

    @property
    def person(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Cover:
    """An override, or an absence, as plain values."""

    rotation: str
    start: int
    end: int
    person: str
    author: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """Who is primary from `start` to before `end` (µs; None: open). `person` None is a declared gap; `reason` says why.

    `slot` is whose turn it is by the rotation, which overrides and absences do not change; `layer` and `number` are the
    layer and shift.
    """

    person: str | None
    start: int | None
    end: int | None
    source: Literal["rotation", "override", "pagerduty", "gap"]
    reason: str
    slot: str | None = None
    number: int = 0
    layer: int = 0
    name: str = ""  # for people the configuration does not know, such as a PagerDuty user

    @property
    def names_somebody(self) -> bool:
        """False for a gap."""
        return self.person is not None or bool(self.name)


class _Stretch:
    """The time around an instant in which nothing that was looked at changes."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.start: int | None = None
        self.end: int | None = None

    def within(self, *edges: int | None) -> None:
        """Something changes at these edges: the stretch reaches no farther."""
        for edge in edges:
            if edge is None:
                continue
            if edge <= self.at:
                self.start = edge if self.start is None else max(self.start, edge)
            else:
                self.end = edge if self.end is None else min(self.end, edge)


def is_away(person: str, aways: Iterable[Away], at: int) -> bool:
    """True when somebody is away at `at`."""
    return any(away.person == person and away.start <= at < away.end for away in aways)


def turn(spec: RotationSpec, at: int, aways: Sequence[Away] = (), *, zone: str = "UTC") -> Duty:
    """Whose turn it is by the rotation alone: the first layer that serves, and in it the first who is there."""
    stretch, slot, closed = _Stretch(at), None, True
    for depth, layer in enumerate(spec.every_layer):
        open_, hours = serves(layer, at, zone=zone)
        stretch.within(*hours)
        if not open_:
            continue
        closed, shift = False, turn_at(layer, at, zone=zone)
        stretch.within(shift.start, shift.end)
        order = _order(layer, shift.number)
        slot = slot or order[0]
        for person in order:
            stretch.within(*(edge for away in aways if away.person == person for edge in (away.start, away.end)))
            if not is_away(person, aways, at):
                reason = f"turn {shift.number + 1} of the rotation"
                reason += f", as {order[0]} is away" if person != order[0] else ""
                return Duty(person=person, start=stretch.start, end=stretch.end, source="rotation", reason=reason,
                            slot=slot, number=shift.number, layer=depth)  # fmt: skip
    reason = UNSERVED if closed else "everybody is away"
    return Duty(person=None, start=stretch.start, end=stretch.end, source="gap", reason=reason, slot=slot)


def _order(layer: LayerSpec, number: int) -> list[str]:
    """The people of a layer, whose turn it is first."""
    begin = number % len(layer.people)
    return [*layer.people[begin:], *layer.people[:begin]]


def on_call(
    spec: RotationSpec,
    at: int,
    overrides: Iterable[Override] = (),
    *,
    aways: Sequence[Away] = (),
    zone: str = "UTC",
    base: Duty | None = None,
) -> Duty:
    """The one primary at `at`: the override made last (the last given) whose person is there, else `base`, else whose
    turn it is.
    """
    duty = base or turn(spec, at, aways, zone=zone)
    covers = [cover for cover in overrides if cover.start < cover.end]
    taking = {cover.person for cover in covers}
    stretch = _Stretch(at)
    stretch.within(duty.start, duty.end)
    stretch.within(*(edge for cover in covers for edge in (cover.start, cover.end)))
    stretch.within(*(edge for away in aways if away.person in taking for edge in (away.start, away.end)))
    active = [one for one in covers if one.start <= at < one.end and not is_away(one.person, aways, at)]
    if not active:
        return replace(duty, start=stretch.start, end=stretch.end)
    taken = active[-1].person
    reason = f"takes over from {duty.name or duty.person}" if duty.person or duty.name else "takes over"
    return replace(duty, person=taken, start=stretch.start, end=stretch.end, source="override", reason=reason, name="")


def next_after(
    spec: RotationSpec,
    duty: Duty,
    *,
    among: Container[str],
    at: int | None = None,
    aways: Sequence[Away] = (),
    zone: str = "UTC",
) -> str | None:
    """The person after the one on call: of the layers that serve at `at` those after the primary's, then the primary's
    own, then everybody; one of `among`, who is there and not on call now.
    """
    layers = spec.every_layer
    here = layers[duty.layer]
    later = [
        _order(layer, turn_at(layer, at, zone=zone).number)
        for layer in layers[duty.layer + 1 :]
        if at is not None and serves(layer, at, zone=zone)[0]
    ]
    own = _order(here, duty.number + 1)
    wanted = [person for order in [*later, own, spec.everybody] for person in order]
    there = (one for one in wanted if one != duty.person and one in among)
    return next((one for one in there if at is None or not is_away(one, aways, at)), None)


def duties(
    spec: RotationSpec,
    start: int,
    end: int,
    overrides: Sequence[Override] = (),
    *,
    aways: Sequence[Away] = (),
    zone: str = "UTC",
) -> Iterator[Duty]:
    """All duties of [start, end), in order and without a gap between them, neighbours of one person joined."""
    return joined(lambda at: on_call(spec, at, overrides, aways=aways, zone=zone), start, end)


def joined(who: Who, start: int, end: int) -> Iterator[Duty]:
    """What `who` answers over [start, end), in order and without a gap, neighbours of one person joined."""
    at, held = start, None
    while at < end:
        duty = who(at)
        until = end if duty.end is None else min(end, duty.end)
        duty = replace(duty, start=at, end=until)
        if held is not None and (held.person, held.name, held.source) == (duty.person, duty.name, duty.source):
            held = replace(held, end=until)
        else:
            if held is not None:
                yield held
            held = duty
        at = until
    if held is not None:
        yield held


class Who(Protocol):
    """Answers who is on call at an instant, and until when that holds."""

    def __call__(self, at: int, /) -> Duty: ...
