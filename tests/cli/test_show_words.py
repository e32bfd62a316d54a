"""Words on the screen that must not say more than is known: what is over, what has ended, what nobody knows."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.cli import show
from monitor.cli.show_expiries import expiries

AT = "2026-11-23T03:00:00+00:00"
OVER = {"public_id": "7K", "state": "resolved", "began": AT, "resolved_at": AT, "headline": "Recovered: Intake"}


def test_an_incident_that_is_over_still_says_what_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    open_one = {
        "public_id": "8M",
        "state": "triggered",
        "began": AT,
        "headline": "Intake is slow: 9 s",
        "sentence": "9 s",
    }
    show.incidents([OVER | {"sentence": "82 of 100 answers are right"}, open_one])
    drawn = " ".join(capsys.readouterr().out.split())
    assert "Recovered: Intake: 82 of 100 answers are right" in drawn
    assert drawn.count("9 s") == 1


def test_what_has_ended_is_counted_from_the_day_of_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    usual = {"kind": "certificate", "ends": AT, "serves": ["site/production"], "told": True}
    expiries({"expiries": [usual | {"name": "a", "days_left": -3}, usual | {"name": "b", "days_left": 0}]})
    first, second = (line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("certificate"))
    assert first[3:6] == ["2", "ago", "ended"] and second[3:5] == ["0", "today"]


def test_what_nobody_knows_is_not_called_failing(capsys: pytest.CaptureFixture[str]) -> None:
    few: dict[str, Any] = {"name": "knows", "last": {"state": "unknown", "failure": "unscored"}}
    wrong = {"name": "books", "last": {"state": "down", "failure": "wrong"}}
    shown = {"workflow": "intake", "environment": "production", "state": "down", "since": AT, "probes": [few, wrong]}
    show.status({"at": AT, "workflows": [shown]})
    drawn = capsys.readouterr().out
    assert "failing in intake: books (wrong)\n" in drawn and "not known in intake: knows (unscored)\n" in drawn


def test_the_id_of_a_run_can_be_copied_whatever_else_has_to_be_broken(capsys: pytest.CaptureFixture[str]) -> None:
    one = {
        "id": "1K14N57AJZZ0005", "started": "2026-11-26T03:10:51+00:00", "state": "unknown", "took_ms": 3,
        "failure": "contract_changed", "attempts": 3, "versions": {"model": "gpt-5-mini-2026-08-07", "version": "v12"},
    }  # fmt: skip
    show.runs([one])
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("1K14N57AJZZ0005 ") and "contract_changed" in line for line in lines)
    assert all(len(line) <= 80 for line in lines)
