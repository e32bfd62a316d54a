"""What a configuration promises before it runs: how soon a hang is paged, what a month costs, who can be woken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING

from alerts.absences import gaps
from alerts.oncall import OnCall
from alerts.policy import PolicySpec, parse_target
from monitor.config.references import IMPLIED_POLICY
from probes.words.clock import SystemClock, moment
from probes.words.units import DAY, micros_of
from probes.words.waiting import waits

if TYPE_CHECKING:
    from alerts.book import Book
    from monitor.config.catalog import Catalog, Probe

MONTH = 30 * DAY
ASKING = frozenset({"tokens", "usd"})  # what a question to a model costs, beyond its request
KNOWN_LATE = frozenset({"requests", "asks", "records"})  # what a script alone decides, beside those


@dataclass(frozen=True, slots=True)
class Forecast:
    """A probe's: `period` and `paged` in µs, a month's runs, and what they cost, as far as it is known.

    `estimated` are the names of costs that are neither said nor counted, `unknown` of those that there is no number of.
    """

    probe: str
    period: int
    paged: int
    runs: int
    costs: Mapping[str, float] = field(default_factory=dict)
    scheduled: bool = True
    unknown: frozenset[str] = frozenset()
    estimated: frozenset[str] = frozenset()


def forecasts(catalog: Catalog) -> list[Forecast]:
    """One for each probe, those that only run by hand with nothing a month."""
    return [_forecast(probe) for probe in catalog.probes.values()]


def _forecast(probe: Probe) -> Forecast:
    period = period_of(probe)
    runs = MONTH // period if probe.scheduled else 0
    return Forecast(
        probe=probe.id,
        period=period,
        paged=paged_within(probe, period),
        runs=runs,
        costs={name: runs * amount for name, amount in probe.costs.amounts.items()},
        scheduled=probe.scheduled,
        unknown=unknown_of(probe),
        estimated=probe.costs.estimated,
    )


def unknown_of(probe: Probe) -> frozenset[str]:
    """The costs that a run has and nobody can tell before it: those of an agent of the workflow's own, which its author
    may know, a model's without its price, and all that a script does."""
    known = probe.costs.amounts
    wanted = ASKING | KNOWN_LATE if probe.kind == "script" else ASKING if known.get("asks") else frozenset()
    return frozenset(wanted - known.keys())


def period_of(probe: Probe) -> int:
    """µs between two runs; of a cron cadence the shortest gap, so that costs are said too high, never too low."""
    if probe.every is not None:
        return micros_of(probe.every)
    from monitor.config.crons import shortest_gap

    return shortest_gap(probe.cron or "", probe.timezone)


def paged_within(probe: Probe, period: int) -> int:
    """The longest from the moment a workflow begins to hang until its page is committed, µs.

    k × period + attempts × timeout + waits + attempts × clean-up: the hang begins just after a run, so one period
    goes by before each of the k failing runs that `confirm: k of n` asks for begins; runs begin on a fixed grid, so
    only the last one's own length is added. Clean-ups count where there may be any. Waits are 5 s, doubled, 20 % up.
    """
    confirming, _ = probe.confirm
    run = probe.attempts * micros_of(probe.timeout) + waits(probe.attempts)
    if cleans_up(probe):
        run += probe.attempts * micros_of(probe.cleanup)
    return confirming * period + run


def cleans_up(probe: Probe) -> bool:
    """True when an attempt may have something to clean up: a step says so, or a script may."""
    spec = probe.job.get("spec", {})
    steps = spec.get("steps") or ()
    own = isinstance(spec.get("cleanup"), list)  # a single step's; a duration is the time it has
    return own or probe.kind == "script" or any("cleanup" in step for step in steps if isinstance(step, Mapping))


def totals(found: Iterable[Forecast]) -> dict[str, float]:
    """A month's sums, by name; what no probe knows is not in it."""
    sums: dict[str, float] = {}
    for one in found:
        sums["runs"] = sums.get("runs", 0) + one.runs
        for name, amount in one.costs.items():
            sums[name] = sums.get(name, 0) + amount
    return sums


