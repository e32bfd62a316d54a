"""After a start or a reload: each probe's place in the record, read back, and what alerts must be told to agree with
it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from alerts.desk import OpenMember
from alerts.members import REPORTED
from alerts.signal import Condition, Severity, Signal
from monitor.config.catalog import Catalog, Probe
from monitor.engine import freshness, signals
from monitor.engine.cadence import cadence_of
from monitor.engine.confirm import Level, Progress, replay
from monitor.engine.reread import ran_of, weigh_back
from monitor.engine.track import Last, Track
from monitor.engine.verdict import Verdict, blamed
from monitor.engine.versions import Versions, of_record
from monitor.ledger.spans import Observation, Span, Tail
from monitor.store.queries import changes
from monitor.store.queries.changes import Change
from monitor.store.queries.history import latest_runs
from monitor.store.queries.ledgers import LedgerView, begin_ledger, ledgers, resolve_ledgers, set_memberships
from monitor.store.queries.proof import good_kept
from monitor.store.queries.runs import AttemptView, RunView, attempts_of
from monitor.store.queries.spans import last_spans
from probes.words.failure import FACTS, Failure
from probes.words.names import run_id
from probes.words.outcome import State
from probes.words.units import DAY

BUG = "probe-bug "  # begins the name of a member of the monitor's own incident
RECENT = 7 * DAY  # µs; what changed since then is read back
RUNS_READ = 24  # newest runs of a probe that confirm and recover can need


@dataclass(frozen=True, slots=True)
class Restored:
    """Tracks by probe id, and the ledgers that have no first run yet."""

    tracks: dict[str, Track]
    unbegun: frozenset[int]


def restore(
    session: Session,
    catalog: Catalog,
    *,
    now: int,
    secrets: Callable[[Iterable[str]], Mapping[str, str]],
    open_members: Sequence[OpenMember] = (),
    followed: Collection[int] = (),
) -> Restored:
    """Every scheduled probe of the catalog as the record knows it; memberships are brought up to date.

    `open_members` say what was told of runs that are older than those read. `followed` are the ledgers whose tracks go
    on (see `keep`): what takes thousands of runs to know is not read again for them.
    """
    wanted = [probe for probe in catalog.probes.values() if probe.scheduled]
    keys = {probe.id: (probe.workflow, probe.environment, probe.name, probe.location) for probe in wanted}
    resolved = resolve_ledgers(session, {keys[probe.id]: probe.was for probe in wanted}, now=now)
    numbers = {name: resolved[key] for name, key in keys.items()}
    set_memberships(session, {numbers[probe.id]: probe.affects for probe in wanted}, now=now)
    ours = sorted(set(numbers.values()))
    runs = latest_runs(session, ours, count=RUNS_READ)
    for ledger in ledgers(session):
        if ledger.since is None and ledger.id in runs:  # the keeper died before its first run was noted
            begin_ledger(session, ledger.id, at=runs[ledger.id][-1].started)
    known = {ledger.id: ledger for ledger in ledgers(session)}
    spans = last_spans(session, ours)
    attempts = attempts_of(session, [run for some in runs.values() for run in some])  # a run cut off says 1 still
    good = good_kept(session, ours)
    versions = _versions(session, ours, now=now)
    told = {(member.subject, member.member): member for member in open_members}
    tracks = {}
    for probe in wanted:
        number = numbers[probe.id]
        track = Track(probe, number, cadence_of(probe), secrets(probe.secrets))
        track.versions = versions.get(number, track.versions)
        newest = runs.get(number, [])
        member = _member_of(probe, told)
        if member is not None:
            track.progress = Progress(open=_level_of(member, probe), since=member.since)
        if newest:
            before = track.progress
            _read_back(track, newest, attempts, spans.get(number), known[number])
            if (probe.golden is not None or probe.weighed) and number not in followed:
                weigh_back(session, track, newest, attempts, before=before, now=now)
            track.last_good_kept = good.get(number, 0)
        tracks[probe.id] = track
    return Restored(tracks, frozenset(number for number in ours if known[number].since is None))


def _versions(session: Session, ledgers: Sequence[int], *, now: int) -> dict[int, Versions]:
    """By ledger, which model, build and prompt answered last, and what changed of late."""
    newest, recent = defaultdict[int, list[Change]](list), defaultdict[int, list[Change]](list)
    for one in changes.newest(session, ledgers):
        newest[one.ledger].append(one)
    for one in changes.changes(session, ledgers, start=now - RECENT):
        recent[one.ledger].append(one)
    return {ledger: of_record(some, recent[ledger], now=now) for ledger, some in newest.items()}


def _member_of(probe: Probe, told: Mapping[tuple[str, str], OpenMember]) -> OpenMember | None:
    """The probe's share of an open incident, under its name or its former one."""
    return told.get((probe.subject, probe.name)) or told.get((probe.subject, probe.was or ""))


