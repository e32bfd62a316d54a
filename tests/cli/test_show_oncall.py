"""What is drawn of who is on call: within 80 columns, and harmless."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.cli import show_oncall
from tests.cli.test_show import AT, NASTY, harmless, narrow

DAYS = [{"day": f"2026-11-{day:02}", "names": ["Ana Silva"], "handoffs": []} for day in range(26, 31)]
DAYS[1] = {"day": "2026-11-27", "names": ["Ana Silva", "Bo Ray"], "handoffs": ["09:00"]}
DAYS[2] = {"day": "2026-11-28", "names": ["Bo Ray", "nobody"], "handoffs": ["20:00"]}
DAYS[3] = {"day": "2026-11-29", "names": ["Cy", "Bo Ray", "Cy"], "handoffs": ["08:00", "20:00"]}
GAP = {"start": AT, "end": AT, "person": None, "name": "nobody", "reason": "everybody is away"}

DRAWINGS = ["oncall", "absent", "away", "swap", "imported", "back", "override", "overrides", "taken_back"]


def rotation(**more: Any) -> dict[str, Any]:
    return {"name": "Ana Silva", "until": AT, "reason": "turn 4 of the rotation", "next": "Bo Ray", "days": DAYS,
            "duties": [GAP], "zone": "UTC", "today": "2026-11-26", **more}  # fmt: skip


def drawn(capsys: pytest.CaptureFixture[str], found: Any) -> str:
    show_oncall.oncall(found)
    return capsys.readouterr().out


def test_weeks_are_drawn_from_monday_with_changes_gaps_and_today(capsys: pytest.CaptureFixture[str]) -> None:
    text = drawn(capsys, {"front": rotation()})
    assert "front  Ana Silva until " in text and "next Bo Ray" in text
    assert "W48                                [26 Nov]  27 Nov    28 Nov    29 Nov" in text
    assert "                                   Ana       >Bo 09    !nobod 20 Cy/Bo" in text
    assert "GAP  " in text and "everybody is away" in text
    assert "those of UTC" in text


@pytest.mark.parametrize("name", DRAWINGS)
def test_every_drawing_keeps_its_columns_and_disarms_what_is_hostile(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one = {"id": 7, "person": NASTY, "name": NASTY, "from": AT, "until": AT, "reason": NASTY, "source": NASTY,
           "rotation": NASTY, "author": NASTY, "then": NASTY}  # fmt: skip
    day = {"day": "2026-11-26", "names": [NASTY], "handoffs": [NASTY]}
    given: dict[str, Any] = {
        "oncall": {NASTY: rotation(name=NASTY, next=NASTY, reason=NASTY, zone=NASTY, days=[day])},
        "absent": [one],
        "away": {**one, "stand_ins": [{**one, "rotation": NASTY, "start": AT, "end": AT}], "owns": [NASTY] * 9,
                 "endings": [{"kind": NASTY, "name": NASTY, "ends": AT}], "events": [{"title": NASTY, "from": AT}],
                 "unrehearsed": [NASTY]},
        "swap": {"rotation": NASTY, "turns": [one]},
        "imported": {"person": NASTY, "events": 3, "changed": 2},
        "back": one,
        "override": one,
        "overrides": [one],
        "taken_back": one,
    }  # fmt: skip
    getattr(show_oncall, name)(given[name])
    text = capsys.readouterr().out
    assert harmless(text) and narrow(text)


def test_nothing_is_said_to_be_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert "There is no rotation" in drawn(capsys, {})
    show_oncall.absent([])
    assert "Nobody is away" in capsys.readouterr().out


def test_what_somebody_takes_over_is_listed_by_the_number_that_takes_it_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    one = {"id": 3, "rotation": "front", "person": "bo", "name": "Bo Ray", "from": AT, "until": AT,
           "reason": "a wedding", "author": "Ana Silva"}  # fmt: skip
    show_oncall.overrides([])
    assert capsys.readouterr().out == "Nobody takes over anything.\n"
    show_oncall.overrides([one])
    line = capsys.readouterr().out
    said = " ".join(line.split())
    assert said.startswith("3 Bo Ray 2026-") and said.endswith(": a wedding (rotation front, author Ana Silva)")
    show_oncall.override(one)
    assert "(number 3)" in capsys.readouterr().out
    show_oncall.taken_back({**one, "then": "Ana Silva"})
    assert ": Ana Silva is on call instead." in " ".join(capsys.readouterr().out.split())
    show_oncall.taken_back({**one, "then": "Bo Ray"})
    assert "Bo Ray is on call all the same." in " ".join(capsys.readouterr().out.split())
