"""Heartbeats: from what a job said, and from when we could hear it, to what it owes next and by when. Pure.

A report is `expected` at a moment and owed by its deadline, `grace` later; a job that said it began owes its end
`grace` after that. What was not heard while we were off is not known, and never the job's fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from zoneinfo import ZoneInfo

from monitor.config.catalog import Probe
from monitor.engine.cadence import Cadence, cadence_of
from probes.words.clock import moment
from probes.words.failure import Failure
from probes.words.hours import Interval
from probes.words.outcome import State
from probes.words.text import clean
from probes.words.units import DAY, MINUTE, SECOND, micros_of, say_duration

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
BODY = 100_000  # bytes of what a job sends that are kept
EARLY = MINUTE  # a job's clock may run ahead of ours: so much before its time counts for that time
MOST_BEGUN = 100  # runs of one job under way at once that are followed; the oldest are let go
SAID = 160  # characters of a job's last line in a sentence


class Word(IntEnum):
    """What a job can say; the numbers are those in the record."""

    START = 0
    SUCCESS = 1
    FAILURE = 2
    LOG = 3


class Known(Enum):
    """The newest thing that is known of a job."""

    NOTHING = "nothing"  # it has never reported
    REPORTED = "reported"
    MISSED = "missed"
    UNHEARD = "unheard"  # it may have reported while we were off


@dataclass(frozen=True, slots=True)
class Ping:
    """One word of a job: its exit `status` where it gave one, the run of the job it belongs to (`rid`), what it sent,
    secrets removed, and when we heard it (`at`, µs)."""

    word: Word
    status: int | None = None
    rid: str = ""
    body: str = ""
    at: int = 0

    @property
    def tells(self) -> bool:
        """True when it says how the job went."""
        return self.word in (Word.SUCCESS, Word.FAILURE)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a job reports (µs): by `cadence`, of which a plain period is counted from the report before; `zone` is the
    one people read its times in."""

    cadence: Cadence
    by_clock: bool
    grace: int
    budget: int | None
    zone: ZoneInfo

    def expected(self, known: Known, at: int) -> int:
        """When the next report is due, as this is the newest that is known, since `at`."""
        period = self.cadence.period
        if known is Known.MISSED:  # at a deadline: the time after the one that was missed
            at -= self.grace
        if not self.by_clock:
            return at + period
        ahead = min(EARLY, period // 4) if known in (Known.REPORTED, Known.MISSED) else -1
        return self.cadence.after(at + ahead)

    def say(self, at: int) -> str:
        """A moment for people: day and time where the job reports, to the second when it does so often."""
        form = "%a %d %b %H:%M" + (":%S" if self.cadence.period < 10 * MINUTE or self.grace < MINUTE else "") + " %Z"
        return moment(at).astimezone(self.zone).strftime(form)


def rhythm_of(probe: Probe) -> Rhythm:
    """The rhythm of a probe that is a heartbeat."""
    beat = probe.heartbeat
    if beat is None:
        raise ValueError(f"{probe.id} is no heartbeat")
    budget = micros_of(beat.budget) if beat.budget is not None else None
    return Rhythm(cadence_of(probe), probe.cron is not None, micros_of(beat.grace), budget, ZoneInfo(probe.timezone))


@dataclass(frozen=True, slots=True)
class Owed:
    """What a job owes: a report that was `expected` then, by `deadline`; `begun` is when a run of it began that is to
    have ended by then, else 0."""

    expected: int
    deadline: int
    begun: int = 0


def owed(rhythm: Rhythm, known: Known, at: int, begun: Iterable[int] = ()) -> Owed:
    """What is owed next, as `known` is the newest since `at`; `begun` are the starts that no end was heard of."""
    expected = rhythm.expected(known, at)
    late = Owed(expected, expected + rhythm.grace)
    open_ones = [start for start in begun if start + rhythm.grace > at]
    first = min(open_ones, default=None)
    if first is None or first + rhythm.grace >= late.deadline:
        return late
    return Owed(expected, first + rhythm.grace, first)


def unheard(rhythm: Rhythm, due: Owed, away: Sequence[Interval]) -> Interval | None:
    """The last time we were off while the report was due, so that it may have come; None when we heard all of it.

    A report is due from a grace before it is expected until its deadline; the end of a job, from its start on.
    """
    since = due.begun or due.expected - min(rhythm.grace, rhythm.cadence.period // 2)
    missed = [(start, end) for start, end in away if start <= due.deadline and end >= since]
    return max(missed, key=lambda one: one[1], default=None)


def begun_after(begun: Mapping[str, int], ping: Ping) -> dict[str, int]:
    """The runs of a job under way, by `rid`, after it said this."""
    after = dict(begun)
    if ping.word is Word.START:
        after.pop(ping.rid, None)
        after[ping.rid] = ping.at
        while len(after) > MOST_BEGUN:
            del after[next(iter(after))]
    elif ping.tells:
        after.pop(ping.rid, None)
    return after


@dataclass(frozen=True, slots=True)
class Outcome:
    """What something means for the record: a state, and for what is not up the failure and its sentence."""

    state: State
    failure: Failure | None = None
    sentence: str = ""


def outcome_of(ping: Ping, took: int | None, rhythm: Rhythm) -> Outcome:
    """What a report means; `took` is how long the job ran (µs), where it said when it began."""
    if ping.word is Word.FAILURE:
        status = f" with exit status {ping.status}" if ping.status is not None else ""
        last = _last_line(ping.body)
        return Outcome(State.DOWN, Failure.HEARTBEAT_FAILED, f"the job failed{status}" + (f": {last}" if last else ""))
    if took is not None and rhythm.budget is not None and took > rhythm.budget:
        said = f"the job took {_length(took)}, its budget is {say_duration(rhythm.budget)}"
        return Outcome(State.DEGRADED, Failure.SLOW, said)
    return Outcome(State.UP)


def outcome_of_silence(rhythm: Rhythm, due: Owed, away: Interval | None) -> Outcome:
    """What it means that a deadline has passed; `away` is when we were off while the report was due."""
    if away is not None:
        what = f"a job begun {rhythm.say(due.begun)}" if due.begun else f"a report due {rhythm.say(due.expected)}"
        length = _length(away[1] - away[0])
        said = f"{what} is not known to have come: showup was off for {length} then"
        return Outcome(State.UNKNOWN, Failure.MONITOR_FAULT, said)
    if due.begun:
        said = f"started {rhythm.say(due.begun)}, not done by {rhythm.say(due.deadline)}"
    else:
        said = f"due {rhythm.say(due.expected)}, nothing was heard by {rhythm.say(due.deadline)}"
    return Outcome(State.DOWN, Failure.HEARTBEAT_MISSED, said)


def read_rid(given: str | None) -> str | None:
    """The run of the job that a word belongs to, "" for none; None for what is no UUID."""
    if not given:
        return "" if given is None else None
    lower = given.lower()
    return lower if UUID.match(lower) else None


def _last_line(body: str) -> str:
    lines = [line for line in body.splitlines() if line.strip()]
    return clean(lines[-1], SAID) if lines else ""


def _length(micros: int) -> str:
    """A length for people: to the second, or to the minute from an hour on."""
    unit = MINUTE if micros >= DAY // 24 else SECOND
    return say_duration(max(micros // unit * unit, SECOND))


def known_of(state: State, failure: str) -> Known:
    """What the newest run in the record says is known."""
    if failure == Failure.HEARTBEAT_MISSED:
        return Known.MISSED
    return Known.UNHEARD if state is State.UNKNOWN else Known.REPORTED


def coalesced(waiting: Sequence[Ping], ping: Ping) -> tuple[Ping, ...]:
    """What is kept of words that come faster than they are written: the first failure, and how it stands last."""
    if not ping.tells:
        return tuple(waiting)
    failure = next((one for one in waiting if one.word is Word.FAILURE), None)
    return (ping,) if failure is None else (failure, ping)
