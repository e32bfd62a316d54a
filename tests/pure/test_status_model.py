"""Sentences and lengths on the page."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.message import IncidentView
from monitor.ledger.uptime import Day, Shares, figures
from monitor.status.bars import bar, say, strip, summary
from monitor.status.lengths import length, sentence, speed, window
from monitor.status.model import Clock, figure, headline, incident, moments
from probes.words.outcome import State
from probes.words.units import HOUR, MINUTE, SECOND
from tests.story.watch import MIDNIGHT

UP, SLOW, DOWN, PLAN, GAP = State.UP, State.DEGRADED, State.DOWN, State.MAINTENANCE, State.UNKNOWN
CLOCK = Clock("America/New_York", MIDNIGHT + 18 * HOUR)


@pytest.mark.parametrize(
    ("states", "sentence"),
    [
        ([], "Nothing is watched yet."),
        ([UP], "Intake agent is working."),
        ([UP, UP], "Both workflows are working."),
        ([UP] * 14, "All 14 workflows are working."),
        ([DOWN], "Intake agent is down."),
        ([DOWN, UP, UP], "One workflow is down. Two are working."),
        ([DOWN, DOWN, SLOW, UP], "Two workflows are down. One is degraded. One is working."),
        ([PLAN, UP], "One workflow is in maintenance. One is working."),
        ([GAP], "We do not know: nothing was seen yet, or lately."),
        ([GAP, UP], "One workflow was not seen lately. One is working."),
    ],
)
def test_the_headline_says_it_as_one_would_to_a_customer(states: list[State], sentence: str) -> None:
    assert headline(states, ["Intake agent"] * len(states)) == sentence


@given(st.lists(st.sampled_from([UP, SLOW, DOWN, PLAN, GAP]), min_size=1, max_size=20))
def test_no_headline_is_better_than_its_worst_workflow(states: list[State]) -> None:
    said = headline(states, ["X"] * len(states))
    assert (" down." in said) == (DOWN in states)
    assert said.startswith("All") <= (len(set(states)) == 1)


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (-1, "0 s"),
        (38 * SECOND, "38 s"),
        (103 * SECOND, "1 min 43 s"),
        (10 * MINUTE + 30 * SECOND, "10 min"),
        (2 * HOUR + 5 * MINUTE, "2 h 5 min"),
        (76 * HOUR, "3 d 4 h"),
    ],
)
def test_lengths_are_for_people(micros: int, text: str) -> None:
    assert length(micros) == text


def test_windows_speeds_and_zones_are_for_people_too() -> None:
    assert [window(720 * HOUR), window(24 * HOUR), window(12 * HOUR)] == ["30 days", "1 d", "12 h"]
    assert [speed(1_430_000), speed(12_400), speed(90)] == ["1.4 s", "12 ms", "1 ms"]
    winter, summer = MIDNIGHT, MIDNIGHT - 150 * 24 * HOUR
    assert [CLOCK.zone(winter), CLOCK.zone(summer)] == ["EST", "EDT"]
    assert Clock("America/Sao_Paulo", MIDNIGHT).zone(MIDNIGHT) == "UTC-03"


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ("", ""),
        ('$.time should equal "10:00", got "22:00"', '$.time should equal "10:00", got "22:00".'),
        ('reply should contain "8", got "When we are open."', 'reply should contain "8", got "When we are open."'),
        ("no answer", "no answer."),
    ],
)
def test_what_was_seen_ends_with_one_full_stop(seen: str, said: str) -> None:
    assert sentence(seen) == said


def seen(**more: int | str) -> IncidentView:
    began = MIDNIGHT + 17 * HOUR
    given_: dict[str, object] = {
        "public_id": "A1", "subject": "intake/production", "title": "Intake agent", "headline": "",
        "state": "triggered", "severity": "critical", "failure": "timeout",
        "began": began, "opened": began + 40 * SECOND, "acked_by": "Ana",
    }  # fmt: skip
    return IncidentView(**(given_ | more))  # type: ignore[arg-type]


def test_the_public_reads_our_words_for_what_happened_and_not_what_a_target_said() -> None:
    refused = incident(seen(failure="unreachable", sentence="10.1.2.3:8080 refused <b>"), CLOCK, MIDNIGHT + 18 * HOUR)
    assert refused.title == "Intake agent cannot be reached"
    assert refused.sentence == "No connection could be made."
    odd = incident(seen(failure="", sentence="10.1.2.3"), CLOCK, MIDNIGHT + 18 * HOUR)
    assert (odd.title, odd.sentence) == ("Intake agent has a problem", "")


def test_four_times_in_the_site_s_zone() -> None:
    began = MIDNIGHT + 17 * HOUR
    over = seen(paged_at=began + 41 * SECOND, acked_at=began + 161 * SECOND, resolved_at=began + HOUR, state="resolved")
    assert [(one.label, one.time, one.detail) for one in moments(over, CLOCK)] == [
        ("Noticed", "12:00:40", "40 s after it began"),
        ("Paged", "12:00:41", "the person on call"),
        ("Answered", "12:02:41", "after 2 min"),
        ("Recovered", "13:00:00", "after 1 h"),
    ]


def test_what_has_not_happened_says_so_and_what_need_not_happen_too() -> None:
    assert [one.detail for one in moments(seen(), CLOCK)][1:] == ["not yet", "not yet", "not yet"]
    quiet = moments(seen(severity="warning"), CLOCK)
    assert [one.detail for one in quiet][1:] == ["nobody had to be", "nobody has to", "not yet"]
    assert [one.reached for one in moments(seen(), CLOCK)] == [True, False, False, False]


def test_an_incident_is_told_in_the_present_then_in_the_past_and_never_says_who() -> None:
    now = MIDNIGHT + 18 * HOUR
    assert incident(seen(), CLOCK, now).title == "Intake agent does not answer in time"
    part = incident(seen(resolved_at=now), CLOCK, now)
    assert (part.title, part.length) == ("Intake agent did not answer in time", "1 h")
    assert "Ana" not in repr(part)
    assert incident(seen(failure="made up"), CLOCK, now).title == "Intake agent has a problem"


def test_yesterday_is_shown_with_its_date() -> None:
    assert CLOCK(MIDNIGHT - 20 * HOUR) == "30 Dec 23:00"
    assert CLOCK(MIDNIGHT + 15 * HOUR) == "10:00:00"


def test_no_data_is_never_a_percentage() -> None:
    day = 24 * HOUR
    assert figure("24 h", figures(Shares(unknown=day))).text == "no data"
    assert figure("24 h", figures(Shares(up=HOUR, unknown=23 * HOUR))).text == "not enough data"
    assert figure("24 h", figures(Shares(maintenance=day))).text == "no data"
    assert "%" not in say(Day(date(2030, 1, 1), Shares(unknown=day), GAP))


def test_a_minute_down_is_seen_in_a_day_and_never_rounds_to_a_hundred() -> None:
    day = Day(date(2030, 1, 1), Shares(up=24 * HOUR - MINUTE, down=MINUTE), DOWN)
    assert 'class="down"' in bar(0, day)
    assert say(day) == "1 Jan 2030: 99.930 %, down 1 min"


@given(st.lists(st.none() | st.builds(Shares, *[st.integers(0, 24 * HOUR)] * 5), min_size=1, max_size=90))
def test_every_strip_stays_within_its_frame(days: list[Shares | None]) -> None:
    drawn = strip([Day(date(2030, 1, 1), shares, None) for shares in days])
    assert drawn.count("<title>") == len(days)
    assert "-" not in "".join(part.split('"')[0] for part in drawn.split('height="')[1:])
    assert summary([Day(date(2030, 1, 1), shares, None) for shares in days]) in drawn
