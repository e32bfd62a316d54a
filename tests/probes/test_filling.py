"""`${…}`: parsed once, filled in for each attempt; what was never captured is never filled in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.bench import Bench, timeouts
from probes.context import Context
from probes.dates import day_of, shift_date, shift_time
from probes.journal import Journal
from probes.kinds.filling import fill, fillable, needs, parse
from probes.records import NotCaptured, Stop
from probes.target import Target
from probes.tools import Timeouts
from probes.words.errors import ProbeBug
from tests.probes.stage import AT


def context(captured: dict[str, Any] | None = None, *, zone: str = "") -> Context:
    journal = Journal(started=0.0, fallback="p")
    journal.captured.update(captured or {})
    target = Target.of({"url": "http://127.0.0.1:9"})
    bench = Bench(target, run_id="R", attempt=1, deadline=0.0, record=journal.recorded, base=Timeouts())
    return Context(journal, bench, run_id="R", at=AT, zone=zone, secrets={"KEY": "sesame"})


@pytest.mark.parametrize(
    ("written", "filled"),
    [
        ("${date}", "2025-11-24"),
        ("${date+30d}", "2025-12-24"),
        ("${ date + 1w }", "2025-12-01"),
        ("${date+5wd}", "2025-12-01"),
        ("${date-1wd}", "2025-11-21"),
        ("on ${date+1d:%A %d %B}", "on Tuesday 25 November"),
        ("${now}", "2025-11-24T16:00:00Z"),
        ("${now-1h30m}", "2025-11-24T14:30:00Z"),
        ("Test ${run_id}", "Test R"),
        ("${secret:KEY}!", "sesame!"),
        ("${name} and ${name}", "Ada and Ada"),
        ("$${name} costs $5", "${name} costs $5"),
        ("${number}${flag}${list}", '7true[1,"é"]'),
    ],
)
def test_holes_are_filled(written: str, filled: str) -> None:
    ctx = context({"name": "Ada", "number": 7, "flag": True, "list": [1, "é"]})
    template = parse(written)
    assert template is not None and template.text(ctx) == filled


def test_a_hole_alone_keeps_the_kind_of_its_value() -> None:
    ctx = context({"number": 7, "list": [1]})
    made = fillable({"n": "${number}", "l": ["${list}", "${number}x"], "plain": {"a": 1}})
    assert fill(made, ctx) == {"n": 7, "l": [[1], "7x"], "plain": {"a": 1}}
    untouched = {"a": [1, "b"]}
    assert fillable(untouched) is untouched


@pytest.mark.parametrize(
    "written", ["${env:HOME}", "${ENV.X}", "${secret}", "${secret:}", "${a b}", "${", "${date+1x}", "${now+x}", "${1}"]
)
def test_what_means_nothing_is_refused_when_it_is_parsed(written: str) -> None:
    with pytest.raises(ValueError, match=r"write|secret"):
        parse(written)


def test_a_value_that_was_never_captured_is_never_filled_in() -> None:
    template = parse("/a/${nothing}")
    assert template is not None and template.captured() == {"nothing"}
    for way in (template.text, template.address, template.value):
        with pytest.raises(NotCaptured, match="nothing was captured as nothing"):
            way(context())


def test_a_secret_that_was_not_handed_over_is_a_bug() -> None:
    template = parse("${secret:OTHER}")
    with pytest.raises(ProbeBug, match="OTHER was not handed over"):
        assert template is not None and template.text(context())


names = st.sampled_from(["one", "two", "three"])
pieces = st.text(alphabet="ab/?=&. é", max_size=6) | names.map("${{{}}}".format)
values = st.text(max_size=12) | st.integers() | st.booleans() | st.none() | st.lists(st.integers(), max_size=2)


@given(st.lists(pieces, max_size=6).map("".join), st.dictionaries(names, values))
def test_no_template_leaks_a_name_or_lets_a_value_change_the_address(written: str, captured: dict[str, Any]) -> None:
    template = parse("/" + written)
    wanted = needs(written)
    if template is None:
        assert not wanted
        return
    try:
        made = template.address(context(captured))
    except NotCaptured as missing:
        assert missing.name in wanted - set(captured)
        return
    except Stop:
        met = [captured[name] for name in wanted & set(captured)]
        assert any(value is None or isinstance(value, list) or str(value).strip() in ("", ".", "..") for value in met)
        return
    assert wanted <= set(captured)
    assert "${" not in made
    # between the author's own pieces nothing appears that could end a segment, begin a query or a fragment
    own = "".join(part for part in template.parts if isinstance(part, str))
    for sign in "/?#&":
        assert made.count(sign) == own.count(sign)


@given(st.text(min_size=1, max_size=20).filter(lambda text: text.strip() not in ("", ".", "..")))
def test_an_encoded_value_is_the_same_value_at_the_other_end(text: str) -> None:
    whole = text.encode("utf-8", "replace").decode()  # half a surrogate pair is no text
    assert unquote(context().encode(text)) == whole


def test_dates_move_by_days_weeks_and_weekdays() -> None:
    friday = date(2026, 11, 27)
    assert shift_date(friday, "+1wd") == date(2026, 11, 30)
    assert shift_date(friday, "-5wd") == date(2026, 11, 20)
    assert shift_date(date(2026, 11, 28), "+0wd") == date(2026, 11, 30)
    assert shift_date(friday, "-2w") == date(2026, 11, 13)
    assert shift_time(datetime(2026, 3, 1, tzinfo=UTC), "+1h30m") == datetime(2026, 3, 1, 1, 30, tzinfo=UTC)
    late = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
    assert (day_of(late, ""), day_of(late, "America/New_York")) == (date(2026, 11, 24), date(2026, 11, 23))


@given(st.dates(date(2000, 1, 1), date(2090, 1, 1)), st.integers(0, 400))
def test_weekdays_ahead_are_weekdays_and_in_order(day: date, count: int) -> None:
    there = shift_date(day, f"+{count}wd")
    assert there.weekday() < 5 and there >= day
    passed = sum((day + timedelta(days=number)).weekday() < 5 for number in range(1, (there - day).days + 1))
    assert passed == max(count, 0 if day.weekday() < 5 else 1)


def test_limits_of_a_request_lie_over_those_of_the_probe() -> None:
    base = Timeouts(connect=2.0, total=20.0)
    assert timeouts(base, None) is base
    assert timeouts(base, "1.5s") == Timeouts(connect=2.0, total=1.5)
    assert timeouts(base, {"first_token": 4, "connect": timedelta(seconds=1)}) == Timeouts(1.0, None, 4.0, None, 20.0)
    with pytest.raises(ValueError, match="no part 'conect'"):
        timeouts(base, {"conect": 1})
