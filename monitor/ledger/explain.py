"""Every number can be explained: the rows behind a figure, what caused each, and the sums to redo by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from monitor.ledger.spans import Span, cut, overlay
from monitor.ledger.uptime import Figures, Shares, figures, percent_text
from monitor.ledger.workflow import Member, tally, worst_of
from probes.words.hours import Interval, merge
from probes.words.outcome import State

NOT_RUNNING = "showup was not running"
NO_CRITICAL = "no critical probe"


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """Planned work [start, end) with its name; it covers the members named in `keys`, or all when that is None."""

    start: int
    end: int
    name: str
    keys: frozenset[str] | None = None

    def covers(self, key: str) -> bool:
        """True when the window is for this member."""
        return self.keys is None or key in self.keys


@dataclass(frozen=True, slots=True)
class Row:
    """[start, end) was in one state, for the same reasons throughout.

    `because` names the members that decided it, or "showup was not running", "no critical probe", or the maintenance
    windows, and last whatever correction lies over a member; when up it is empty but for those.
    """

    start: int
    end: int
    state: State
    because: tuple[str, ...]

    @property
    def length(self) -> int:
        """How long it lasts, in µs."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Explanation:
    """A window's figures with the rows they are made of: rows cover the window, and their lengths sum to `shares`."""

    window: Interval
    figures: Figures
    shares: Shares
    rows: list[Row]

    def working(self) -> tuple[str, ...]:
        """The sums, one line a figure, in seconds, to be redone by hand."""
        part, result = self.shares, self.figures
        watched = part.expected
        return (
            "uptime = (up + degraded) / (up + degraded + down) = " + _ratio(part.good, part.known, result.uptime),
            "coverage = known / (window − maintenance) = " + _ratio(part.known, watched, result.coverage),
            "at least = (up + degraded) / (window − maintenance) = " + _ratio(part.good, watched, result.at_least),
        )


def explain(
    members: Sequence[Member],
    window: Interval,
    *,
    absences: Sequence[Interval],
    maintenance: Sequence[MaintenanceWindow],
    first_try: tuple[int, int] | None = None,
) -> Explanation:
    """Why the workflow's figures for the window are what they are.

    Unlike for `derive`, members come with what was observed: absences, maintenance and their corrections are laid
    over here, so that a row can name them. The rows' states are those that `derive` gives.
    """
    away = merge(absences, within=window)
    laid = [_lay(member, window, absences=away, maintenance=maintenance) for member in members]
    rows: list[Row] = []
    for start, end in _segments(laid, window, away=away, maintenance=maintenance):
        present = [(member, _state_at(member.spans, start)) for member in laid if _belongs(member, start)]
        state = worst_of(tally([(held, member.critical) for member, held in present]))
        absent = any(first <= start < last for first, last in away)
        because = _because(state, present, at=start, absent=absent, planned=_running(maintenance, start))
        if rows and (rows[-1].state, rows[-1].because) == (state, because):
            start = rows.pop().start
        rows.append(Row(start, end, state, because))
    sums = Shares()
    for row in rows:
        sums += Shares(**{row.state.value: row.length})
    return Explanation(window, figures(sums, first_try=first_try), sums, rows)


def _lay(
    member: Member, window: Interval, *, absences: list[Interval], maintenance: Sequence[MaintenanceWindow]
) -> Member:
    """The member as `derive` takes it."""
    planned = [(each.start, each.end) for each in maintenance if each.covers(member.key)]
    spans = overlay(member.spans, absences=absences, maintenance=planned, window=window, corrections=member.corrections)
    return replace(member, spans=spans)


def _segments(
    members: Sequence[Member],
    window: Interval,
    *,
    away: Iterable[Interval],
    maintenance: Sequence[MaintenanceWindow],
) -> Iterator[Interval]:
    """The window cut wherever anything that matters may change."""
    start, end = window
    edges = {start, end}
    for member in members:
        edges.update(span.start for span in member.spans)
        edges.update((member.since, end if member.until is None else member.until))
        for correction in member.corrections:
            edges.update((correction.start, correction.end))
    for first, last in away:
        edges.update((first, last))
    for each in maintenance:
        edges.update((each.start, each.end))
    inside = sorted(edge for edge in edges if start <= edge <= end)
    return pairwise(inside)


def _belongs(member: Member, at: int) -> bool:
    return member.since <= at and (member.until is None or at < member.until)


def _state_at(cover: Sequence[Span], at: int) -> State:
    return cut(cover, at, at + 1)[0].state


def _running(maintenance: Sequence[MaintenanceWindow], at: int) -> list[MaintenanceWindow]:
    return [each for each in maintenance if each.start <= at < each.end]


def _because(
    state: State,
    present: Sequence[tuple[Member, State]],
    *,
    at: int,
    absent: bool,
    planned: Sequence[MaintenanceWindow],
) -> tuple[str, ...]:
    """What decided the state, each named once; a member that was corrected is named by its correction, last."""
    corrected = [(member, member.corrected(at)) for member, _ in present]
    said = [str(correction) for _, correction in corrected if correction is not None]
    if state is State.UNKNOWN and not any(member.critical for member, _ in present):
        return tuple(dict.fromkeys([NO_CRITICAL, *said]))
    seen = [one for one, (_, correction) in zip(present, corrected, strict=True) if correction is None]
    return tuple(dict.fromkeys([*_seen(state, seen, absent=absent, planned=planned), *said]))


def _seen(
    state: State, present: Sequence[tuple[Member, State]], *, absent: bool, planned: Sequence[MaintenanceWindow]
) -> list[str]:
    """What of all that nobody corrected is a reason for the state."""
    if state is State.UP:
        return []
    keys = [member.key for member, held in present if _decides(member, held, state=state)]
    if state is State.UNKNOWN and absent:
        return [NOT_RUNNING] if keys else []
    if state is State.MAINTENANCE:
        critical = [member.key for member, _ in present if member.critical]
        return [each.name for each in planned if any(map(each.covers, critical))] or keys
    return keys


def _decides(member: Member, held: State, *, state: State) -> bool:
    """True when this member's own state is a reason for the workflow's."""
    if member.critical:
        return held is state
    return state is State.DEGRADED and held in (State.DOWN, State.DEGRADED)


def _ratio(part: int, whole: int, result: int | None) -> str:
    return f"{_seconds(part)} / {_seconds(whole)} = {percent_text(result)}"


def _seconds(us: int) -> str:
    """Seconds with as many decimals as are needed to be exact: 85,140 s, 0.25 s."""
    whole, rest = divmod(us, 1_000_000)
    decimals = f".{rest:06}".rstrip("0") if rest else ""
    return f"{whole:,}{decimals} s"
