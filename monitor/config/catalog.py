"""The Catalog: everything a user configured, checked and cross-checked, in the shape the daemon uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alerts.signal import Severity
from monitor.ledger.burn import Rule
from monitor.ledger.slo import Slo as Objective
from probes.spend import Allowance
from probes.words.units import micros_of

if TYPE_CHECKING:
    from alerts.book import Book
    from monitor.config.accuracy import Golden
    from monitor.config.planned import CanaryPage, PlannedDrill
    from monitor.config.recurring import Recurring

EXPIRY = tuple(timedelta(days=days) for days in (30, 14, 7, 1))
HERE = "here"  # the location of the keeper's own hosts


@dataclass(frozen=True, slots=True)
class Site:
    """The public page: its title, address (without a trailing slash; "" when unpublished) and time zone (IANA name)."""

    title: str
    url: str
    timezone: str


@dataclass(frozen=True, slots=True)
class Slo:
    """The promised uptime: `target` in percent over `window`, counted within `hours` ("" is around the clock).

    `burn` are the alerts on how fast its error budget is spent; None for the usual ones.
    """

    target: Decimal
    window: timedelta
    hours: str = ""
    burn: tuple[Rule, ...] | None = None

    @property
    def objective(self) -> Objective:
        """The same as the ledger counts it."""
        return Objective(int(self.target * 1000), micros_of(self.window))


@dataclass(frozen=True, slots=True)
class Client:
    """Whom a workflow serves. Only `public` clients stand on the shared page; others have a page under `token`."""

    key: str
    name: str
    live_since: date | None
    public: bool
    token: str


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a workflow runs: `target` is the checked data a host needs (url, allow, headers, auth, chat …), secrets
    still as references."""

    name: str
    url: str
    target: Mapping[str, Any]
    scheduled: bool
    policy: str | None
    production: bool


@dataclass(frozen=True, slots=True)
class Action:
    """A POST that a person may have sent: `url`, `body` and `headers` hold secrets as references."""

    title: str
    url: str
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    confirm: str = ""


@dataclass(frozen=True, slots=True)
class Items:
    """Where it is asked how many real items passed: `url` with `{from}` and `{to}`, `at` a JSONPath to the number."""

    url: str
    at: str = "$"
    called: str = "items"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Flags:
    """From how many answers that were flagged as wrong an incident opens: more than `above` `within` this time."""

    above: int = 3
    within: timedelta = timedelta(hours=24)
    severity: Severity = Severity.WARNING


@dataclass(frozen=True, slots=True)
class Workflow:
    """What is watched, with its promise in a customer's words; `provider` is set for the workflow of a canary alone,
    which no page shows."""

    key: str
    title: str
    promise: str
    client: str | None
    owner: str
    policy: str
    environments: Mapping[str, Environment]
    slo: Slo | None
    runbook: str
    runbook_lines: tuple[str, ...]
    depends_on: tuple[str, ...]
    place: str = ""  # file:line:column
    provider: str = ""
    flags: Flags = Flags()
    expiry: tuple[timedelta, ...] = EXPIRY  # how long before an end its people are told
    headroom: float = 0.2  # of rate limits, the share under which they are told
    reports: bool = False  # its page offers a link by which a customer reports that something is wrong
    actions: Mapping[str, Action] = field(default_factory=dict)
    items: Items | None = None
    polite: tuple[Mapping[str, Any], ...] = ()  # checks of an answer while its model fails, as they were written


