"""The keys of a heartbeat: how often a job reports, how late it may be, and how long it should take."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from probes.spec import Spec
from probes.words.units import Duration, say_duration

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SHORTEST = timedelta(seconds=10)  # between two reports
LONGEST = timedelta(days=366)
_INSTEAD = {"every": "write heartbeat: with its period"}


class HeartbeatSpec(Spec):
    """A job that reports when it is done, after a period (`heartbeat: 24h`) or by the clock (`cron`)."""

    foreign: ClassVar[frozenset[str]] = frozenset(
        {"every", "timeout", "cleanup", "attempts", "idempotent", "costs", "spend"}
    )
    own_defaults: ClassVar[frozenset[str]] = foreign | {"cron", "confirm", "recover"}

    kind: Literal["heartbeat"] = "heartbeat"
    cron: str | None = Field(None, description="When it should run, instead of `heartbeat`: a cron expression.")
    timezone: str = Field(
        "",
        description="The time zone of `cron` and of its times in messages; "
        "without one UTC, or the site's where there is no cron.",
    )
    heartbeat: Duration | None = Field(None, description="The longest time between two reports of the job.")
    grace: Duration | None = Field(
        None,
        description="How late a report may be, and how long a job that said it began may take; "
        "else a tenth of the period, from 1m to 1h.",
    )
    budget: Duration | None = Field(None, description="How long the job should take; more is slow.")
    recover: int = Field(1, ge=1, le=20, description="How many good reports end it.")

    @model_validator(mode="after")
    def _has_a_rhythm(self) -> Self:
        if (self.heartbeat is None) == (self.cron is None):
            raise ValueError('a heartbeat has one rhythm; write heartbeat: 24h, or cron: "0 3 * * *"')
        if self.heartbeat is not None and not SHORTEST <= self.heartbeat <= LONGEST:
            raise ValueError("heartbeat is from 10s to 366d; write 24h")
        if self.grace is not None and not timedelta(seconds=1) <= self.grace <= LONGEST:
            raise ValueError("grace is from 1s to 366d; write 30m")
        if self.budget is not None and self.budget <= timedelta(0):
            raise ValueError("budget leaves no time; write 20m")
        return self

    def _period(self) -> timedelta:
        return self.heartbeat or self.default_every

    @property
    def patience(self) -> timedelta:
        """How late a report may be."""
        if self.grace is not None:
            return self.grace
        return min(HOUR, max(MINUTE, self.heartbeat / 10)) if self.heartbeat is not None else HOUR

    @property
    def only_reads(self) -> bool:
        """True: it does nothing at all."""
        return True

    def problems(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Keys that mean nothing here, and a budget that nobody could go over: a job is given up after its grace."""
        for name in sorted(self.foreign & self.model_fields_set):
            write = _INSTEAD.get(name, "remove it")
            yield (name,), f"a job that reports by itself is not run, so {name} says nothing; {write}"
        if self.budget is not None and self.budget >= self.patience:
            said = say_duration(self.patience)
            yield ("budget",), f"a job is missed {said} after it began, before it is slow; write a longer grace"
