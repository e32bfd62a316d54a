"""What alerts is told: a Signal made of a probe, its progress and its newest verdict. Pure."""

from __future__ import annotations

from alerts.decide import RECOVERING
from alerts.signal import Condition, Severity, Signal
from monitor.config.catalog import Catalog, Probe, Workflow
from monitor.engine.confirm import Level
from monitor.engine.verdict import Verdict
from probes.words.failure import notice
from probes.words.outcome import State

MONITOR = "monitor"  # the subject of showup's own troubles
FLAGGED = "flagged answers"  # a member of a workflow's incident that is no probe
BUDGET = "budget:"  # begins the subject of an error budget that is spent too fast
DRILL, CANARY = "drill:", "canary:"  # begin the subjects of what is staged
FORESEEN = ("expiring:", "headroom:", BUDGET)  # begin the subjects of what has not failed yet


def of_probe(
    catalog: Catalog,
    probe: Probe,
    verdict: Verdict,
    *,
    level: Level,
    since: int,
    sure: str,
    at: int,
    run: str,
    period: int = 0,
    changed: bool = False,
    recovering: str = "",
    context: tuple[str, ...] = (),
) -> Signal:
    """A probe is failing, failing otherwise than before, or passing again. Degraded is never more than a warning.

    `period` (µs) is how long it may take to recover with its provider; `context` is what else happened then;
    `recovering` the provider that it was left to.
    """
    workflow = catalog.workflows[probe.workflow]
    condition = Condition.PASSING if level is Level.PASS else Condition.CHANGED if changed else Condition.FAILING
    return Signal(
        subject=probe.subject,
        member=probe.name,
        condition=condition,
        at=at,
        since=since,
        severity=Severity.WARNING if level is Level.DEGRADED else probe.severity,
        policy=_policy(workflow, probe),
        title=title_of(workflow, probe.environment),
        sentence=verdict.sentence,
        notice=_noticed(verdict, whole=probe.critical),
        failure=str(verdict.failure or ""),
        blame=str(verdict.blame or ""),
        suspected=verdict.suspected,
        sure=sure,
        run=run,
        owner=workflow.owner,
        runbook=workflow.runbook,
        runbook_lines=workflow.runbook_lines,
        labels=_labels(probe, verdict, period, recovering),
        context=context,
    )


def _labels(probe: Probe, verdict: Verdict, period: int, recovering: str) -> tuple[tuple[str, str], ...]:
    found = [("probe", probe.name), ("environment", probe.environment)]
    if verdict.provider:
        found.append(("provider", verdict.provider))
    if recovering:
        found.append((RECOVERING, recovering))
    if period:
        found.append(("period", str(period)))
    return tuple(found)


def _noticed(verdict: Verdict, *, whole: bool) -> str:
    """What a customer notices; what only degrades a workflow is said of a part of it."""
    text = notice(verdict.failure, verdict.blame)
    return text if whole or not text or verdict.state is State.DEGRADED else f"has a part that {text}"


def _policy(workflow: Workflow, probe: Probe) -> str:
    return probe.policy or workflow.policy


def title_of(workflow: Workflow, environment: str) -> str:
    """The workflow for people; production goes without saying, and a provider has no environment."""
    if not environment:
        return workflow.title
    known = workflow.environments.get(environment)
    return workflow.title if known is not None and known.production else f"{workflow.title} ({environment})"


def is_of_probes(subject: str) -> bool:
    """True for a subject whose members are probes."""
    return subject != MONITOR and not subject.startswith((*FORESEEN, DRILL, CANARY))


def gone(subject: str, member: str, *, at: int, title: str, policy: str, why: str) -> Signal:
    """A member was deleted or renamed away: its share of an open incident closes, visibly."""
    return Signal(
        subject=subject,
        member=member,
        condition=Condition.GONE,
        at=at,
        since=at,
        severity=Severity.INFO,
        policy=policy,
        title=title,
        sentence=why,
    )


def of_monitor(
    catalog: Catalog,
    member: str,
    condition: Condition,
    *,
    at: int,
    since: int,
    sentence: str,
    severity: Severity = Severity.WARNING,
    owner: str = "",
) -> Signal:
    """Something is wrong with showup itself: the owner is told by the monitor's policy, never the on-call of a
    workflow first."""
    return Signal(
        subject=MONITOR,
        member=member,
        condition=condition,
        at=at,
        since=since,
        severity=severity,
        policy=catalog.monitor_policy,
        title="showup",
        sentence=sentence,
        notice="needs attention",
        failure="monitor_fault",
        blame="us",
        suspected=False,
        owner=owner,
    )
