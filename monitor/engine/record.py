"""From one attempt's reply to rows, and from a finished run to what alerts is told.

Everything is computed here at once and in memory; the writer commits it. A pass shares a group commit; a signal goes
through a durable transaction after the rows it rests on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from alerts.signal import Condition, Severity, Signal
from monitor.config.catalog import Catalog
from monitor.engine import golden, signals
from monitor.engine.confirm import Change, Level, Ran, advance
from monitor.engine.retry import put_off
from monitor.engine.track import Last, Track
from monitor.engine.verdict import Verdict, judge
from monitor.ledger.spans import Late, Observation, Span
from monitor.store.codes import FAIL, GOOD, failure_code, pack_phases, state_code
from monitor.store.rows import AttemptRow, EndRow, EvidenceRow, Rows, RunRow, SpanRow
from probes.frames import Reply
from probes.words.failure import Blame, Failure
from probes.words.names import run_id, run_key
from probes.words.outcome import State

if TYPE_CHECKING:
    from monitor.engine.events import Events
    from monitor.engine.witnesses import Witnesses

BUGS_TOLD = 3  # probe bugs in a row before the owner is told


@dataclass(slots=True)
class Running:
    """A run under way: when it was due and asked for, how late it truly began (µs), and what its attempts came to.

    `started` is the moment it was handed to a host: it names the run, in the record and in the requests it makes.
    """

    due: int
    started: int
    lateness: int = 0
    verdicts: list[tuple[int, Verdict]] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)  # of a golden set, whose turn it is
    scored: bool = False


class Recorder:
    """Turns replies into rows (`append`) and finished runs into signals (`tell`); `learn` gets what else was seen."""

    def __init__(
        self,
        append: Callable[[Rows], None],
        tell: Callable[[Signal], None],
        catalog: Callable[[], Catalog],
        learn: Callable[[Track, Reply], None] = lambda track, reply: None,
        witnesses: Witnesses | None = None,
        events: Events | None = None,
    ) -> None:
        self._append, self._tell, self._catalog, self._learn = append, tell, catalog, learn
        self._witnesses, self._events = witnesses, events

    def attempt(
        self, track: Track, run: Running, started: int, *, reply: Reply, ended: bool, verdict: Verdict | None = None
    ) -> Verdict:
        """Record one attempt that began at `started`; `ended` says that no other follows in this run."""
        verdict = judge(reply, partner=track.probe.partner) if verdict is None else verdict
        verdict, scores = golden.scored(
            track.probe.golden, track.answers, reply, verdict, at=run.started, ledger=track.ledger
        )
        run.scored = run.scored or bool(scores)
        run.verdicts.append((started, verdict))
        number = len(run.verdicts)
        if reply.learned or reply.values:
            self._learn(track, reply)
        spans, late = _observe(track, Observation(started, verdict.state, track.hold))
        state, failure = state_code(verdict.state), failure_code(verdict.failure)
        phases = pack_phases(reply.phases, took=reply.took)
        result = state_code(self._result(run)[1].state) if ended else state_code(State.UNKNOWN)
        runs, attempts, ends = (), (), ()  # type: tuple[RunRow, ...], tuple[AttemptRow, ...], tuple[EndRow, ...]
        if number == 1:
            late_by = run.lateness
            runs = (
                RunRow(started, track.ledger, late_by, reply.took, state, failure, track.hold, phases, 1, result, late),
            )
        else:
            row = AttemptRow(
                run.started, track.ledger, number, started, reply.took, state, failure, track.hold, phases, late
            )
            attempts = (row,)
            if ended:
                ends = (EndRow(run.started, track.ledger, number, result),)
        evidence = self._evidence(track, run, number, reply=reply, verdict=verdict)
        changes = track.versions.observe(reply.versions, ledger=track.ledger, at=started) if reply.versions else ()
        self._append(Rows(runs, attempts, ends, evidence, _rows(track, spans), changes=changes, scores=scores))
        if ended:
            self._finish(track, run, reply)
        return verdict

    def _evidence(
        self, track: Track, run: Running, number: int, *, reply: Reply, verdict: Verdict
    ) -> tuple[EvidenceRow, ...]:
        if verdict.failure is None:
            if reply.evidence is None:
                return ()
            track.last_good_kept = run.started
            return (EvidenceRow(run.started, track.ledger, number, GOOD, reply.evidence),)
        body = dict(reply.evidence or {})
        body |= {
            "failure": str(verdict.failure),
            "sentence": verdict.sentence,
            "phase": reply.phase,
            "step": reply.step,
            "blame": str(verdict.blame or ""),
            "partner": track.probe.partner,
        }
        body |= {"values": reply.values, "versions": reply.versions, "witness": reply.witness}
        if verdict.why:
            body["second_witness"] = {"provider": verdict.provider, "run": verdict.witness, "says": verdict.why}
        return (EvidenceRow(run.started, track.ledger, number, FAIL, body),)

    @staticmethod
    def _result(run: Running) -> tuple[int, Verdict]:
        """What the run came to: its last attempt of which anything is known, or in which cases were scored, else the
        last."""
        if run.scored:
            return run.verdicts[-1]
        known = [pair for pair in run.verdicts if pair[1].state is not State.UNKNOWN]
        return known[-1] if known else run.verdicts[-1]

    def _finish(self, track: Track, run: Running, reply: Reply) -> None:
        started, verdict = self._result(run)
        track.last = Last(
            started=run.started,
            state=verdict.state,
            failure=str(verdict.failure or ""),
            sentence=verdict.sentence,
            took=reply.took,
            attempts=len(run.verdicts),
            blame=str(verdict.blame or ""),
        )
        if verdict.state is State.UNKNOWN and not run.scored:  # scored, and too few yet, is no blindness
            track.unknown_since = track.unknown_since or run.started
        else:
            track.unknown_since = 0
        probe = track.probe
        watched = probe.id in self._catalog().probes  # a run may end after its probe was taken out: nobody is told
        if watched:
            self._count_bugs(track, verdict, at=started)
        failed = [at for at, found in run.verdicts if found.level >= Level.DEGRADED]
        early = put_off(verdict.failure, len(run.verdicts), of=probe.attempts)
        ran = Ran(verdict.level, run.started, failed[0] if failed else run.started, early=early)
        event = self._events.of(probe, run.started) if self._events is not None else None
        if probe.golden is not None or (probe.weighed and event is None):
            finished = golden.Finished(ran, str(verdict.failure or ""), run.scored, verdict.sure)
            track.odds, ran = golden.weighed(
                track.odds,
                finished,
                golden=probe.golden is not None,
                period=track.cadence.period,
                progress=track.progress,
            )
        confirm = (1, 1) if event is not None else probe.confirm  # nobody waits for a second run before an audience
        track.progress, change = advance(track.progress, ran, confirm=confirm, recover=probe.recover)
        if probe.scheduled and watched:
            self._signal(track, run, verdict, change=change)

    def _signal(self, track: Track, run: Running, verdict: Verdict, *, change: Change | None) -> None:
        cause = f"{verdict.failure}/{verdict.blame}"
        open_level, recovering = track.progress.open, self._recovering(track, verdict)
        let_go = bool(track.left_to) and not verdict.provider and not recovering
        if change is not None:
            level, since, sure = change.level, change.since, _sure(run, change)
        elif open_level is not Level.PASS and verdict.level >= open_level and (cause != track.signalled or let_go):
            level, since, sure = open_level, track.progress.since, _sure(run, None)
        else:
            return
        if level is Level.PASS:
            track.closed = run.verdicts[-1][0]
        elif verdict.provider:
            self._vouch(verdict, by=track)
        track.signalled = cause if level is not Level.PASS else ""
        track.left_to = verdict.provider or recovering if level is not Level.PASS else ""
        changed = change is None
        self._say(track, run, verdict, level=level, since=since, sure=sure, changed=changed, recovering=recovering)

    def _say(
        self,
        track: Track,
        run: Running,
        verdict: Verdict,
        *,
        level: Level,
        since: int,
        sure: str,
        changed: bool,
        recovering: str = "",
    ) -> None:
        self._tell(
            signals.of_probe(
                self._catalog(),
                track.probe,
                verdict,
                level=level,
                since=since,
                sure=f"{sure}; {verdict.why}" if verdict.why else sure,
                at=run.verdicts[-1][0],
                run=run_id(run.started, track.ledger),
                period=track.cadence.period,
                changed=changed,
                recovering=recovering,
                context=self._context(track, verdict, since) if level is not Level.PASS else (),
            )
        )

    def _context(self, track: Track, verdict: Verdict, since: int) -> tuple[str, ...]:
        """What else happened then, in words: what changed of what answers, and what a provider says of itself."""
        said = track.versions.told(since)
        event = self._events.of(track.probe, track.last.started) if self._events and track.last else None
        if event is not None:
            said = (f"in the event {event.title}", *said)
        if self._witnesses is not None:
            said += self._witnesses.context(track.probe, verdict.provider, since)
        return tuple(dict.fromkeys(said))

    def _recovering(self, track: Track, verdict: Verdict) -> str:
        """The provider that a failure was left to, while that is getting well again."""
        if not track.left_to or verdict.provider or self._witnesses is None:
            return ""
        return track.left_to if self._witnesses.recovers(track.left_to, track.cadence.period) else ""

    def _vouch(self, verdict: Verdict, *, by: Track) -> None:
        """Two witnesses are enough: the provider's own incident stands before the workflow's is told, so that one page
        leaves, and names the provider."""
        if self._witnesses is None:
            return
        canary, said = self._witnesses.canary(verdict.provider), self._witnesses.said(verdict.provider, verdict.witness)
        if canary is None or said is None or canary.progress.open is Level.FAIL:
            return
        canary.progress = replace(canary.progress, open=Level.FAIL, since=said.began, passes=0)
        own = Verdict(State.DOWN, said.failure, said.sentence, Blame.PROVIDER, False)
        canary.signalled = f"{own.failure}/{own.blame}"
        run = Running(said.began, run_key(said.run)[0], verdicts=[(said.began, own)])
        sure = f"its canary failed, and so did {by.probe.id}"
        self._say(canary, run, own, level=Level.FAIL, since=said.began, sure=sure, changed=False)

    def reconsider(self, track: Track, run: Running, verdict: Verdict) -> None:
        """A run that has ended is seen in another light, as its witness spoke late."""
        if track.last is None or track.last.started != run.started or track.progress.open is Level.PASS:
            return
        cause = f"{verdict.failure}/{verdict.blame}"
        track.last = replace(
            track.last, failure=str(verdict.failure or ""), sentence=verdict.sentence, blame=str(verdict.blame or "")
        )
        track.signalled, track.left_to = cause, verdict.provider
        open_level, since = track.progress.open, track.progress.since
        self._say(track, run, verdict, level=open_level, since=since, sure=_sure(run, None), changed=True)

    def _count_bugs(self, track: Track, verdict: Verdict, *, at: int) -> None:
        """The owner is told of the third probe bug in a row, and of the first run after them that is none."""
        is_bug = verdict.failure is Failure.PROBE_BUG
        before, track.bugs = track.bugs, track.bugs + 1 if is_bug else 0
        if track.bugs == BUGS_TOLD or (before >= BUGS_TOLD and not is_bug):
            condition = Condition.FAILING if is_bug else Condition.PASSING
            probe, catalog = track.probe, self._catalog()
            self._tell(
                signals.of_monitor(
                    catalog,
                    f"probe-bug {probe.id}",
                    condition,
                    at=at,
                    since=at,
                    sentence=f"{probe.id}: {verdict.sentence}" if is_bug else f"{probe.id} runs again",
                    severity=Severity.ERROR,
                    owner=catalog.workflows[probe.workflow].owner,
                )
            )


def _sure(run: Running, change: Change | None) -> str:
    attempts = len(run.verdicts)
    failed = sum(1 for _, verdict in run.verdicts if verdict.level >= Level.DEGRADED)
    tries = f"{failed} of {attempts} attempts failed" if attempts > 1 else "1 attempt failed"
    sure = run.verdicts[-1][1].sure
    if sure:
        return sure
    if change is None:
        return tries
    return change.sure if change.level is Level.PASS else f"{tries}, {change.sure}"


def _observe(track: Track, observation: Observation) -> tuple[list[Span], int]:
    try:
        return track.tail.observe(observation), 0
    except Late:
        track.counts.late += 1
        return [], 1


def _rows(track: Track, spans: list[Span]) -> tuple[SpanRow, ...]:
    return tuple(SpanRow(track.ledger, span.start, span.end, state_code(span.state)) for span in spans)
