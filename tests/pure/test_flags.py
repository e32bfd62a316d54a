"""When there are too many flagged answers, when there are few again, and what is taken of what was said."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.catalog import Flags
from monitor.engine.flags import KEY, LONGEST, calm, over, read_said
from monitor.store.queries.flags import Said
from probes.words.units import HOUR, MINUTE
from tests.story.watch import MIDNIGHT

RULE = Flags(above=3, within=timedelta(hours=1))


def said(**given_: object) -> Said:
    return read_said(given_, source="app", at=MIDNIGHT, hide=lambda text: text.replace("s3cret", "[secret]"))


def test_the_fourth_within_the_hour_is_one_too_many() -> None:
    times = [MIDNIGHT + number * 10 * MINUTE for number in range(4)]
    assert [over(times[: count + 1], RULE, times[count]) for count in range(4)] == [False, False, False, True]
    assert not over(times, RULE, times[0] + HOUR + MINUTE)


def test_it_is_calm_when_it_has_been_for_as_long_as_is_counted() -> None:
    times = [MIDNIGHT + number * MINUTE for number in range(4)]
    quiet_from = times[0] + HOUR  # from here on three count
    assert not calm(times, RULE, quiet_from + HOUR - MINUTE)
    assert calm(times, RULE, quiet_from + HOUR + MINUTE)
    assert calm([], RULE, MIDNIGHT)


@given(st.lists(st.integers(0, 6 * HOUR), max_size=30).map(sorted), st.integers(0, 8 * HOUR), st.integers(0, 8))
def test_what_is_calm_is_not_over_now_nor_was_it_in_the_time_before(times: list[int], now: int, above: int) -> None:
    rule = Flags(above=above, within=timedelta(hours=1))
    moments = [now - HOUR, *(at for at in times if now - HOUR <= at <= now), now]
    assert calm(times, rule, now) is not any(over(times, rule, at) for at in moments)


def test_texts_are_cut_cleaned_and_hold_no_secret() -> None:
    found = said(asked="a\x1b[31m\u202eb s3cret", answered="x" * 9_000, author=" Ana\n", key="k" * 300)
    assert found.asked == "a[31mb [secret]"
    assert (len(found.answered), len(found.key), found.author) == (LONGEST["answered"], KEY, "Ana")


def test_what_an_app_sends_may_be_data() -> None:
    found = said(asked=["a", {"b": 1}], expected={"total": 12.5}, answered=None, comment=3)
    assert (found.asked, found.expected) == ('["a", {"b": 1}]', '{"total": 12.5}')
    assert (found.answered, found.comment) == ("", "3")


@pytest.mark.parametrize(
    ("given_", "what"),
    [
        ({}, "nothing is said; write asked, answered or comment"),
        ({"expected": "9"}, "nothing is said; write asked, answered or comment"),
        ({"askd": "x"}, "unknown field 'askd'; write asked, answered, expected, comment, author or key"),
    ],
)
def test_a_wrong_flag_is_told_what_to_write(given_: dict[str, str], what: str) -> None:
    with pytest.raises(ValueError, match="^" + what.replace("?", "\\?") + "$"):
        said(**given_)


def test_without_a_key_the_same_words_count_once_in_ten_minutes() -> None:
    assert said(asked="x").key == said(asked="x").key
    assert said(asked="x").key != said(asked="y").key
    later = read_said({"asked": "x"}, source="app", at=MIDNIGHT + 10 * MINUTE, hide=str)
    assert later.key != said(asked="x").key
