"""Which model, build and prompt answer a probe: a change is an event, so that a drop lines up with a silent swap. Pure.

Some names are loose: a provider answers from several builds at once, and a value that was seen within the day is no
news. Of those only what is new is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from monitor.store.queries.changes import Change
from monitor.store.rows import ChangedRow
from probes.words.text import clean
from probes.words.units import DAY, HOUR, MINUTE, say_duration

LOOSE = frozenset({"fingerprint"})
QUIET = DAY  # µs; a loose value that was seen so recently is no news
TOLD = DAY  # µs before a failure: what changed longer ago is not told with it
MOST_NAMES, MOST_VALUES, LONGEST = 8, 32, 200  # a target may answer with anything: names, loose values, characters
REMEMBERED = 8  # changes that may be told, and the most within an hour that are kept: more is no version, but noise


@dataclass(slots=True)
class Versions:
    """What a probe's answers named last, and what changed of late."""

    current: dict[str, str] = field(default_factory=dict)
    seen: dict[str, dict[str, int]] = field(default_factory=dict)  # of loose names: value to when it was last seen
    news: deque[Change] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def observe(self, found: Mapping[str, str], *, ledger: int, at: int) -> tuple[ChangedRow, ...]:
        """What an attempt that began at `at` (µs) saw; the rows that keep what is new."""
        changed = []
        for name, value in found.items():
            name, value = clean(name, LONGEST), clean(value, LONGEST)
            before = self.current.get(name, "")
            if not value or value == before or not self._takes(name) or self._is_quiet(name, value, at):
                self._see(name, value, at)
                continue
            self._see(name, value, at)
            if before and self._is_noise(at):
                continue
            self.current[name] = value
            if before:
                self.news.append(Change(ledger, at, name, before, value))
            changed.append(ChangedRow(ledger, at, name, before, value))
        return tuple(changed)

    def _takes(self, name: str) -> bool:
        return name in self.current or len(self.current) < MOST_NAMES

    def _is_quiet(self, name: str, value: str, at: int) -> bool:
        last = self.seen.get(name, {}).get(value)
        return name in LOOSE and last is not None and at - last <= QUIET

    def _is_noise(self, at: int) -> bool:
        return len(self.news) == REMEMBERED and at - self.news[0].at < HOUR

    def _see(self, name: str, value: str, at: int) -> None:
        if name not in LOOSE or not value:
            return
        seen = self.seen.setdefault(name, {})
        seen.pop(value, None)
        seen[value] = at
        while len(seen) > MOST_VALUES:
            del seen[next(iter(seen))]

    def told(self, since: int) -> tuple[str, ...]:
        """What changed within the day before a failure that began at `since` (µs), or since then, in words."""
        return tuple(f"{one.said}, {_when(one.at, since)}" for one in self.news if one.at >= since - TOLD)


def of_record(newest: Iterable[Change], recent: Iterable[Change], *, now: int) -> Versions:
    """What the record knows of one ledger: the newest change of each name, and all of the last days."""
    found = Versions()
    for one in newest:
        found.current[one.name] = one.after
        found._see(one.name, one.after, now)
    for one in recent:
        found._see(one.name, one.after, now)
        if one.before:
            found.news.append(one)
    return found


def _when(at: int, since: int) -> str:
    length = say_duration(abs(at - since) // MINUTE * MINUTE)
    if abs(at - since) < MINUTE:
        return "as it began" if at >= since else "just before"
    return f"{length} after it began" if at >= since else f"{length} before"