def warnings(catalog: Catalog) -> list[str]:
    """What is allowed and should be known: whom nothing can wake, and deliveries that nobody verifies."""
    book = catalog.book
    used = dict.fromkeys([*(probe.policy for probe in catalog.probes.values() if probe.scheduled)])
    used[catalog.monitor_policy] = None
    found = [line for name in used if name in book.policies for line in _silent(name, book.policies[name], book)]
    found += _unrung(book)
    spec = book.channels.get("pagerduty")
    if spec is not None and getattr(spec, "api_key", None) is None:
        found.append(
            "pagerduty has no api_key: its pages count as accepted, unverified; "
            'add api_key: "${secret:NAME}" under channels: pagerduty'
        )
    if not catalog.web.listen and any(probe.heartbeat is not None for probe in catalog.probes.values()):
        found.append("web: listen is off, so jobs can only report from this machine, with showup heartbeat run")
    return [*found, *_spending(catalog), *catalog.warnings]


def _spending(catalog: Catalog) -> list[str]:
    """The providers whose limit a day of probes would pass, when all is well."""
    days: dict[str, float] = {}
    for probe in catalog.probes.values():
        if probe.scheduled and probe.costs.provider:
            usd = probe.costs.amounts.get("usd", 0.0) * DAY / period_of(probe)
            days[probe.costs.provider] = days.get(probe.costs.provider, 0.0) + usd
    limits = {name: (usd, catalog.providers[name].limits.usd) for name, usd in days.items()}
    return [
        f"a day of probes costs ~{usd:,.2f} USD at {name}, and {limit:,.2f} USD may be spent there; ask less often, "
        f"lower max_tokens, or write spend: {{usd: {ceil(usd)}}} under it"
        for name, (usd, limit) in limits.items()
        if limit is not None and usd > limit
    ]


def _silent(name: str, policy: PolicySpec, book: Book) -> list[str]:
    if name == IMPLIED_POLICY and not book.people:
        return ["nobody is named, so pages are lines on the console; write people: and policies:, or run: showup init"]
    found = []
    for number, level in enumerate(policy.levels, start=1):
        if not any(rings(target, book) for target in level.notify):
            found.append(
                f"level {number} of {name} has nobody who can ring at night; "
                "name a person with phone:, on-call:ROTATION or pagerduty"
            )
    return found


def _unrung(book: Book) -> list[str]:
    """Rotations that name somebody whom nothing can wake, or nobody in the coming 30 days."""
    found = []
    for name, spec in book.rotations.items():
        mute = [key for key in spec.everybody if key in book.people and not book.wakes(key)]
        found += [
            f"{book.people[key].name} takes turns in {name} and has nothing that rings at night; add phone: to {key}"
            for key in mute
        ]
    now, seen = SystemClock().now(), set[str]()
    for gap in gaps(OnCall(book), now, now + 30 * DAY):
        if not book.rotations[gap.rotation].reads_pagerduty and gap.rotation not in seen:
            seen.add(gap.rotation)
            when = f"{moment(gap.start):%Y-%m-%d %H:%M} UTC"
            found.append(
                f"nobody is on call in {gap.rotation} from {when} ({gap.reason}), so the fallback is told; "
                "add a layer without hours for it"
            )
    return found


def rings(target: str, book: Book) -> bool:
    """True when a target can ring at night: a phone, or a service that calls one. Slack and a console cannot."""
    meant = parse_target(target)
    if meant.kind == "person":
        return meant.name in book.people and book.people[meant.name].rings
    if meant.kind in ("on-call", "next"):
        rotation = book.rotations.get(meant.name)
        if rotation is None:
            return False
        if rotation.reads_pagerduty:
            return True
        return all(key in book.people and book.people[key].rings for key in rotation.everybody)
    return meant.kind in ("pagerduty", "ntfy")