def _level_of(member: OpenMember, probe: Probe) -> Level:
    """What was told: degraded is never more than a warning."""
    slow = member.severity is Severity.WARNING and probe.severity.pages
    return Level.DEGRADED if slow else Level.FAIL


def keep(old: Iterable[Track], new: Mapping[str, Track]) -> dict[str, Track]:
    """The tracks after a reload: one that is followed already goes on, under its new configuration and name.

    A run under way holds on to its track, so the same one must see the runs that follow.
    """
    followed = {track.ledger: track for track in old}
    kept = {}
    for name, track in new.items():
        mine = followed.get(track.ledger, track)
        mine.probe, mine.cadence, mine.secrets = track.probe, track.cadence, track.secrets
        kept[name] = mine
    return kept


def _read_back(
    track: Track,
    newest: list[RunView],
    attempts: Mapping[tuple[int, int], list[AttemptView]],
    span: Span | None,
    ledger: LedgerView,
) -> None:
    last = newest[0]
    track.last = Last(
        last.started,
        last.result,
        str(last.failure or ""),
        FACTS[last.failure].sentence if last.failure else "",
        last.took,
    )
    track.last.attempts = last.attempts
    track.unknown_since = _unknown_since(newest)
    track.last_due, track.last_start = last.scheduled, last.started
    most = track.probe.attempts
    track.progress = replay(
        [ran_of(run, attempts.get((run.started, run.ledger), []), attempts=most) for run in reversed(newest)],
        confirm=track.probe.confirm,
        recover=track.probe.recover,
        before=track.progress,
    )
    observed = [run for run in newest if not run.late]
    if observed:
        observation = _newest(observed[0], attempts.get((observed[0].started, observed[0].ledger), []))
        began = span.end if span is not None else ledger.since or newest[-1].started
        track.tail = Tail.from_last(min(began, observation.at), observation.state, observation)


def _unknown_since(newest: list[RunView]) -> int:
    known = next((number for number, run in enumerate(newest) if run.result is not State.UNKNOWN), len(newest))
    return newest[known - 1].started if known else 0


def _newest(run: RunView, further: list[AttemptView]) -> Observation:
    for attempt in reversed(further):
        if not attempt.late:
            return Observation(attempt.started, attempt.state, attempt.hold)
    return Observation(run.started, run.state, run.hold)


def with_untold(members: Sequence[OpenMember], untold: Iterable[Signal]) -> list[OpenMember]:
    """The failing members as they will be when alerts have heard what a run said while the configuration was read."""
    failing = {
        (one.subject, one.member): one for one in untold if one.condition in (Condition.FAILING, Condition.CHANGED)
    }
    known = {(member.subject, member.member): member for member in members}
    said = {
        key: OpenMember(one.subject, one.member, one.severity, known[key].since if key in known else one.since)
        for key, one in failing.items()
    }
    return [*{**known, **said}.values()]


