"""What a configuration promises: how soon it pages, what it costs, whom nothing can wake."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.cli.forecast import forecasts, paged_within, rings, warnings
from monitor.cli.validate import run_validate
from monitor.config.catalog import Catalog
from monitor.config.load import load_text
from probes.words.units import MINUTE, SECOND
from tests.cli.target import configure

PEOPLE = """\
people: {ana: {name: Ana, phone: ["ntfy:topic"]}, ben: {name: Ben, slack: U012AB3CD}}
rotations: {front: {people: [ana, ben], starts: 2026-01-05}, one: {people: [ana]}}
channels:
  slack: {token: "${secret:S}", app_token: "${secret:S}", channel: ops}
  pagerduty: {routing_key: "${secret:S}"}
policies: {p: {levels: [{notify: [slack, ben]}, {at: 5m, notify: ["on-call:one"]}]}}
monitor: {policy: p}
workflows:
"""
SECRETS = {"S": "0123456789abcdef0123456789abcdef"}


def catalog_of(probe: str, head: str = "workflows:\n", policy: str = "") -> Catalog:
    text = f"{head}  intake: {{url: http://127.0.0.1:9, {policy} probes: {{home: {probe}}}}}\n"
    return load_text(text, secrets=SECRETS)


def paged(probe: str) -> int:
    return forecasts(catalog_of(probe))[0].paged


def test_a_hang_is_paged_after_a_period_and_a_whole_run() -> None:
    # 60 s until the next run, 3 x 10 s, and waits of 6 s and 12 s
    assert paged("{get: /, check: [{contains: x}]}") == MINUTE + 30 * SECOND + 18 * SECOND


def test_each_confirming_run_costs_another_period() -> None:
    once = paged("{get: /, check: [{contains: x}]}")
    assert paged("{get: /, confirm: 2 of 3, check: [{contains: x}]}") == once + MINUTE


def test_clean_ups_count_where_there_are_any() -> None:
    steps = "steps: [{name: a, post: /, check: [{contains: x}], capture: {b: $.b}, cleanup: {delete: '/${b}'}}]"
    assert paged(f"{{every: 5m, timeout: 10s, attempts: 1, cleanup: 7s, {steps}}}") == 5 * MINUTE + 17 * SECOND


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 60))
def test_more_of_anything_never_pages_sooner(attempts: int, confirm: int, seconds: int) -> None:
    from dataclasses import replace

    probe = next(iter(catalog_of("{get: /, check: [{contains: x}]}").probes.values()))
    less = replace(probe, attempts=attempts, confirm=(confirm, 5), timeout=timedelta(seconds=seconds))
    more = replace(less, attempts=attempts + 1, timeout=timedelta(seconds=seconds + 1))
    assert paged_within(less, MINUTE) < paged_within(more, MINUTE)
    assert paged_within(less, MINUTE) >= confirm * MINUTE + attempts * seconds * SECOND


def test_a_month_is_counted_in_runs_and_requests() -> None:
    found = forecasts(catalog_of("{get: /, check: [{contains: x}]}"))[0]
    assert (found.runs, found.costs["requests"], found.unknown) == (43_200, 43_200, frozenset())


def test_what_a_model_costs_is_not_known_before_a_run() -> None:
    text = """\
workflows:
  intake:
    url: http://127.0.0.1:9
    chat: {dialect: openai, model: m}
    probes: {talk: {ask: Hello, check: [{contains: x}]}}
"""
    found = forecasts(load_text(text))[0]
    assert found.unknown == {"tokens", "usd"}


def test_who_cannot_ring_is_named_and_so_are_pages_nobody_verifies() -> None:
    found = warnings(catalog_of("{get: /, check: [{contains: x}]}", PEOPLE, "policy: p,"))
    assert [line.partition(";")[0] for line in found] == [
        "level 1 of p has nobody who can ring at night",
        "pagerduty has no api_key: its pages count as accepted, unverified",
    ]


@pytest.mark.parametrize(
    ("target", "can"),
    [("ana", True), ("ben", False), ("on-call:front", False), ("next:one", True), ("slack", False), ("pagerduty", True),
     ("console", False), ("ntfy:ours", True)],
)  # fmt: skip
def test_what_rings_at_night(target: str, can: bool) -> None:
    assert rings(target, catalog_of("{get: /, check: [{contains: x}]}", PEOPLE, "policy: p,").book) is can


def test_it_is_drawn_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_validate(configure(tmp_path, "http://127.0.0.1:9"), as_json=False)
    drawn = capsys.readouterr().out
    home = next(line for line in drawn.splitlines() if line.startswith("home"))
    assert home.split() == ["home", "1", "min", "1", "min", "48", "s", "43,200", "43,200", "0", "0"]
    assert "Only run by hand, and page nobody: 2 probes of intake/staging." in drawn
    assert "warning: level 1 of console has nobody who can ring at night" in drawn
    assert "no problem found." in drawn
    assert max(len(line) for line in drawn.splitlines()) <= 80


def test_and_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_validate(configure(tmp_path, "http://127.0.0.1:9"), as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert {one["probe"]: one["paged"] for one in found["probes"]}["intake/production/home"] == 108.0
    assert found["month"]["runs"] == 43_200 + 8_640
