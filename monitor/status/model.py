"""The page as plain values: sentences, figures, days. Pure; rendering adds nothing to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from alerts.life import UPDATE
from alerts.message import REMOVED, IncidentView
from monitor.ledger.spans import Correction
from monitor.ledger.uptime import Day, Figures, percent_text
from monitor.status.lengths import length, sentence
from probes.words.failure import FACTS, Blame, Facts, Failure, notice
from probes.words.outcome import State
from probes.words.text import clean

_FAILURES = frozenset(map(str, Failure))
_BLAMES = frozenset(map(str, Blame))

WORDS = {
    State.UP: "Up",
    State.DEGRADED: "Degraded",
    State.DOWN: "Down",
    State.MAINTENANCE: "Maintenance",
    State.UNKNOWN: "Not known",
}
_ORDER = (State.DOWN, State.DEGRADED, State.MAINTENANCE, State.UNKNOWN, State.UP)
_ONE = {
    State.DOWN: "is down",
    State.DEGRADED: "is degraded",
    State.MAINTENANCE: "is in maintenance",
    State.UNKNOWN: "was not seen lately",
    State.UP: "is working",
}
_MANY = {
    State.DOWN: "are down",
    State.DEGRADED: "are degraded",
    State.MAINTENANCE: "are in maintenance",
    State.UNKNOWN: "were not seen lately",
    State.UP: "are working",
}
_NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure under its label; `text` is a percentage or says why there is none. Programs know it by `label`, people
    read `shown` where there is one."""

    label: str
    text: str
    strong: bool = False
    shown: str = ""


@dataclass(frozen=True, slots=True)
class CorrectionPart:
    """A time that somebody put right, as it stands under its workflow; `probes` is () when it speaks of all."""

    when: str
    start_iso: str
    end_iso: str
    state: State
    word: str
    probes: Sequence[str]
    reason: str
    author: str


@dataclass(frozen=True, slots=True)
class WorkflowView:
    """One workflow on the page. `since` is the date of its first run, None before it."""

    key: str
    title: str
    promise: str
    state: State
    word: str
    figures: Sequence[Figure]
    days: Sequence[Day]
    since: date | None
    slo: str
    speed: str
    report_url: str = ""
    corrections: Sequence[CorrectionPart] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """One of the four times of an incident."""

    label: str
    time: str
    detail: str
    reached: bool


@dataclass(frozen=True, slots=True)
class IncidentPart:
    """An incident on the page; no name of a person, no secret, no address stands in it."""

    id: str
    title: str
    sentence: str
    state: str
    severity: str
    started: str
    length: str
    moments: Sequence[Moment]
    drill: bool
    updates: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """The workflows of one client."""

    name: str
    workflows: Sequence[WorkflowView]


@dataclass(frozen=True, slots=True)
class Page:
    """Everything the page says."""

    title: str
    headline: str
    state: State
    made: str
    made_iso: str
    stale: str
    stale_iso: str
    zone: str
    groups: Sequence[Group]
    open: Sequence[IncidentPart]
    past: Sequence[IncidentPart]
    planned: Sequence[str]
    simulated: str
    cadence: str
    escalation: bool = False  # the procedure stands beside it


def headline(states: Sequence[State], titles: Sequence[str] = ()) -> str:
    """The overall state in a sentence that a customer understands; a workflow alone is called by its title."""
    if not states:
        return "Nothing is watched yet."
    counts = [(state, sum(1 for one in states if one is state)) for state in _ORDER]
    there = [(state, count) for state, count in counts if count]
    if len(there) == 1:
        state, count = there[0]
        if state is State.UNKNOWN:
            return "We do not know: nothing was seen yet, or lately."
        if count == 1:
            return f"{titles[0] if len(titles) == 1 else 'It'} {_ONE[state]}."
        every = "Both" if count == 2 else f"All {number(count).lower()}"
        return f"{every} workflows {_MANY[state]}."
    sentences = []
    for position, (state, count) in enumerate(there):
        noun = (" workflow" if count == 1 else " workflows") if position == 0 else ""
        sentences.append(f"{number(count)}{noun} {_ONE[state] if count == 1 else _MANY[state]}.")
    return " ".join(sentences)


def number(count: int) -> str:
    """A small number as a word."""
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def figure(label: str, found: Figures, *, strong: bool = False) -> Figure:
    """Uptime under its label."""
    return Figure(label, percent_text(found.uptime, enough=found.enough), strong)


