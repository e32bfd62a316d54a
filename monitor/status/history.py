"""The record of workflows over a window: members with their spans, what is laid over them, and the figures that
follow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlmodel import Session

from monitor.ledger.explain import Explanation, MaintenanceWindow, explain
from monitor.ledger.spans import Correction, Observation, Span, Tail, overlay
from monitor.ledger.uptime import Figures, figures, shares
from monitor.ledger.workflow import Member, derive
from monitor.store.queries.counts import first_try
from monitor.store.queries.history import latest_runs
from monitor.store.queries.ledgers import LedgerView, ledgers, memberships
from monitor.store.queries.presence import absences, corrections_of, windows
from monitor.store.queries.runs import RunView, attempts_of
from monitor.store.queries.spans import last_spans, spans_of
from probes.words.hours import Interval

Place = tuple[str, str]  # (workflow, environment)
ALIVE_SLACK = 30_000_000  # µs after the last sign of life that are not yet an absence


@dataclass(frozen=True, slots=True)
class Corrected:
    """A correction as it was said of a workflow: of these probes, or of all that it had then, for ()."""

    correction: Correction
    probes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that was observed in a window: members by place, absences, maintenance, and first runs (µs)."""

    window: Interval
    members: Mapping[Place, Sequence[Member]]
    away: Sequence[Interval]
    maintenance: Sequence[MaintenanceWindow]
    since: Mapping[Place, int]
    ledgers: Mapping[Place, Sequence[int]]
    newest: Mapping[int, RunView]
    names: Mapping[int, str]

    def spans(self, place: Place) -> list[Span]:
        """The workflow's own spans, from its first run on; [] before it."""
        since = self.since.get(place)
        start, end = self.window
        if since is None or since >= end:
            return []
        window = (max(start, since), end)
        return derive([self._laid(member, window, place) for member in self.members.get(place, ())], window)

    def _laid(self, member: Member, window: Interval, place: Place) -> Member:
        planned = [(one.start, one.end) for one in self.maintenance if one.covers(member_key(place, member.key))]
        cover = overlay(
            member.spans, absences=self.away, maintenance=planned, window=window, corrections=member.corrections
        )
        return replace(member, spans=cover)

    def figures(self, place: Place, start: int, *, firsts: tuple[int, int] | None = None) -> Figures:
        """Uptime and coverage from `start` (or the first run, if later) to the end of the window."""
        start, end = max(start, self.window[0], self.since.get(place, start)), self.window[1]
        return figures(shares(self.spans(place), min(start, end), end), first_try=firsts)

    def explain(self, place: Place) -> Explanation | None:
        """The rows behind the number of the whole window; None when it never ran."""
        since = self.since.get(place)
        if since is None:
            return None
        window = (max(self.window[0], since), self.window[1])
        planned = [
            replace(one, keys=frozenset(m.key for m in self.members[place] if one.covers(member_key(place, m.key))))
            for one in self.maintenance
        ]
        return explain(self.members[place], window, absences=self.away, maintenance=planned)

    def corrections(self, place: Place) -> list[Corrected]:
        """What was put right of the window, each once, what it speaks of newest first."""
        found: dict[Correction, dict[str, None]] = {}
        members = self.members.get(place, ())
        for member in members:
            for one in member.corrections:
                found.setdefault(one, {})[member.key] = None
        told = []
        for one, keys in found.items():
            then = {member.key for member in members if _overlaps(member.term((one.start, one.end)))}
            told.append(Corrected(one, () if then <= keys.keys() else tuple(keys)))
        return sorted(told, key=lambda each: (each.correction.start, each.correction.made), reverse=True)


def _overlaps(term: Interval) -> bool:
    return term[0] < term[1]


def member_key(place: Place, name: str) -> str:
    """`workflow/environment/probe`."""
    return f"{place[0]}/{place[1]}/{name}"


