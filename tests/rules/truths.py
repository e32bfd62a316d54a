"""What must be true of a record and of what alerts made of it, worked out anew from every run that was committed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise

from sqlmodel import Session, col, select

from alerts.signal import Severity
from alerts.tables import Incident, Member
from monitor.engine.track import Track
from monitor.ledger.spans import Observation, Span, fold
from monitor.ledger.uptime import WHOLE, shares
from monitor.status import history
from monitor.store.queries.runs import AttemptView, RunView, attempts_of, runs_between
from probes.words.names import run_id
from probes.words.outcome import State
from probes.words.units import SECOND

WELL, SLOW, BAD = 0, 1, 2
_BADNESS = {State.UP: WELL, State.DEGRADED: SLOW, State.DOWN: BAD}  # anything else is no evidence


@dataclass(frozen=True)
class Seen:
    """A run with its attempts."""

    run: RunView
    further: Sequence[AttemptView]

    @property
    def until(self) -> int:
        """When its evidence is no longer of today."""
        return max(self.run.started + self.run.hold, *(each.started + each.hold for each in self.further), 0)

    @property
    def observations(self) -> list[Observation]:
        """Its attempts as the ledger sees them."""
        first = Observation(self.run.started, self.run.state, self.run.hold)
        return [first, *(Observation(each.started, each.state, each.hold) for each in self.further)]


def seen(session: Session, until: int) -> dict[int, list[Seen]]:
    """Every run that is committed, by ledger, oldest first."""
    found: dict[int, list[Seen]] = defaultdict(list)
    runs = sorted(runs_between(session, 0, until + 1, limit=1_000_000), key=lambda run: run.started)
    further = attempts_of(session, runs)
    for run in runs:
        found[run.ledger].append(Seen(run, further.get((run.started, run.ledger), [])))
    return found


def stands(runs: Sequence[Seen], *, confirm: tuple[int, int], recover: int) -> int:
    """How bad what these runs leave open is: k of n bad ones open it, only `recover` good ones in a row end it; of a
    failure as many that are slow or good leave slowness."""
    (k, n), open_at = confirm, WELL
    known = [_BADNESS[each.run.result] for each in runs if each.run.result in _BADNESS]
    for end in range(1, len(known) + 1):
        newest = known[:end]
        if newest[-1] != WELL:
            agreed = [at for at in (SLOW, BAD) if newest[-1] >= at and sum(one >= at for one in newest[-n:]) >= k]
            risen, calm = max([open_at, *agreed]), newest[-recover:]
            open_at = SLOW if risen == open_at == BAD and len(calm) == recover and max(calm) < BAD else risen
        elif newest[-recover:] == [WELL] * recover:
            open_at = WELL
    return open_at


def unbroken(runs: Sequence[Seen], now: int) -> list[Seen]:
    """The newest runs between which something was known all the time, until now."""
    if not runs or runs[-1].until < now:
        return []
    gaps = [place for place, (one, following) in enumerate(pairwise(runs), 1) if one.until < following.run.started]
    return list(runs[gaps[-1] if gaps else 0 :])


def of_incidents(
    session: Session, tracks: Mapping[str, Track], runs: Mapping[int, list[Seen]], *, now: int, healed: Set[int]
) -> Iterator[str]:
    """What is open is what the runs say, no more and no less; `healed`: when a broken store accepted
    again."""
    query = select(Incident.subject, Member).join(Member, col(Member.incident) == col(Incident.id))
    query = query.where(col(Incident.resolved_at).is_(None), col(Member.ended).is_(None))
    told = {(subject, row.member): row for subject, row in session.exec(query).all() if subject != "monitor"}
    ended = select(Member.incident, Member.ended).where(col(Member.ended).is_not(None))
    left = set(session.exec(ended).all())  # who joins as another leaves was renamed
    for track in tracks.values():
        probe, mine = track.probe, runs.get(track.ledger, [])
        row = told.pop((probe.subject, probe.name), None)
        failed = [each for each in mine if _BADNESS.get(each.run.result)]
        may = stands(mine, confirm=probe.confirm, recover=probe.recover)
        must = stands(unbroken(mine, now), confirm=probe.confirm, recover=probe.recover)
        if row is None:
            if must and any(each.until > now for each in failed):
                yield f"{probe.id} fails by its runs, and nothing is open"
            continue
        if not may:
            yield f"{probe.id} is a failing member, though no run says so"
        if may == must and row.severity != (probe.severity if must == BAD else Severity.WARNING):
            yield f"{probe.id} is told as {row.severity}, and its runs come to {must}"
        fresh = any(each.run.started <= row.joined <= each.until for each in failed)
        if not fresh and row.joined not in healed and (row.incident, row.joined) not in left:
            yield f"{probe.id} joined at {row.joined} with nothing but old evidence"
    for subject, member in told:
        yield f"{subject} has the failing member {member}, which nobody watches"


def of_what_is_left_to_others(session: Session, *, now: int, started: int) -> Iterator[str]:
    """D1: what is left to a provider's incident is left to one that calls somebody, or for a while that ends."""
    query = select(Member).where(col(Member.ended).is_(None), col(Member.folded_into).is_not(None))
    for row in session.exec(query).all():
        mine, into = session.get(Incident, row.incident), session.get(Incident, row.folded_into)
        if mine is None or mine.resolved_at is not None or mine.paging:
            continue
        speaks = into is not None and into.resolved_at is None and into.paging and into.held_by is None
        if not speaks and (row.unfold_at is None or max(row.unfold_at, started) + 4 * SECOND < now):
            yield f"{mine.subject}/{row.member} is left to an incident that calls nobody"


def of_record(session: Session, runs: Mapping[int, list[Seen]], *, start: int, now: int) -> Iterator[str]:
    """T1: spans as stored are those of the raw attempts; every microsecond of a workflow is in one state."""
    record = history.read(session, start=start, end=now, now=now)
    for place, members in record.members.items():
        total = shares(record.spans(place), start, now)
        if total.total != now - start:
            yield f"the shares of {place} come to {total.total} of {now - start}"
        uptime = record.figures(place, start).uptime
        if uptime is not None and not 0 <= uptime <= WHOLE:
            yield f"the uptime of {place} is {uptime}"
        numbers = {record.names[number]: number for number in record.ledgers[place]}
        for member in members:
            attempts = [each for one in runs.get(numbers[member.key], []) for each in one.observations]
            raw = fold(sorted(attempts, key=lambda one: one.at), until=now)
            if merged(member.spans) != raw:
                yield f"the spans of {member.key} are {merged(member.spans)}, its attempts give {raw}"


def of_attempts(runs: Mapping[int, list[Seen]], met: Mapping[tuple[str, int], str]) -> Iterator[str]:
    """T3: an attempt is in the record as what it was."""
    for ledger, some in runs.items():
        for one in some:
            name = run_id(one.run.started, ledger)
            states = {1: one.run.state, **{each.n: each.state for each in one.further}}
            for number, state in states.items():
                if met.get((name, number)) != state:
                    yield f"attempt {number} of {name} met {met.get((name, number))} and is recorded as {state}"


def merged(spans: Sequence[Span]) -> list[Span]:
    """What a page sees: pieces of one state that touch are one."""
    found: list[Span] = []
    for span in spans:
        if found and (found[-1].state, found[-1].end) == (span.state, span.start):
            span = Span(found.pop().start, span.end, span.state)
        found.append(span)
    return found
