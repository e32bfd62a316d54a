"""The escalation procedure, as the configuration has it now: who is told, after how many minutes, and tested when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlmodel import Session

from alerts import drills
from alerts.desk import Desk
from alerts.policy import PolicySpec, parse_target
from monitor.config.canary_page_section import POLICY as CANARY_POLICY
from monitor.config.catalog import Catalog
from monitor.status.lengths import length
from monitor.status.model import Clock
from monitor.status.render import ESCALATION
from probes.words.text import clean
from probes.words.units import SECOND, micros_of
from templates import render

FILE = ESCALATION
LOOKED_AT = 500  # drills, the newest


@dataclass(frozen=True, slots=True)
class Whom:
    """One target of a level: what it is to a stranger (`role`), and by name, with who that is `now` and how long."""

    role: str
    name: str = ""
    now: str = ""
    until: int | None = None

    @property
    def shown(self) -> str:
        """The name where there is one, else the role."""
        return self.name or self.role


@dataclass(frozen=True, slots=True)
class Rung:
    """A level: `at` (µs) after the page."""

    number: int
    at: int
    when: str
    whom: tuple[Whom, ...]


@dataclass(frozen=True, slots=True)
class Tested:
    """The newest drill that passed: `at` its end, how long its steps took, in words."""

    drill: str
    at: int
    on: str
    took: str


@dataclass(frozen=True, slots=True)
class Procedure:
    """One policy as people read it."""

    key: str
    of: tuple[str, ...]
    levels: tuple[Rung, ...]
    rounds: str
    ack: str
    fallback: tuple[Whom, ...]
    warnings: tuple[Whom, ...]
    by_pagerduty: bool
    tested: Tested | None


@dataclass(frozen=True, slots=True)
class Escalation:
    """Every policy that is in use; `named`: with the names of people."""

    site: str
    made: str
    zone: str
    named: bool
    policies: tuple[Procedure, ...]


def read(
    session: Session,
    catalog: Catalog,
    desk: Desk,
    *,
    now: int,
    names: bool = True,
    public: bool = False,
    only: str = "",
) -> Escalation:
    """The procedure of each policy in use, or of `only` one. `public`: only of workflows that stand on the shared page,
    and never who is on call now. Without `names` nobody is named.
    """
    clock = Clock(catalog.site.timezone, now)
    used = _used(catalog, public=public)
    tested = _tested(session, clock)
    words = _Words(session, catalog, desk, now=now, names=names, duty=names and not public)
    found = []
    for key, titles in used.items():
        spec = catalog.book.policies.get(key)
        if spec is not None and only in ("", key):
            made = _procedure(key, titles, spec, words)
            found.append(replace(made, tested=tested.get(key)))
    return Escalation(catalog.site.title, clock.full(now), clock.zone(now), names, tuple(found))


def _used(catalog: Catalog, *, public: bool) -> dict[str, tuple[str, ...]]:
    """Policies by whom they serve; showup's own last."""
    found: dict[str, list[str]] = {}
    for workflow in catalog.workflows.values():
        client = catalog.clients.get(workflow.client) if workflow.client else None
        if workflow.provider or (public and client is not None and not client.public):
            continue
        for place in workflow.environments.values():
            if place.production:
                found.setdefault(place.policy or workflow.policy, []).append(workflow.title)
    for probe in catalog.probes.values():
        workflow = catalog.workflows[probe.workflow]
        if not public and probe.watches and probe.scheduled and probe.policy not in found:
            found.setdefault(probe.policy, []).append(f"{workflow.title} ({probe.title})")
    if not public:
        found.setdefault(catalog.monitor_policy, []).append("showup itself")
    return {key: tuple(dict.fromkeys(titles)) for key, titles in found.items() if key != CANARY_POLICY}