def reconcile(
    catalog: Catalog, tracks: Mapping[str, Track], open_members: Sequence[OpenMember], *, now: int
) -> list[Signal]:
    """The signals that were lost between a record and its telling, or that a changed configuration brings.

    A failure of so long ago that nothing follows from it any more opens nothing: such a probe begins anew, and its
    next failure is told.
    """
    found: list[Signal] = []
    told = {(one.subject, one.member): one for one in open_members if signals.is_of_probes(one.subject)}
    for track in tracks.values():
        renamed = (track.probe.subject, track.probe.was) in told
        member = told.pop((track.probe.subject, track.probe.name), None)
        level = track.progress.open
        if level is not Level.PASS and member is None:
            if renamed or _fails_still(track, now):
                found.append(_signal(catalog, track, level, now=now))
            else:
                track.progress = Progress()
        elif level is Level.PASS and member is not None and track.progress.recent:
            found.append(_signal(catalog, track, Level.PASS, now=now))
        elif member is not None and level is not _level_of(member, track.probe) and _fails_still(track, now):
            found.append(_signal(catalog, track, level, now=now))  # it was worse, or only slow, before that was told
        elif level is Level.DEGRADED and member is not None and member.severity.pages:
            found.append(_signal(catalog, track, level, now=now))  # it failed, and that it eased was not told
    for subject, name in told:
        if name in (signals.FLAGGED, REPORTED) and _is_place(catalog, subject):
            continue  # `flags` looks after it, and people after what they reported
        found.append(_gone(catalog, subject, name, now=now))
    for name in bugs_told(open_members) - tracks.keys():
        why = f"{name} is no longer in the configuration"
        policy = catalog.monitor_policy
        found.append(signals.gone(signals.MONITOR, f"{BUG}{name}", at=now, title="showup", policy=policy, why=why))
    return found


def _is_place(catalog: Catalog, subject: str) -> bool:
    workflow, _, environment = subject.partition("/")
    return workflow in catalog.workflows and environment in catalog.workflows[workflow].environments


def _fails_still(track: Track, now: int) -> bool:
    """True while the newest failure holds; what is unknown since says nothing, and makes it no younger."""
    failed = [ran for ran in track.progress.recent if ran.level is not Level.PASS]
    return bool(failed) and now < failed[-1].at + track.hold


def _signal(catalog: Catalog, track: Track, level: Level, *, now: int) -> Signal:
    last = track.last
    verdict = Verdict(State.UNKNOWN, None, "", None, True)
    if last is not None and last.failure:
        failure = Failure(last.failure)
        verdict = Verdict(last.state, failure, last.sentence, blamed(failure, track.probe.partner), True)
    run = run_id(last.started, track.ledger) if last is not None else ""
    since = track.progress.since or now
    return signals.of_probe(
        catalog,
        track.probe,
        verdict,
        level=level,
        since=since,
        sure="as recorded",
        at=now,
        run=run,
        period=track.cadence.period,
    )


def _gone(catalog: Catalog, subject: str, name: str, *, now: int) -> Signal:
    workflow, _, environment = subject.partition("/")
    there = catalog.workflows.get(workflow)
    title = signals.title_of(there, environment) if there is not None else workflow
    renamed = _renamed(catalog.probes.values(), subject, name)
    why = f"{name} is called {renamed} now" if renamed else f"{name} is no longer in the configuration"
    policy = there.policy if there is not None else catalog.monitor_policy
    return signals.gone(subject, name, at=now, title=title, policy=policy, why=why)


def _renamed(probes: Iterable[Probe], subject: str, name: str) -> str:
    return next((probe.name for probe in probes if probe.subject == subject and probe.was == name), "")


def told_of_monitor(open_members: Iterable[OpenMember]) -> dict[str, Severity]:
    """What the owner was told by the engine's own look at itself, and is still open."""
    mine = [member for member in open_members if member.subject == signals.MONITOR]
    return {member.member: member.severity for member in mine if member.member.startswith(freshness.MEMBERS)}


def bugs_told(open_members: Iterable[OpenMember]) -> frozenset[str]:
    """The ids of probes whose bugs the owner was told of."""
    names = [member.member for member in open_members if member.subject == signals.MONITOR]
    return frozenset(name.removeprefix(BUG) for name in names if name.startswith(BUG))
