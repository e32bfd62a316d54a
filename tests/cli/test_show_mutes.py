"""Maintenance, mutes and events on a terminal: in their columns, and harmless whatever somebody wrote."""

from typing import Any

import pytest

from monitor.cli import show_events, show_mutes
from tests.cli.test_show import AT, NASTY, harmless, narrow

WINDOW = {"id": 1, "subject": NASTY, "from": AT, "until": AT, "state": "now", "reason": NASTY, "author": NASTY}
HELD = {"id": "INC-1", "title": NASTY, "sentence": NASTY, "over": False}
MUTE = {**WINDOW, "what": NASTY, "lifted_by": NASTY, "held": "1 incident, 1 is over", "incidents": [HELD]}
EVENT: dict[str, Any] = {
    "id": 1, "title": NASTY, "from": AT, "until": AT, "state": "now", "workflows": [NASTY], "name": NASTY,
    "plan_b": NASTY, "go": False, "checked": AT, "address": "https://example.com/event/1", "word": "STOP", "why": NASTY,
    "report": {"an hour": {"at": 1, "go": False, "probes": [{"probe": NASTY, "passed": 0, "made": 3, "why": NASTY}]}},
    "age_seconds": 3, "left_seconds": 100, "costs": {"runs": 720, "usd": 1.5, "unknown": [NASTY]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("draw", "found"),
    [
        (show_mutes.maintenance, WINDOW),
        (show_mutes.ended, {**WINDOW, "planned": True}),
        (show_mutes.maintenances, {"windows": [{**WINDOW, "recurring": NASTY}]}),
        (show_mutes.mute, MUTE),
        (show_mutes.unmute, MUTE),
        (show_mutes.mutes, {"mutes": [MUTE]}),
        (show_events.added, EVENT),
        (show_events.listed, {"events": [EVENT]}),
        (show_events.ended, EVENT),
        (show_events.screen, EVENT),
    ],
)
def test_every_drawing_keeps_its_columns_and_disarms_what_is_hostile(
    draw: Any, found: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(found)
    drawn = capsys.readouterr().out
    assert narrow(drawn)
    assert harmless(drawn)
    assert "[boldred]x[/]" in "".join(drawn.split())


def test_nothing_muted_and_no_event_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    show_mutes.mutes({"mutes": []})
    show_mutes.maintenances({"windows": []})
    show_events.listed({"events": []})
    said = capsys.readouterr().out
    assert "Nothing is muted." in said
    assert "No maintenance is announced." in said
    assert "showup event add" in said
