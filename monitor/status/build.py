"""From the record to pages: read in few queries, one page for what is shared, one for each client that keeps to
itself."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from zoneinfo import ZoneInfo

from sqlmodel import Session

from alerts.desk import Desk
from alerts.message import IncidentView
from monitor.config.catalog import Catalog, Workflow
from monitor.ledger.slo import clip, error_budget
from monitor.ledger.spans import Span
from monitor.ledger.uptime import Shares, days, figures, percent_text, shares, total
from monitor.status import history
from monitor.status.lengths import length, speed, window
from monitor.status.model import (
    WORDS,
    Clock,
    Figure,
    Group,
    Page,
    WorkflowView,
    correction,
    figure,
    headline,
    incident,
)
from monitor.status.planned import plans
from monitor.store.queries.notes import read_note, remember
from monitor.store.queries.presence import windows
from probes.words.clock import moment
from probes.words.hours import hours_between
from probes.words.outcome import State
from probes.words.units import DAY, micros_of

DAYS = 90
TOKENS = "client pages"  # name of the note that keeps each client's unguessable path
SIMULATED = "simulated until"  # name of the note that labels history made by the fast-forwarded engine


@dataclass(frozen=True, slots=True)
class Made:
    """One page and where it belongs: "" is the shared one, else the client's folder below the site."""

    folder: str
    page: Page


@dataclass(frozen=True, slots=True)
class _Facts:
    record: history.Record
    views: Sequence[IncidentView]
    simulated: int | None
    planned: Sequence[tuple[str, int, int, str]]
    now: int
    report_url: Callable[[str], str]


def make_pages(
    session: Session, catalog: Catalog, desk: Desk, *, now: int, report_url: Callable[[str], str] = lambda subject: ""
) -> list[Made]:
    """Every page there is to publish, from what is committed now. `report_url(subject)` is where customers report."""
    places = _places(catalog)
    facts = _Facts(
        record=history.read(session, start=_first_day(catalog, now), end=now, now=now, places=places),
        views=desk.views(session, now=now, since=now - DAYS * DAY),
        simulated=read_note(session, SIMULATED),
        planned=[(w.subject, w.start, w.end, w.reason) for w in windows(session, now, now + 14 * DAY)],
        now=now,
        report_url=report_url,
    )
    shared = [place for place in places if _is_public(catalog, catalog.workflows[place[0]])]
    front = _page(catalog, facts, shared, title=catalog.site.title)
    made = [Made("", replace(front, escalation=bool(catalog.publish.escalation)))]
    tokens = read_note(session, TOKENS) or {}
    for key, client in catalog.clients.items():
        mine = [place for place in places if catalog.workflows[place[0]].client == key]
        if mine and not client.public and key in tokens:
            made.append(
                Made(f"c/{tokens[key]}", _page(catalog, facts, mine, title=f"{client.name} · {catalog.site.title}"))
            )
    return made


def keep_tokens(session: Session, catalog: Catalog, *, now: int) -> None:
    """Give each client that is not public a path of 160 random bits, once and for ever."""
    tokens = dict(read_note(session, TOKENS) or {})
    missing = [key for key, client in catalog.clients.items() if not client.public and key not in tokens]
    if missing:
        tokens.update({key: secrets.token_urlsafe(20) for key in missing})
        remember(session, TOKENS, tokens, now=now)


def private_pages(session: Session, catalog: Catalog) -> dict[str, str]:
    """Where the page of each client that keeps to itself is, by client; without its host before `url:` is written."""
    tokens = read_note(session, TOKENS) or {}
    url = catalog.site.url
    return {
        key: f"{url}/c/{tokens[key]}/" for key, client in catalog.clients.items() if not client.public and key in tokens
    }


def _places(catalog: Catalog) -> list[history.Place]:
    """Production alone stands on pages."""
    there = {probe.workflow for probe in catalog.probes.values() if probe.scheduled and probe.watches}
    return [(key, "production") for key in catalog.workflows if key in there]


def _is_public(catalog: Catalog, workflow: Workflow) -> bool:
    client = catalog.clients.get(workflow.client) if workflow.client else None
    return client is None or client.public


def _first_day(catalog: Catalog, now: int) -> int:
    return now - (DAYS + 1) * DAY


def _page(catalog: Catalog, facts: _Facts, places: Sequence[history.Place], *, title: str) -> Page:
    zone, now = catalog.site.timezone, facts.now
    clock = Clock(zone, now)
    views = {place: _workflow(catalog, facts, place, clock) for place in places}
    subjects = {"/".join(place) for place in places}
    mine = [view for view in facts.views if view.subject in subjects]
    stale = now + micros_of(catalog.stale_after)
    return Page(
        title=title,
        headline=headline([view.state for view in views.values()], [view.title for view in views.values()]),
        state=_worst(view.state for view in views.values()),
        made=clock.full(now),
        made_iso=moment(now).isoformat(timespec="seconds"),
        stale=clock.full(stale),
        stale_iso=moment(stale).isoformat(timespec="seconds"),
        zone=clock.zone(now),
        groups=_groups(catalog, views),
        open=[incident(view, clock, now) for view in sorted(mine, key=_quiet) if view.resolved_at is None],
        past=[incident(view, clock, now) for view in mine if view.resolved_at is not None and view.severity != "info"],
        planned=plans(
            [row for row in facts.planned if not row[0] or row[0].split("/")[0] in {p[0] for p in places}],
            {key: workflow.title for key, workflow in catalog.workflows.items()},
            clock,
        ),
        simulated=_simulated(facts.simulated, clock),
        cadence=_cadence(catalog, places),
    )


