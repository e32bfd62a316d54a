"""What the configuration plans ahead: drills by a cron expression, and the daily canary page."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from monitor.config.crons import next_fire
from probes.words.clock import micros, moment


@dataclass(frozen=True, slots=True)
class PlannedDrill:
    """A drill that begins by itself. `probe` "" leaves the choice; `limit` is how long an answer is waited for, µs."""

    name: str
    workflow: str
    environment: str
    probe: str
    cron: str
    timezone: str
    urgent: bool
    limit: int

    @property
    def place(self) -> str:
        """`workflow/environment`."""
        return f"{self.workflow}/{self.environment}"

    def after(self, at: int) -> int:
        """The first beginning strictly after `at` (µs)."""
        return micros(next_fire(self.cron, ZoneInfo(self.timezone), moment(at)))


@dataclass(frozen=True, slots=True)
class CanaryPage:
    """The page that is sent each day at `hour`:`minute` of the site's zone through `through`, and has to be known to
    its service `within` µs."""

    hour: int
    minute: int
    through: str
    within: int
    timezone: str

    def after(self, at: int) -> int:
        """The first time strictly after `at` (µs)."""
        return micros(next_fire(f"{self.minute} {self.hour} * * *", ZoneInfo(self.timezone), moment(at)))