def read(session: Session, *, start: int, end: int, now: int, places: Iterable[Place] | None = None) -> Record:
    """The record of these places (all, for None) in [start, end), the open tails computed as of now."""
    wanted = set(places) if places is not None else None
    known = [one for one in ledgers(session) if wanted is None or (one.workflow, one.environment) in wanted]
    numbers = [one.id for one in known]
    closed = spans_of(session, numbers, start=start, end=end)
    newest = {ledger: runs[0] for ledger, runs in latest_runs(session, numbers).items()}
    tails = _tails(session, known, newest, until=min(end, now), last=last_spans(session, numbers))
    terms = defaultdict(list)
    for term in memberships(session, numbers):
        terms[term.ledger].append(term)
    corrected = _corrections(session, numbers, start, end)
    members: dict[Place, list[Member]] = defaultdict(list)
    since: dict[Place, int] = {}
    for one in known:
        place = (one.workflow, one.environment)
        spans = [*closed[one.id], *tails.get(one.id, [])]
        first = one.since if one.since is not None else (newest[one.id].started if one.id in newest else None)
        if first is not None and first < end:  # a run that began while the page was on its way is the next page's
            since[place] = min(first, since.get(place, first))
        for term in terms[one.id]:
            begins = max(term.since, first) if first is not None else term.since
            said = corrected.get(one.id, ())
            members[place].append(Member(one.probe, spans, term.affects == "down", begins, term.until, said))
    return Record(
        window=(start, end),
        members=members,
        away=_away(session, start, end, now),
        maintenance=_maintenance(session, start, end, known),
        since=since,
        ledgers=_by_place(known),
        newest=newest,
        names={one.id: one.probe for one in known},
    )


def _by_place(known: Sequence[LedgerView]) -> dict[Place, list[int]]:
    found: dict[Place, list[int]] = defaultdict(list)
    for one in known:
        found[(one.workflow, one.environment)].append(one.id)
    return found


def _tails(
    session: Session,
    known: Sequence[LedgerView],
    newest: Mapping[int, RunView],
    *,
    until: int,
    last: Mapping[int, Span],
) -> dict[int, list[Span]]:
    """The open end of each ledger: computed when read, never stored."""
    several = attempts_of(session, list(newest.values()))
    found = {}
    for one in known:
        run = newest.get(one.id)
        if run is None or run.late:
            continue
        further = [each for each in several.get((run.started, run.ledger), []) if not each.late]
        at, state, hold = run.started, run.state, run.hold
        if further:
            at, state, hold = further[-1].started, further[-1].state, further[-1].hold
        closed = last.get(one.id)
        began = closed.end if closed is not None else (one.since if one.since is not None else at)
        found[one.id] = Tail.from_last(min(began, at), state, Observation(at, state, hold)).read(until)
    return found


def _away(session: Session, start: int, end: int, now: int) -> list[Interval]:
    """When the keeper was not running; what follows its last sign of life counts once it is no longer fresh."""
    found = absences(session, start, end)
    from monitor.store.queries.presence import alive_intervals

    last = max((until for _, until in alive_intervals(session, start, end)), default=None)
    if last is not None and min(end, now) - last > ALIVE_SLACK:
        found.append((last, min(end, now)))
    return found


def _maintenance(session: Session, start: int, end: int, known: Sequence[LedgerView]) -> list[MaintenanceWindow]:
    names = [f"{one.workflow}/{one.environment}/{one.probe}" for one in known]
    found = []
    for window in windows(session, start, end):
        subject = window.subject
        covered = frozenset(name for name in names if not subject or name == subject or name.startswith(f"{subject}/"))
        found.append(MaintenanceWindow(window.start, window.end, window.reason, covered))
    return found


def _corrections(session: Session, numbers: Sequence[int], start: int, end: int) -> dict[int, list[Correction]]:
    """By ledger, in the order in which they were made."""
    return {
        ledger: [Correction(one.start, one.end, one.state, one.author, one.reason, one.created) for one in some]
        for ledger, some in corrections_of(session, numbers, start=start, end=end).items()
    }


def firsts(session: Session, record: Record, place: Place, start: int) -> tuple[int, int]:
    """(runs whose first attempt passed, runs) of a workflow's critical probes since `start`."""
    counts = first_try(session, record.ledgers.get(place, []), start=start, end=record.window[1])
    return sum(passed for passed, _ in counts.values()), sum(runs for _, runs in counts.values())
