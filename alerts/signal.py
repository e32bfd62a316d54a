"""All that alerts is ever told about the world."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Condition(StrEnum):
    """What a member of a subject is known to be."""

    FAILING = "failing"  # confirmed: pages may leave
    PASSING = "passing"  # recovered by the recover rule
    GONE = "gone"  # the probe was deleted or renamed away: its share of the incident is closed, visibly
    CHANGED = "changed"  # still failing, with another failure, severity or blame than before


class Severity(StrEnum):
    """Who is woken: critical and error follow the policy, warning posts once, info is timeline only."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 is the most severe."""
        return list(Severity).index(self)

    @property
    def pages(self) -> bool:
        """True when a person may be woken."""
        return self in (Severity.CRITICAL, Severity.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One confirmed change of one member of a subject. Times are µs since the epoch.

    `subject` is `workflow/environment`, `provider:NAME` or `monitor`; `member` the probe (or heartbeat, report,
    drill) within it.
    `since` is the first failure of the unbroken series. `title` names the workflow for people, `sentence` says what
    failed,
    `notice` what a customer notices, `sure` how sure we are ("3 of 3 attempts in 2 of 2 runs"). `run` is the
    evidence's run id. `context` is what else happened then, such as another model that answers since. `last_good` is
    when (µs) the newest run before it passed, `last_good_run` that run. `noticed_by` says who noticed: showup, or a
    customer. `urgent` False pages with low urgency.
    """

    subject: str
    member: str
    condition: Condition
    at: int
    since: int
    severity: Severity
    policy: str
    title: str
    sentence: str = ""
    notice: str = ""
    failure: str = ""
    blame: str = "workflow"
    suspected: bool = True
    sure: str = ""
    run: str = ""
    owner: str = ""
    runbook: str = ""
    runbook_lines: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    drill: bool = False
    context: tuple[str, ...] = ()
    last_good: int | None = None
    last_good_run: str = ""
    noticed_by: str = "showup"
    urgent: bool = True
