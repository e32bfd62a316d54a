"""What showup must say about itself: probes that do not start, and probes of which nothing is known. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from alerts.signal import Condition, Severity, Signal
from monitor.config.catalog import Catalog
from monitor.engine import signals
from monitor.engine.track import Track
from probes.words.units import DAY, MINUTE, say_duration

BLIND_AFTER = 15 * MINUTE
BLIND_PAGES_AFTER = DAY
NOT_STARTED, BLIND = "not-started ", "blind "  # each followed by a probe's id
SPENT = "spend "  # followed by the name of an account
JUDGE = "judge "  # followed by a provider and its model
CUT_OFF = "network"  # our own: everything that ran since met it
MEMBERS = (NOT_STARTED, BLIND, SPENT, JUDGE, "clock ", "disk ", CUT_OFF)  # how the names of what is told here begin


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing the owner is to be told: `member` names it within the monitor's own incident."""

    member: str
    since: int
    sentence: str
    severity: Severity


def overdue_after(period: int) -> int:
    """How long without a start is too long, µs: min(3P, P + 15 min)."""
    return min(3 * period, period + BLIND_AFTER)


def blind_after(period: int) -> int:
    """How long without knowledge is too long, µs: max(15 min, 3P)."""
    return max(BLIND_AFTER, 3 * period)


def look(tracks: Iterable[Track], *, now: int, began: int, paused: frozenset[str] = frozenset()) -> list[Trouble]:
    """What is wrong at `now`; the keeper has been watching since `began`. Paused probes are not expected to start."""
    tracks = list(tracks)
    found: list[Trouble] = []
    alone = cut_off(tracks)
    if alone is not None and now - alone > BLIND_AFTER:
        length = say_duration((now - alone) // MINUTE * MINUTE)
        sentence = f"we are blind: our own network has reached nobody for {length}, nothing is known of any workflow"
        found.append(Trouble(CUT_OFF, alone, sentence, Severity.ERROR))
    for track in tracks:
        probe, period = track.probe, track.cadence.period
        if not probe.scheduled or not probe.enabled or probe.id in paused or probe.heartbeat is not None:
            continue
        quiet = now - max(track.last_start, began)
        if quiet > overdue_after(period):
            sentence = f"{probe.id} has not started for {say_duration(quiet // 1_000_000 * 1_000_000)}"
            found.append(Trouble(f"{NOT_STARTED}{probe.id}", now - quiet, sentence, Severity.ERROR))
        elif alone is not None and _met_network(track):
            continue  # one page for all of them
        elif track.unknown_since and now - track.unknown_since > blind_after(period):
            found.append(_blind(track, now))
    return found


def cut_off(tracks: Iterable[Track]) -> int | None:
    """Since when (µs) our own network has been all that any run met; None when something was reached later."""
    ran = [track for track in tracks if track.last is not None]
    lost = [track for track in ran if _met_network(track)]
    if not lost:
        return None
    reached = max((_start(track) for track in ran if not _met_network(track)), default=0)
    return max(reached, min(track.unknown_since for track in lost)) if reached < max(map(_start, lost)) else None


def _start(track: Track) -> int:
    return track.last.started if track.last is not None else 0


def _met_network(track: Track) -> bool:
    return bool(track.unknown_since) and track.last is not None and track.last.blame == "network"


def of_clock(behind: int, *, now: int) -> list[Trouble]:
    """The machine's clock was set back by `behind` µs and is not followed: the owner is to set it right."""
    if behind <= 0:
        return []
    sentence = f"the machine's clock is {say_duration(behind // 1_000_000 * 1_000_000)} behind and is not followed"
    return [Trouble("clock set-back", now, sentence, Severity.WARNING)]


def of_disk(*, short: bool, now: int) -> list[Trouble]:
    """The ballast was dropped or does not fit: the disk is nearly full."""
    return [Trouble("disk full", now, "the disk is nearly full: make room", Severity.ERROR)] if short else []


def of_spending(troubles: Mapping[str, str], *, now: int) -> list[Trouble]:
    """Accounts (by name) whose day is used up, and why: their probes see less, or nothing."""
    return [
        Trouble(f"{SPENT}{name}", now, f"{why}: probes that depend on it see less until 00:00 UTC", Severity.WARNING)
        for name, why in troubles.items()
    ]


def of_judges(broken: Mapping[str, str], *, now: int) -> list[Trouble]:
    """Judges that fail their own samples, and how: what they should judge is unscored meanwhile."""
    said = {name: f"the judge {name} is broken: {why}; what it judges is unscored" for name, why in broken.items()}
    return [Trouble(f"{JUDGE}{name}", now, sentence, Severity.WARNING) for name, sentence in said.items()]


def _blind(track: Track, now: int) -> Trouble:
    length = now - track.unknown_since
    why = track.last.sentence if track.last else ""
    sentence = f"{track.probe.id} has told us nothing for {say_duration(length // MINUTE * MINUTE)}: {why}"
    severity = Severity.ERROR if length > BLIND_PAGES_AFTER else Severity.WARNING
    return Trouble(f"{BLIND}{track.probe.id}", track.unknown_since, sentence, severity)


def unproven(
    told: Iterable[str],
    tracks: Mapping[str, Track],
    *,
    began: int,
    paused: frozenset[str] = frozenset(),
    heard: Collection[str] = (),
    unasked: Collection[str] = (),
) -> frozenset[str]:
    """What was told and may not be taken back yet: since the keeper came up (`began`) nothing shows that it is over.
    `heard` are the judges that were tried since, `unasked` the accounts of which nothing was wanted.
    """
    found = []
    for member in told:
        if member == CUT_OFF and all(_met_network(one) for one in tracks.values() if one.last_start >= began):
            found.append(member)
        if member.startswith(SPENT) and member.removeprefix(SPENT) in unasked:
            found.append(member)
        if member.startswith(JUDGE) and member.removeprefix(JUDGE) not in heard:
            found.append(member)
        track = tracks.get(member.partition(" ")[2])
        if track is None or track.probe.id in paused or track.probe.heartbeat is not None:
            continue
        silent = track.last_start < began
        if (member.startswith(NOT_STARTED) and silent) or (member.startswith(BLIND) and track.unknown_since):
            found.append(member)
    return frozenset(found)


def changes(
    catalog: Catalog,
    troubles: Iterable[Trouble],
    told: Mapping[str, Severity],
    *,
    now: int,
    unproven: frozenset[str] = frozenset(),
) -> tuple[list[Signal], dict[str, Severity]]:
    """The signals that bring what was `told` in line with what is wrong, and what is told after them."""
    after: dict[str, Severity] = {member: severity for member, severity in told.items() if member in unproven}
    found: list[Signal] = []
    for trouble in troubles:
        after[trouble.member] = trouble.severity
        before = told.get(trouble.member)
        if before is trouble.severity:
            continue
        condition = Condition.FAILING if before is None else Condition.CHANGED
        found.append(
            signals.of_monitor(
                catalog,
                trouble.member,
                condition,
                at=now,
                since=trouble.since,
                sentence=trouble.sentence,
                severity=trouble.severity,
            )
        )
    for member in told.keys() - after.keys():
        what = "our own network reaches others and everything" if member == CUT_OFF else member.partition(" ")[2]
        sentence = f"{what or member} is watched again"
        found.append(signals.of_monitor(catalog, member, Condition.PASSING, at=now, since=now, sentence=sentence))
    return found, after
