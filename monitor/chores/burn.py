"""Error budgets that are spent too fast: told before the promise is broken, and once.

Each is an incident of its own, so that nothing of it counts as downtime and no outage joins it. While an incident of
the workflow itself is open its people know; nothing is added then, nor while a mute holds its pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, or_, select

from alerts.desk import OpenMember
from alerts.holding import mutes
from alerts.mute import covers
from alerts.signal import Condition, Severity, Signal
from alerts.tables import Incident
from monitor.config.catalog import Catalog, Slo, Workflow
from monitor.engine.cadence import cadence_of
from monitor.engine.signals import BUDGET, title_of
from monitor.ledger.burn import FAILURES, Burning, Rule, burning, usual, worst
from monitor.ledger.slo import clip, error_budget
from monitor.ledger.uptime import Shares, total
from monitor.status import history
from monitor.store.queries.runs import failed_first
from probes.words.hours import hours_between
from probes.words.units import MINUTE, micros_of, say_duration

if TYPE_CHECKING:
    from monitor.app import Keeper

MEMBER = "error budget"
AGREED = "the budget is spent no faster than the promise allows"


@dataclass(frozen=True, slots=True)
class Watched:
    """An objective that is looked at: its workflow in production, and the rules that can fire."""

    workflow: Workflow
    environment: str
    slo: Slo
    rules: tuple[Rule, ...]

    @property
    def place(self) -> history.Place:
        """(workflow, environment)."""
        return self.workflow.key, self.environment


async def look(keeper: Keeper) -> None:
    """Tell alerts of what began or stopped to burn since the last look."""
    catalog, now = keeper.catalog, keeper.clock.now()
    found = watched(catalog)

    def read(session: Session) -> list[Signal]:
        told = [one for one in keeper.desk.open_members(session) if one.subject.startswith(BUDGET)]
        return changes(session, catalog, found, told, now=now) if found or told else []

    for signal in await keeper.store.read(read):
        keeper.engine.teller.tell(signal)


def watched(catalog: Catalog) -> list[Watched]:
    """The objectives whose budgets can be watched: those of production, with rules that can fire."""
    found = []
    for workflow in catalog.workflows.values():
        for environment in workflow.environments.values():
            if workflow.slo is None or not environment.production:
                continue
            mine = [one for one in catalog.probes.values() if one.subject == f"{workflow.key}/{environment.name}"]
            periods = [cadence_of(one).period for one in mine if one.critical and one.scheduled]
            own = workflow.slo.burn
            rules = usual(workflow.slo.objective, max(periods, default=MINUTE)) if own is None else own
            if rules and periods:
                found.append(Watched(workflow, environment.name, workflow.slo, rules))
    return found


def changes(
    session: Session, catalog: Catalog, found: Sequence[Watched], told: Sequence[OpenMember], *, now: int
) -> list[Signal]:
    """The signals that bring what was told in line with what burns now."""
    longest = max((rule.long for one in found for rule in one.rules), default=0)
    places = [one.place for one in found]
    record = history.read(session, start=now - longest, end=now, now=now, places=places) if found else None
    before = {one.subject: one for one in told}
    signals = []
    for one in found:
        subject = f"{BUDGET}{'/'.join(one.place)}"
        known = before.pop(subject, None)
        burns = _burning(session, catalog, record, one, now=now) if record is not None else None
        if burns is None:
            signals += [_signal(one, Condition.PASSING, AGREED, known.severity, at=now)] if known else []
            continue
        severity = Severity.ERROR if burns.rule.pages else Severity.WARNING
        eases = known is not None and severity.rank > known.severity.rank
        rises = known is None or severity.rank < known.severity.rank
        if eases or (rises and not _known(session, one, burns.rule, now=now)):
            signals.append(_signal(one, Condition.FAILING, _said(session, catalog, one, burns, now), severity, at=now))
    return signals + [_gone(catalog, one, at=now) for one in before.values()]


def _burning(session: Session, catalog: Catalog, record: history.Record, one: Watched, *, now: int) -> Burning | None:
    """The worst rule that fires. Runs are counted only where the shares would make it fire: that reads them."""
    found = []
    ledgers = record.ledgers.get(one.place, ())
    for rule in one.rules:
        long, short = (_shares(catalog, record, one, now - size, now) for size in (rule.long, rule.short))
        if burning(rule, one.slo.objective, long=long, short=short, failures=FAILURES) is None:
            continue
        failures = failed_first(session, ledgers, start=now - rule.long, end=now, most=FAILURES)
        fires = burning(rule, one.slo.objective, long=long, short=short, failures=failures)
        found += [fires] if fires is not None else []
    return worst(found)


def _shares(catalog: Catalog, record: history.Record, one: Watched, start: int, end: int) -> Shares:
    """The shares of [start, end) that count for the objective: those within its agreed hours."""
    hours = [(start, end)]
    if one.slo.hours:
        hours = hours_between(one.slo.hours, ZoneInfo(catalog.site.timezone), start, end)
    begun = max(start, record.since.get(one.place, end))
    return total(clip(record.spans(one.place), [(max(a, begun), b) for a, b in hours if max(a, begun) < b]))


def _known(session: Session, one: Watched, rule: Rule, *, now: int) -> bool:
    """True when its people know: its own incident pages, or did within the short window, or a mute holds its pages."""
    subject = "/".join(one.place)
    paged = select(Incident.id).where(
        Incident.subject == subject,
        col(Incident.paging).is_(True),
        or_(col(Incident.resolved_at).is_(None), col(Incident.resolved_at) > now - rule.short),
    )
    muted = any(covers(mute, subject, now) for mute in mutes(session, now))
    return muted or session.exec(paged.limit(1)).first() is not None


def _said(session: Session, catalog: Catalog, one: Watched, burns: Burning, now: int) -> str:
    """What is told: how much was bad, how many times too fast that is, and what is left."""
    objective, window = one.slo.objective, say_duration(micros_of(one.slo.window))
    record = history.read(session, start=now - objective.window_us, end=now, now=now, places=[one.place])
    budget = error_budget(_shares(catalog, record, one, now - objective.window_us, now), objective)
    left = max(0, budget.left_us) * 100 // budget.allowed_us if budget.allowed_us else 0
    bad = f"{burns.spent:.1%}".replace("%", " %")
    return (
        f"{bad} of the last {burns.rule.name} was down, {burns.burns:.1f} times what {one.slo.target:g} % allows; "
        f"{left} % of the error budget of {window} is left"
    )


def _signal(one: Watched, condition: Condition, sentence: str, severity: Severity, *, at: int) -> Signal:
    workflow = one.workflow
    return Signal(
        subject=f"{BUDGET}{'/'.join(one.place)}",
        member=MEMBER,
        condition=condition,
        at=at,
        since=at,
        severity=severity,
        policy=workflow.environments[one.environment].policy or workflow.policy,
        title=title_of(workflow, one.environment),
        sentence=sentence,
        notice="spends its error budget too fast",
        sure="",
        owner=workflow.owner,
        runbook=workflow.runbook,
        runbook_lines=workflow.runbook_lines,
    )


def _gone(catalog: Catalog, one: OpenMember, *, at: int) -> Signal:
    return Signal(
        subject=one.subject,
        member=one.member,
        condition=Condition.GONE,
        at=at,
        since=at,
        severity=Severity.INFO,
        policy=catalog.monitor_policy,
        title=one.subject.removeprefix(BUDGET),
        sentence="its objective is no longer watched",
    )
