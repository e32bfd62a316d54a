"""The one word for whoever presents: GO, CAREFUL or STOP, with its reason. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from alerts.occasions import ends
from alerts.tables import Occasion
from monitor.engine.confirm import Level
from monitor.engine.events import PERIOD, hastens
from monitor.engine.track import Track
from probes.words.outcome import State
from probes.words.text import clean
from probes.words.units import SECOND, micros_of

GO, CAREFUL, STOP, SOON, OVER = "GO", "CAREFUL", "STOP", "NOT YET", "OVER"
_RANK = (GO, CAREFUL, STOP)


@dataclass(frozen=True, slots=True)
class View:
    """What the screen shows: `age` of the oldest newest run and `left`, until it ends or begins, in seconds; `parts`
    are (workflow, word, why)."""

    word: str
    why: str
    age: int | None
    left: int
    parts: Sequence[tuple[str, str, str]]


def view_of(
    row: Occasion,
    tracks: Iterable[Track],
    failing: Collection[str],
    *,
    now: int,
    paused: Collection[str] = (),
    titles: Mapping[str, str] = MappingProxyType({}),
) -> View:
    """The word of an event at `now`: `failing` are the subjects with an open incident that pages."""
    mine = [track for track in tracks if track.probe.scheduled]
    found = [_place(place, [one for one in mine if one.probe.subject == place], failing, now=now, paused=paused)
             for place in row.workflows]  # fmt: skip
    found = [(titles.get(name, name), word, why) for name, word, why in found]
    hastened = [one for one in mine if hastens(one.probe) and one.last is not None]
    oldest = min((one.last.started for one in hastened if one.last is not None), default=None)
    age = (now - oldest) // SECOND if oldest is not None else None
    end = ends(row)
    if now >= end:
        return View(OVER, "the event is over", age, 0, found)
    worst = max(found, key=lambda part: _RANK.index(part[1]), default=("", CAREFUL, "it is about no workflow"))
    if now < row.start:
        left = (row.start - now) // SECOND
        said = "all is well so far" if worst[1] == GO else f"{worst[0]}: {worst[2]}"
        return View(SOON if worst[1] == GO else worst[1], said, age, left, found)
    why = "everything passes" if worst[1] == GO else f"{worst[0]}: {worst[2]}"
    return View(worst[1], why, age, (end - now) // SECOND, found)


def _place(
    place: str, tracks: Sequence[Track], failing: Collection[str], *, now: int, paused: Collection[str]
) -> tuple[str, str, str]:
    bad = [one for one in tracks if one.last is not None and one.last.state is State.DOWN]
    if place in failing or any(one.progress.open is Level.FAIL and one.probe.critical for one in tracks):
        why = next((_said(one) for one in bad), "an incident is open")
        return place, STOP, why
    if bad:
        word = STOP if any(one.probe.critical for one in bad) else CAREFUL
        return place, word, _said(bad[0])
    if not tracks:
        return place, CAREFUL, "nothing is known: the daemon does not watch it"
    for one in tracks:
        why = _doubt(one, now, paused)
        if why:
            return place, CAREFUL, why
    return place, GO, "passes"


def _doubt(track: Track, now: int, paused: Collection[str]) -> str:
    """Why a probe that does not fail is no GO, "" when it is one."""
    name, last = track.probe.name, track.last
    if track.probe.id in paused:
        return f"{name} is paused"
    if last is None:
        return f"{name} has not run yet"
    if last.state is not State.UP:
        return _said(track)
    late = track.cadence.period if not hastens(track.probe) else min(track.cadence.period, PERIOD)
    if track.probe.heartbeat is None and now - last.started > 3 * late + micros_of(track.probe.timeout):
        return f"{name} ran last {(now - last.started) // SECOND} s ago"
    return ""


def _said(track: Track) -> str:
    last = track.last
    return clean(f"{track.probe.name}: {last.sentence or last.failure or last.state}", 160) if last is not None else ""