@dataclass(frozen=True, slots=True)
class Costs:
    """A run's: `amounts` of requests, asks, tokens, usd and records, as far as they are known before it.

    `estimated` are the names of those that nobody said or counted; `provider` is paid for the questions, "" when that
    is not known; `judge` is the part that judging the answers costs, `judges` the same by the provider that judges.
    """

    amounts: Mapping[str, float] = field(default_factory=dict)
    estimated: frozenset[str] = frozenset()
    provider: str = ""
    judge: Mapping[str, float] = field(default_factory=dict)
    judges: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a job promises that reports by itself: how late it may be (`grace`), and how long it should take."""

    grace: timedelta
    budget: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """One scripted check of one workflow in one environment, ready to be scheduled.

    `job` is what a host needs to make an attempt (kind, spec, target; JSON-safe, secrets as references); `job_id`
    its digest.
    `every` is None for a cron cadence. Durations are timedelta. `secrets` are the names the job refers to.
    """

    workflow: str
    environment: str
    name: str
    kind: str
    title: str  # sentence for people: the docstring or the name in words
    every: timedelta | None
    cron: str | None
    timezone: str
    timeout: timedelta
    cleanup: timedelta
    attempts: int
    confirm: tuple[int, int]  # k of the last n runs
    recover: int
    severity: Severity
    affects: str  # "down" (critical) or "degraded"
    policy: str
    enabled: bool
    idempotent: bool
    was: str | None
    job: Mapping[str, Any]
    job_id: str
    secrets: tuple[str, ...] = ()
    scheduled: bool = True
    location: str = HERE
    place: str = ""
    costs: Costs = field(default_factory=Costs)
    partner: str = ""  # whose system it looks at, where that is not the workflow's own
    limits: Allowance = field(default_factory=Allowance)  # of its own spending
    weighed: bool = False  # failures that may be chance page by statistics
    golden: Golden | None = None  # what a golden probe promises of its answers
    heartbeat: Heartbeat | None = None  # set for a job that reports by itself: it is never run
    canary_of: str = ""  # the provider that it is the canary of
    depends_on: tuple[str, ...] = ()  # providers whose canaries are its second witnesses

    @property
    def id(self) -> str:
        """`workflow/environment/probe`: the probe's name for people and programs."""
        return f"{self.workflow}/{self.environment}/{self.name}"

    @property
    def subject(self) -> str:
        """`workflow/environment`, or `provider:NAME`: what an incident is about."""
        if self.canary_of:
            return self.workflow
        return f"{self.workflow}/{self.environment}"

    @property
    def watches(self) -> bool:
        """True for a probe of a user's own workflow, False for the canary of a provider."""
        return not self.canary_of

    @property
    def critical(self) -> bool:
        """True when its failure takes the workflow down."""
        return self.affects == "down"


@dataclass(frozen=True, slots=True)
class Publish:
    """Where the pages go: folders and commands, on change and at most every so often."""

    to: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    at_most_every: timedelta = timedelta(minutes=5)
    escalation: str = ""  # the procedure on a page of its own, with "names" or "roles"; "" for none


@dataclass(frozen=True, slots=True)
class Keep:
    """Retention: how long runs and evidence stay, and the disk they may take (bytes)."""

    runs: timedelta = timedelta(days=400)
    evidence: timedelta = timedelta(days=90)
    disk: int = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Web:
    """Where the daemon's own pages are served; `listen` is host:port, "" for the Unix socket alone."""

    listen: str = "127.0.0.1:8470"
    url: str = ""  # address people can open from outside, "" when none: no link ever leads to localhost

    @property
    def page(self) -> str:
        """Where a browser on this machine finds the page; "" where none is served."""
        return f"http://{self.listen}/" if self.listen else ""

    @property
    def base(self) -> str:
        """The address under which showup is called, from outside where one is configured; "" where none is served."""
        return self.url.rstrip("/") or self.page.rstrip("/")


@dataclass(frozen=True, slots=True)
class Provider:
    """A model provider a workflow depends on. `status_page` is where it says how it is, "" when that is not read;
    of its `components` only these count, of none all."""

    key: str
    title: str
    dialect: str
    model: str
    limits: Allowance
    price: tuple[float, float] | None  # US dollars for a million tokens that are sent, answered
    settings: Mapping[str, Any]
    status_page: str = ""
    components: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """A key that ends at `ends` (µs, 0: only its secret knows), and what it serves beside those that use its secret."""

    name: str
    ends: int
    secret: str = ""  # the secret's name
    renew: str = ""
    workflows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalog:
    """One whole configuration. `book` is the alerting half: people, rotations, policies, channels."""

    site: Site
    workflows: Mapping[str, Workflow]
    probes: Mapping[str, Probe]  # by Probe.id
    clients: Mapping[str, Client]
    providers: Mapping[str, Provider]
    book: Book
    monitor_policy: str
    publish: Publish
    keep: Keep
    web: Web
    store: str  # SQLAlchemy URL, or "" for the default file in the state folder
    dead_man: str  # secret reference or address of the outside dead-man's switch, "" when none
    stale_after: timedelta
    folder: Path  # relative paths in the config start here
    files: tuple[Path, ...]
    fingerprint: str
    warnings: tuple[str, ...] = ()
    references: tuple[str, ...] = ()  # addresses that tell whether our own network is what fails
    keys: Mapping[str, Key] = field(default_factory=dict)
    maintenance: Mapping[str, Recurring] = field(default_factory=dict)
    drills: Mapping[str, PlannedDrill] = field(default_factory=dict)
    canary_page: CanaryPage | None = None

    def counted(self) -> str:
        """How much there is, for people: `6 probes of 2 workflows and 1 canary`."""
        canaries = sum(not probe.watches for probe in self.probes.values())
        own = sum(not workflow.provider for workflow in self.workflows.values())
        said = f"{_count(len(self.probes) - canaries, 'probe')} of {_count(own, 'workflow')}"
        return said + (f" and {canaries} canar{'y' if canaries == 1 else 'ies'}" if canaries else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
