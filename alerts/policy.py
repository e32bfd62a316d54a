"""Policies: which targets are told at which time, and for how long showup insists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from probes.words.names import is_key
from probes.words.section import Section
from probes.words.units import Duration, say_duration

_NAMED: Mapping[str, str] = MappingProxyType(
    {
        "on-call": "on-call:ROTATION",
        "next": "next:ROTATION",
        "ntfy": "ntfy:TOPIC",
        "webhook": "webhook:NAME",
        "apprise": "apprise:NAME",
    }
)
PEOPLE = frozenset({"person", "on-call", "next", "pagerduty"})  # kinds of targets behind which somebody is called
ALONE = frozenset({"slack", "pagerduty", "console"})  # channels that are targets by themselves
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_SLACK = re.compile(r"#?[^\s:,<>|&#@]{1,80}\Z")


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a word in `notify:` means: `kind` is a channel (slack, pagerduty, ntfy …), on-call, next or person."""

    kind: str
    name: str = ""


def parse_target(text: str) -> Target:
    """The target that a word means, whether or not it exists; raises ValueError with what to write instead."""
    kind, colon, name = text.partition(":")
    if kind == "slack" and colon:
        if not _SLACK.match(name):
            raise ValueError(f"{text!r} names no Slack channel; write slack:CHANNEL, with its name or its id")
        return Target(kind, name.removeprefix("#"))
    if kind in _NAMED:
        fits = _TOPIC.match(name) if kind == "ntfy" else is_key(name)
        if not fits:
            raise ValueError(f"{text!r} names nobody; write {_NAMED[kind]}")
        return Target(kind, name)
    if colon:
        raise ValueError(f"{text!r} is no target; write {', '.join([*sorted(ALONE), *_NAMED.values()])} or a person")
    if kind in ALONE:
        return Target(kind)
    if not is_key(kind):
        raise ValueError(f"{text!r} is no target; write slack, pagerduty, on-call:ROTATION or a person's key")
    return Target("person", kind)


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _is_target(text: str) -> str:
    parse_target(text)
    return text


Targets = Annotated[tuple[Annotated[str, AfterValidator(_is_target)], ...], BeforeValidator(_as_tuple)]


class Level(Section):
    """One step of a policy: `at` is counted from the page, `notify` lists targets."""

    at: Duration = timedelta(0)
    notify: Targets = ()


class PolicySpec(Section):
    """Who is told, when, and how often again.

    `levels` rise in time and start at the page; the whole ladder is climbed `repeat` times, `every` apart; then the
    last level and `fallback` go on every 15 min. `warnings` get what wakes nobody. An acknowledgement holds for `ack`.
    """

    levels: tuple[Level, ...] = Field(min_length=1)
    repeat: int = Field(default=3, ge=0, le=100)
    every: Duration = timedelta(minutes=15)
    warnings: Targets = ()
    fallback: Annotated[str, AfterValidator(_is_target)] | None = None
    escalation: Literal["showup", "pagerduty"] = "showup"
    ack: Duration = timedelta(minutes=30)

    @model_validator(mode="after")
    def _rises(self) -> PolicySpec:
        times = [level.at for level in self.levels]
        for before, after in pairwise(times):
            if after <= before:
                said = f"{say_duration(after)} after {say_duration(before)}"
                raise ValueError(f"levels must rise in time, here {said}; write each `at` later than the one before")
        if times[0] > timedelta(hours=1):
            raise ValueError("the first level starts over an hour after the page; write at: 0m")
        if self.every < timedelta(minutes=1) or self.ack < timedelta(minutes=1):
            raise ValueError("`every` and `ack` are at least 1m")
        return self

    @property
    def targets(self) -> tuple[str, ...]:
        """Every target the policy names, once each, in order."""
        named = [target for level in self.levels for target in level.notify]
        return tuple(dict.fromkeys([*named, *self.warnings, *([self.fallback] if self.fallback else [])]))
