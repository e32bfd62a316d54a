"""Figures of a workflow that is younger than the window they are asked for."""

from __future__ import annotations

from monitor.ledger.spans import Span
from monitor.ledger.workflow import Member
from monitor.status.history import Record
from probes.words.outcome import State
from probes.words.units import DAY, HOUR

PLACE = ("intake", "production")
NOW = 100 * DAY


def test_a_window_begins_at_the_first_run_so_that_a_young_workflow_is_not_called_unwatched() -> None:
    first = NOW - 2 * HOUR
    seen = [Span(first, NOW - HOUR, State.UP), Span(NOW - HOUR, NOW, State.DOWN)]
    record = Record(
        window=(NOW - 30 * DAY, NOW),
        members={PLACE: [Member("books", seen, critical=True, since=first)]},
        away=[],
        maintenance=[],
        since={PLACE: first},
        ledgers={},
        newest={},
        names={},
    )
    month = record.figures(PLACE, NOW - 30 * DAY)
    assert (month.uptime, month.coverage, month.enough) == (50_000, 100_000, True)
    assert record.figures(PLACE, NOW - HOUR).uptime == 0, "a window that begins later begins where it says"
    assert record.figures(("site", "production"), NOW - DAY).uptime is None
