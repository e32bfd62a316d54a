"""Maintenance as the page announces it: what comes again and again is one announcement, with its next time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monitor.status.model import Clock

Plan = tuple[str, int, int, str]  # subject ("" is everything), from, to before (µs), reason


def plans(rows: Sequence[Plan], titles: Mapping[str, str], clock: Clock) -> list[str]:
    """One sentence for each workflow and reason, the soonest first."""
    found: dict[tuple[str, str], list[Plan]] = {}
    for row in sorted(rows, key=lambda row: (row[1], row[2], row[0])):
        found.setdefault((row[0], row[3]), []).append(row)
    return [_said(each, titles, clock) for each in found.values()]


def _said(rows: Sequence[Plan], titles: Mapping[str, str], clock: Clock) -> str:
    subject, start, end, reason = rows[0]
    title = titles.get(subject.split("/")[0], "everything")
    more, last = len(rows) - 1, f"{clock.date(rows[-1][1]):%-d %b}"
    again = f" Again {more} times until {last}." if more > 1 else f" Again on {last}." if more else ""
    why = f" {reason.rstrip('.')}." if reason else ""
    return f"Maintenance of {title}: {clock.between(start, end)}.{why}{again}"