def _quiet(view: IncidentView) -> bool:
    """True for what wakes nobody: it stands behind what does."""
    return view.severity in ("warning", "info")


def _simulated(until: int | None, clock: Clock) -> str:
    return (
        f"Simulated history until {clock.full(until)}: made by the same engine over a scripted quarter."
        if until
        else ""
    )


def _worst(states: Iterable[State]) -> State:
    order = (State.DOWN, State.DEGRADED, State.UNKNOWN, State.MAINTENANCE, State.UP)
    return min(states, key=order.index, default=State.UNKNOWN)


def _cadence(catalog: Catalog, places: Sequence[history.Place]) -> str:
    mine = [p for p in catalog.probes.values() if (p.workflow, p.environment) in set(places)]
    periods = [p.every for p in mine if p.every is not None and p.heartbeat is None]
    return f"each workflow is tried every {length(micros_of(max(periods)))} or more often" if periods else ""


def _groups(catalog: Catalog, views: dict[history.Place, WorkflowView]) -> list[Group]:
    names: dict[str, list[WorkflowView]] = {}
    for (key, _), view in views.items():
        client = catalog.workflows[key].client
        names.setdefault(catalog.clients[client].name if client else "", []).append(view)
    return [Group(name, some) for name, some in names.items()]


def _workflow(catalog: Catalog, facts: _Facts, place: history.Place, clock: Clock) -> WorkflowView:
    workflow, record, now = catalog.workflows[place[0]], facts.record, facts.now
    spans, since = record.spans(place), record.since.get(place)
    state = spans[-1].state if spans else State.UNKNOWN
    first = since if since is not None else now
    found = [
        figure(label, figures(shares(spans, max(first, now - length_), now)), strong=label == "90 days")
        for label, length_ in (("24 h", DAY), ("7 days", 7 * DAY), ("30 days", 30 * DAY), ("90 days", DAYS * DAY))
    ]
    known = figures(shares(spans, max(first, now - DAYS * DAY), now))
    young = f"watched since {clock.date(first):%-d %b}" if first > now - DAYS * DAY else ""
    covered = Figure("watched, of 90 days", percent_text(known.coverage), shown=young)
    return WorkflowView(
        key=place[0],
        title=workflow.title,
        promise=workflow.promise,
        state=state,
        word=WORDS[state],
        figures=[*found, covered],
        days=days(spans, zone=ZoneInfo(catalog.site.timezone), today=clock.today, count=DAYS, since=since, until=now),
        since=clock.date(since) if since is not None else None,
        slo=_slo(catalog, workflow, spans, now),
        speed=_speed(catalog, record, place),
        report_url=facts.report_url("/".join(place)),
        corrections=[
            correction(one.correction, clock, probes=one.probes)
            for one in record.corrections(place)
            if one.correction.end > now - DAYS * DAY
        ],
    )


def _slo(catalog: Catalog, workflow: Workflow, spans: Sequence[Span], now: int) -> str:
    promised = workflow.slo
    if promised is None or not spans:
        return ""
    over = micros_of(promised.window)
    counted = list(spans)
    if promised.hours:
        zone = ZoneInfo(catalog.site.timezone)
        counted = clip(counted, hours_between(promised.hours, zone, now - over, now))
    spent = _sum(counted, now - over, now)
    budget = error_budget(spent, promised.objective)
    left = f"{length(budget.left_us)} of it left" if budget.left_us >= 0 else f"overspent by {length(-budget.left_us)}"
    promise = f"promised {promised.target:g} % over {window(over)}"
    return f"{promise}; error budget {length(budget.allowed_us)}, {left}"


def _sum(spans: Sequence[Span], start: int, end: int) -> Shares:
    inside = [Span(max(one.start, start), min(one.end, end), one.state) for one in spans]
    return total([one for one in inside if one.end > one.start])


def _speed(catalog: Catalog, record: history.Record, place: history.Place) -> str:
    """How fast it answers who asks it; how long a job takes that reports by itself is another thing."""
    mine = [one for one in catalog.probes.values() if (one.workflow, one.environment) == place]
    jobs = {one.name for one in mine if one.heartbeat is not None}
    asked = [number for number in record.ledgers.get(place, ()) if record.names[number] not in jobs]
    lengths = [run.took for number in asked if (run := record.newest.get(number)) and run.passed]
    return f"last answers in {speed(int(median(lengths)))}" if lengths else ""