def moments(view: IncidentView, clock: Clock) -> list[Moment]:
    """Noticed, paged, answered, recovered: with how long each took."""
    began = view.began
    found = [Moment("Noticed", clock(view.opened), f"{length(view.opened - began)} after it began", True)]
    paged, acked, ended = view.paged_at or view.spoken_at, view.acked_at or view.heard_at, view.resolved_at
    quiet = paged is None and view.severity in ("warning", "info")
    if paged is not None:
        found.append(Moment("Paged", clock(paged), "the person on call", True))
    else:
        found.append(Moment("Paged", "", "nobody had to be" if ended or quiet else "not yet", False))
    if acked is not None:
        found.append(Moment("Answered", clock(acked), f"after {length(acked - (paged or view.opened))}", True))
    else:
        detail = "recovered first" if ended else "nobody has to" if quiet else "not yet"
        found.append(Moment("Answered", "", detail, False))
    if ended is not None:
        word = "Closed" if view.resolved_by == REMOVED else "Recovered"
        found.append(Moment(word, clock(ended), f"after {length(ended - began)}", True))
    else:
        found.append(Moment("Recovered", "", "not yet", False))
    return found


class Clock:
    """Writes instants in the site's zone: the time alone for the same day, else with its date."""

    def __init__(self, zone: str, now: int) -> None:
        from zoneinfo import ZoneInfo

        from probes.words.clock import moment

        self._zone, self._moment = ZoneInfo(zone), moment
        self.today = moment(now).astimezone(self._zone).date()

    def __call__(self, at: int) -> str:
        local = self._moment(at).astimezone(self._zone)
        return local.strftime("%H:%M:%S" if local.date() == self.today else "%-d %b %H:%M")

    def full(self, at: int) -> str:
        """Time and date."""
        return self._moment(at).astimezone(self._zone).strftime("%H:%M, %-d %b %Y")

    def zone(self, at: int) -> str:
        """The zone as people call it then: EST, UTC; UTC-03 where it has no name."""
        name = self._moment(at).astimezone(self._zone).tzname() or ""
        return f"UTC{name}" if name.startswith(("+", "-")) else name

    def iso(self, at: int) -> str:
        """For programs: ISO 8601, in UTC."""
        return self._moment(at).isoformat(timespec="seconds")

    def between(self, start: int, end: int) -> str:
        """From when to when; the date stands once when both are on one day."""
        first, last = (self._moment(at).astimezone(self._zone) for at in (start, end))
        time = "%H:%M:%S" if first.second or last.second else "%H:%M"
        until = last.strftime(time if first.date() == last.date() else f"%-d %b %Y, {time}")
        return f"{first.strftime(f'%-d %b %Y, {time}')} to {until}"

    def date(self, at: int) -> date:
        """The date in the site's zone."""
        return self._moment(at).astimezone(self._zone).date()


def correction(one: Correction, clock: Clock, *, probes: Sequence[str] = ()) -> CorrectionPart:
    """A correction as the public sees it: with its reason, and by the name that its author gave."""
    return CorrectionPart(
        when=clock.between(one.start, one.end),
        start_iso=clock.iso(one.start),
        end_iso=clock.iso(one.end),
        state=one.state,
        word=WORDS[one.state].lower(),
        probes=probes,
        reason=one.reason,
        author=one.author,
    )


def incident(view: IncidentView, clock: Clock, now: int) -> IncidentPart:
    """An incident as the public sees it: what and when, never who."""
    end = view.resolved_at if view.resolved_at is not None else now
    return IncidentPart(
        id=view.public_id,
        title=f"{view.title} {_noticed(view)}",
        sentence=_said(view),
        state=view.state,
        severity=view.severity,
        started=clock(view.began),
        length=length(end - view.began),
        moments=moments(view, clock),
        drill=view.drill,
        updates=[(clock(event.at), event.text) for event in reversed(view.events) if event.kind == UPDATE],
    )


def _said(view: IncidentView) -> str:
    """What happened, in our own words for its kind: what a target said may name hosts and data that are not for all."""
    known = _known(view.failure)
    return sentence(known.sentence[:1].upper() + known.sentence[1:]) if known is not None else ""


def _known(failure: str) -> Facts | None:
    return FACTS[Failure(failure)] if failure in _FAILURES else None


def _noticed(view: IncidentView) -> str:
    blame = Blame(view.blame) if view.blame in _BLAMES else None
    known = notice(Failure(view.failure), blame) if view.failure in _FAILURES else ""
    text = clean(view.notice, 60) or known or "has a problem"
    return text if view.resolved_at is None else _past(text)


def _past(text: str) -> str:
    first, _, rest = text.partition(" ")
    past = {
        "is": "was",
        "does": "did",
        "has": "had",
        "cannot": "could not",
        "answers": "answered",
        "refuses": "refused",
    }
    past |= {"lost": "lost", "breaks": "broke", "failed": "failed"}
    return f"{past.get(first, first)} {rest}".strip()
