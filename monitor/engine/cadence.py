"""When a probe runs: a pure function of its cadence, independent of restarts."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol
from zoneinfo import ZoneInfo

from monitor.config.catalog import Probe
from monitor.config.crons import next_fire, shortest_gap
from probes.words.clock import micros, moment
from probes.words.units import micros_of


class Cadence(Protocol):
    """A rule of start times, all in µs since the epoch. `period` is the interval, for cron the shortest gap."""

    @property
    def period(self) -> int: ...
    def after(self, at: int) -> int: ...
    def missed(self, last: int, due: int) -> int: ...


@dataclass(frozen=True, slots=True)
class Every:
    """`epoch + hash(probe) mod P + kP`: every probe keeps its own place in the period, so starts are spread evenly."""

    period: int
    offset: int

    def after(self, at: int) -> int:
        """The first start strictly after `at`."""
        return at - (at - self.offset) % self.period + self.period

    def missed(self, last: int, due: int) -> int:
        """How many starts lie strictly between two."""
        return max(0, (due - last) // self.period - 1)


@dataclass(frozen=True, slots=True)
class Cron:
    """Standard cron (0 and 7 are Sunday) in a zone: once in the hour that repeats, at the first valid moment of the
    hour that is skipped."""

    expression: str
    zone: ZoneInfo
    period: int

    def after(self, at: int) -> int:
        """The first start strictly after `at`; steps in UTC, so that no wall time is met twice."""
        return micros(next_fire(self.expression, self.zone, moment(at)))

    def missed(self, last: int, due: int) -> int:
        """How many starts lie strictly between two, counted up to 1,000."""
        count, at = 0, self.after(last)
        while at < due and count < 1000:
            count, at = count + 1, self.after(at)
        return count


def cron(expression: str, zone_name: str) -> Cron:
    """A cron cadence; raises ValueError with what to write instead."""
    return Cron(expression, ZoneInfo(zone_name), shortest_gap(expression, zone_name))


def offset_of(name: str, period: int) -> int:
    """The probe's own place in its period, the same in every process and after every restart."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big") % period


def cadence_of(probe: Probe) -> Cadence:
    """The cadence of a probe as configured."""
    if probe.cron is not None:
        return cron(probe.cron, probe.timezone)
    if probe.every is None:
        raise ValueError(f"{probe.id} has neither every nor cron")
    period = micros_of(probe.every)
    return Every(period, offset_of(probe.id, period))
