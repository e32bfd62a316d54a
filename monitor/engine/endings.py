"""What ends one day, and when people are told of it: 30, 14, 7 and 1 days before, once each. Pure.

A warning is an incident of its own, so that nothing of it counts as downtime and no outage joins it: its member is the
step that was reached ("14 days"), and the next step takes its place and is posted anew. Renewal resolves it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from alerts.signal import Condition, Severity, Signal
from monitor.config.catalog import EXPIRY, Catalog
from monitor.engine import signals
from probes.words.clock import moment
from probes.words.failure import FACTS, Failure
from probes.words.text import clean
from probes.words.units import DAY, MINUTE, micros_of

SUBJECT = "expiring:"  # begins the subject of every such incident
URGENT = DAY  # µs before the end from which somebody is woken
ENDED = 0  # the step after the end
CALM = 15 * MINUTE  # µs for which only the renewed one was seen

Told = Mapping[str, tuple[int, int]]
"""By subject: the end that was told of, and the step (µs before it) that was reached."""


@dataclass(frozen=True, slots=True)
class Ending:
    """One thing that ends at `ends` (µs). `said` names it in a sentence, `serves` are `workflow/environment`.

    `begins` is when it began, 0 where that is not known: a step that lies in the first half of its life says nothing.
    `soft`: its end stops nothing of ours, so nobody is woken. `renew` says how or where it is renewed. `blame` is who
    has to act. `sighted`: known from answers, which need not all show the same. `key` is what it is remembered by.
    """

    key: str  # what kind of thing it is, and its name
    said: str
    ends: int
    serves: tuple[str, ...] = ()
    begins: int = 0
    soft: bool = False
    renew: str = ""
    blame: str = "workflow"
    sighted: bool = False


def step_of(one: Ending, steps: Iterable[timedelta], now: int) -> int | None:
    """The step that is reached at `now`: the least of `steps` (µs) that is at least what is left; ENDED after the end;
    None before the first.
    """
    left, life = one.ends - now, one.ends - one.begins if one.begins else 0
    if left <= 0:
        return ENDED if any(True for _ in steps) else None
    reached = [size for size in map(micros_of, steps) if left <= size and (not life or 2 * size <= life)]
    return min(reached, default=None)


def changes(
    catalog: Catalog, endings: Iterable[Ending], told: Told, *, now: int, calm: dict[str, int] | None = None
) -> tuple[list[Signal], Told]:
    """The signals that bring what was `told` in line with what ends, and what is told after them.

    `calm` holds since when a renewal was seen of what was told: one of a host's addresses may still have the old one.
    """
    found, after = list[Signal](), dict[str, tuple[int, int]]()
    calm = {} if calm is None else calm
    for one in endings:
        for policy, places in by_policy(catalog, one.serves).items():
            subject = f"{SUBJECT}{one.key}/{policy}"
            step = step_of(one, steps_of(catalog, places), now)
            before = told.get(subject)
            if before is not None and one.sighted and _is_better(before, step):
                if now - calm.setdefault(subject, now) < CALM:
                    after[subject] = before
                    continue
            else:
                calm.pop(subject, None)
            if step is not None:
                after[subject] = (one.ends, step)
            if before is None and step is None:
                continue
            if before is None or step is None or _is_other(before, one.ends, step):
                found += _moved(catalog, one, subject, policy, places, before=before, step=step, now=now)
    for subject in told.keys() - after.keys():
        if not any(signal.subject == subject for signal in found):
            found.append(_over(catalog, subject, told[subject][1], "nothing of ours ends there any more", now=now))
    return found, after


def _is_better(before: tuple[int, int], step: int | None) -> bool:
    """True when more is left than was told."""
    return step is None or step > before[1]


def _is_other(before: tuple[int, int], ends: int, step: int) -> bool:
    """True when people have to hear of it: another step, or another day. 0 is an end that nobody remembers."""
    return before[1] != step or (before[0] != 0 and before[0] // DAY != ends // DAY)


def by_policy(catalog: Catalog, serves: Iterable[str]) -> dict[str, list[str]]:
    """The places that something serves, by the policy of who is told; of what serves nobody the owner is."""
    found: dict[str, list[str]] = {}
    for place in sorted(serves):
        workflow = catalog.workflows.get(place.partition("/")[0])
        if workflow is not None:
            environment = workflow.environments.get(place.partition("/")[2])
            own = environment.policy if environment is not None else None
            found.setdefault(own or workflow.policy, []).append(place)
    return found or {catalog.monitor_policy: []}


def steps_of(catalog: Catalog, places: Iterable[str]) -> tuple[timedelta, ...]:
    """All steps that the workflows of some places want."""
    wanted = {step for place in places for step in catalog.workflows[place.partition("/")[0]].expiry}
    return tuple(sorted(wanted)) if places else EXPIRY


def _moved(
    catalog: Catalog,
    one: Ending,
    subject: str,
    policy: str,
    places: list[str],
    *,
    before: tuple[int, int] | None,
    step: int | None,
    now: int,
) -> list[Signal]:
    """From one step to another, or to none: the new one is told first, so that the incident stays the same."""
    if step is None:
        return [_over(catalog, subject, before[1], f"{one.said} was renewed", now=now)] if before else []
    first = catalog.workflows.get(places[0].partition("/")[0]) if places else None
    title = signals.title_of(first, places[0].partition("/")[2]) if first is not None else "showup"
    urgent = step <= URGENT and not one.soft
    condition = Condition.CHANGED if before is not None and before[1] == step else Condition.FAILING
    told = Signal(
        subject=subject,
        member=member_of(step),
        condition=condition,
        at=now,
        since=now,
        severity=Severity.ERROR if urgent else Severity.WARNING,
        policy=policy,
        title=title,
        sentence=sentence(catalog, one, places, now=now),
        notice=FACTS[Failure.EXPIRING].notice,
        failure=str(Failure.EXPIRING),
        blame=one.blame,
        suspected=False,
        owner=first.owner if first is not None else "",
        runbook=first.runbook if first is not None else "",
        runbook_lines=first.runbook_lines if first is not None else (),
    )
    if before is None or before[1] == step:
        return [told]
    return [told, _over(catalog, subject, before[1], f"now {member_of(step)}", now=now)]


def _over(catalog: Catalog, subject: str, step: int, why: str, *, now: int) -> Signal:
    """A step that no longer holds."""
    return Signal(
        subject=subject,
        member=member_of(step),
        condition=Condition.PASSING,
        at=now,
        since=now,
        severity=Severity.WARNING,
        policy=catalog.monitor_policy,
        title="",
        sentence=why,
    )


def member_of(step: int) -> str:
    """A step as the incident names it."""
    if step == ENDED:
        return "ended"
    return "1 day" if step == DAY else f"{step / DAY:g} days"


def step_from(member: str) -> int | None:
    """The step that a member stands for, None for one that stands for none."""
    if member == "ended":
        return ENDED
    try:
        return round(float(member.partition(" ")[0]) * DAY)
    except (ValueError, OverflowError):
        return None


def sentence(catalog: Catalog, one: Ending, places: Iterable[str], *, now: int) -> str:
    """What ends when, whom it serves beside the first, and how it is renewed."""
    text = f"{one.said} {say_left(one.ends, now)}"
    titles = [catalog.workflows[place.partition("/")[0]].title for place in places]
    if more := list(dict.fromkeys(titles))[1:]:
        text += f"; it serves {', '.join(more[:3])} too" + (f" and {len(more) - 3} more" if len(more) > 3 else "")
    return clean(text + (f"; renew it: {one.renew}" if one.renew else ""), 300)


def say_left(ends: int, now: int) -> str:
    """`ends in 13 days, on 2026-12-10`."""
    left, day = ends - now, f"{moment(ends):%Y-%m-%d}" if ends < 250_000_000_000_000_000 else "9999-12-31"
    if left <= 0:
        past = -left // DAY
        return f"ended on {day}" + (f", {past} day{'s' if past != 1 else ''} ago" if past else "")
    if left < DAY:
        return f"ends in {max(1, left // (DAY // 24))} h, on {moment(ends):%Y-%m-%d at %H:%M} UTC"
    days = left // DAY
    return f"ends in {days} day{'s' if days != 1 else ''}, on {day}"
