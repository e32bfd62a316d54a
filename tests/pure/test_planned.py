"""What the page announces: each reason once, however often it comes again."""

from __future__ import annotations

from monitor.status.model import Clock
from monitor.status.planned import Plan, plans
from probes.words.units import DAY, HOUR
from tests.pure.test_rotation import at

START = at(2026, 11, 27, 2)
CLOCK = Clock("UTC", at(2026, 11, 26, 12))


def nights(number: int, subject: str = "intake/production", reason: str = "Nightly backup") -> list[Plan]:
    return [(subject, START + each * DAY, START + each * DAY + HOUR, reason) for each in range(number)]


def test_what_comes_each_night_is_announced_once() -> None:
    assert plans(nights(7), {"intake": "Intake agent"}, CLOCK) == [
        "Maintenance of Intake agent: 27 Nov 2026, 02:00 to 03:00. Nightly backup. Again 6 times until 3 Dec."
    ]
    assert plans(nights(2), {"intake": "Intake agent"}, CLOCK)[0].endswith("Nightly backup. Again on 28 Nov.")


def test_other_reasons_and_other_workflows_stand_for_themselves_the_soonest_first() -> None:
    move = ("", START - HOUR, START, "We move.")
    found = plans([*nights(2), move, *nights(1, "books/production", "")], {"intake": "Intake", "books": "Books"}, CLOCK)
    assert found == [
        "Maintenance of everything: 27 Nov 2026, 01:00 to 02:00. We move.",
        "Maintenance of Books: 27 Nov 2026, 02:00 to 03:00.",
        "Maintenance of Intake: 27 Nov 2026, 02:00 to 03:00. Nightly backup. Again on 28 Nov.",
    ]