@dataclass(frozen=True, slots=True)
class _Words:
    """Says whom a target means, with or without names."""

    session: Session
    catalog: Catalog
    desk: Desk
    now: int
    names: bool
    duty: bool

    def whom(self, target: str) -> Whom:
        """One target in words."""
        meant, book = parse_target(target), self.catalog.book
        if meant.kind in ("on-call", "next"):
            return self._turn(meant.kind, meant.name)
        if meant.kind == "person":
            person = book.people.get(meant.name)
            return Whom("a named person", clean(person.name if person else meant.name, 80) if self.names else "")
        if meant.kind == "slack":
            channel = meant.name or str(getattr(book.channels.get("slack"), "channel", "")).removeprefix("#")
            return Whom("the team's channel", f"Slack #{clean(channel, 60)}" if self.names else "")
        if meant.kind == "pagerduty":
            return Whom("PagerDuty, which calls its own on-call people")
        # whoever knows a topic may read what is sent to it, and write there; other names are keys of the configuration
        name = "" if meant.kind == "ntfy" or not self.names else f"{meant.kind} {meant.name}".strip()
        return Whom(f"a message by {meant.kind}", clean(name, 80))

    def _turn(self, kind: str, rotation: str) -> Whom:
        role = "first on call" if kind == "on-call" else "second on call"
        if not self.names:
            return Whom(role)
        if not self.duty:
            return Whom(role, f"{role} of {clean(rotation, 60)}")
        duty, following = self.desk.on_call(self.session, rotation, at=self.now)
        mine = duty if kind == "on-call" else following
        people = self.catalog.book.people
        name = people[mine.person].name if mine.person in people and mine.person is not None else mine.name
        return Whom(role, f"{role} of {clean(rotation, 60)}", clean(name or "nobody", 80), duty.end)


def _procedure(key: str, titles: tuple[str, ...], spec: PolicySpec, words: _Words) -> Procedure:
    rungs = tuple(
        Rung(number, micros_of(level.at), _when(micros_of(level.at)), tuple(map(words.whom, level.notify)))
        for number, level in enumerate(spec.levels, start=1)
    )
    return Procedure(
        key=key,
        of=titles,
        levels=rungs,
        rounds=_rounds(spec),
        ack=length(micros_of(spec.ack)),
        fallback=(words.whom(spec.fallback),) if spec.fallback else (),
        warnings=tuple(map(words.whom, spec.warnings)),
        by_pagerduty=spec.escalation == "pagerduty",
        tested=None,
    )


def _when(at: int) -> str:
    return f"after {length(at)}" if at else "at once"


def _rounds(spec: PolicySpec) -> str:
    """What happens when nobody answers, in a sentence."""
    every = length(micros_of(spec.every))
    if spec.repeat <= 1:
        again = "If nobody answers, the last level is told again every 15 min"
    else:
        again = (
            f"All of it is repeated {spec.repeat} times, {every} apart; after that the last level is told every 15 min"
        )
    return again + (" together with the fallback." if spec.fallback else ".")


def _tested(session: Session, clock: Clock) -> dict[str, Tested]:
    """The newest passed drill of each policy."""
    found: dict[str, Tested] = {}
    for row in drills.newest(session, limit=LOOKED_AT):
        policy = str(row.report.get("policy") or "")
        if row.outcome == drills.PASSED and row.ended is not None and policy and policy not in found:
            times: Mapping[str, Any] = row.report.get("times") or {}
            found[policy] = Tested(row.public_id, row.ended, f"{clock.date(row.ended):%-d %b %Y}", _took(times))
    return found


def _took(times: Mapping[str, Any]) -> str:
    """How long a page and its answer took in a drill."""
    noticed, paged, answered = (times.get(name) for name in ("detected", "paged", "acknowledged"))
    if noticed is None or paged is None or answered is None:
        return ""
    soon = f"{max(0, paged - noticed) / SECOND:.1f} s"
    return f"paged {soon} after it was noticed, answered after {length(answered - paged)}"


def html(found: Escalation, *, home: bool = False) -> str:
    """One self-contained page; `home`: with a link back to the status page beside it."""
    return render("report/escalation.html.j2", page=found, home=home)
