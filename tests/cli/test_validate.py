"""What a configuration promises: how soon it pages, what it costs, whom nothing can wake."""

from __future__ import annotations

import asyncio
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
from monitor.sandbox.slack import SlackServer
from probes.words.errors import ConfigError, ShowupError
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


MODEL = """\
workflows:
  intake:
    url: http://127.0.0.1:9
    depends_on: [openai]
    chat: {dialect: openai, model: m, max_tokens: 999}
    probes: {talk: {ask: Help, every: 5m, check: [{contains: x}]}}
providers: {openai: {model: m, %s}}
"""
PRICED = MODEL % "price: {input: 1000, output: 1}, spend: {usd: 0.25, per: day}"


def test_what_a_model_costs_is_estimated_and_money_only_at_a_price() -> None:
    found = forecasts(load_text(MODEL % "dialect: openai"))[0]
    assert (found.costs["tokens"], found.estimated, found.unknown) == (8_640_000, {"tokens"}, {"usd"})
    found = forecasts(load_text(PRICED))[0]
    assert (round(found.costs["usd"], 6), found.estimated) == (round(8_640 * 0.001999, 6), {"tokens", "usd"})
    assert found.unknown == frozenset()


def test_what_an_agent_of_its_own_costs_is_not_known_until_it_is_said() -> None:
    chat = "chat: {post: /chat, send: {q: '${ask}'}, reply: $.a},"
    assert forecasts(catalog_of("{ask: Hi, check: [{contains: x}]}", policy=chat))[0].unknown == {"tokens", "usd"}
    said = "{ask: Hi, every: 1h, check: [{contains: x}], costs: {tokens: 900, usd: 0.01, records: 1}}"
    found = forecasts(catalog_of(said, policy=chat))[0]
    assert (found.unknown, found.estimated) == (frozenset(), frozenset())
    assert (found.costs["tokens"], found.costs["usd"], found.costs["records"]) == (648_000, pytest.approx(7.2), 720)


def test_synthetic_records_of_a_month_are_counted() -> None:
    steps = "steps: [{post: /a, check: [{contains: x}]}, {post: /b, cleanup: {delete: /b}}, {get: /c}]"
    assert forecasts(catalog_of(f"{{every: 1h, {steps}}}"))[0].costs == {"requests": 2_880, "records": 720}


def test_a_limit_that_a_day_of_probes_would_pass_is_told_with_its_numbers() -> None:
    [line] = [line for line in warnings(load_text(PRICED)) if "may be spent" in line]
    assert line.startswith("a day of probes costs ~0.58 USD at openai, and 0.25 USD may be spent there;")
    assert [line for line in warnings(load_text(PRICED.replace("0.25", "0.6"))) if "may be spent" in line] == []


def test_estimates_and_what_nobody_can_tell_are_drawn_as_such(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = PRICED.replace(
        "check: [{contains: x}]}}", "check: [{contains: x}]}, adds: {post: /, check: [{contains: x}]}}"
    )
    (tmp_path / "showup.yaml").write_text(text)
    run_validate(tmp_path / "showup.yaml", as_json=False)
    drawn = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["talk", "5", "min", "6", "min", "48", "s", "8,640", "~8,640,000", "~17.27", "0"] in drawn
    assert ["adds", "5", "min", "6", "min", "48", "s", "8,640", "0", "0", "8,640"] in drawn
    (tmp_path / "showup.yaml").write_text(MODEL % "dialect: openai")
    run_validate(tmp_path / "showup.yaml", as_json=False)
    said = " ".join(capsys.readouterr().out.split())
    assert "~8,640,000 ? 0" in said
    assert "~8,640,000 tokens; of some probes not known before a run: USD." in said


def test_who_cannot_ring_is_named_and_so_are_pages_nobody_verifies() -> None:
    found = warnings(catalog_of("{get: /, check: [{contains: x}]}", PEOPLE, "policy: p,"))
    assert [line.partition(";")[0] for line in found] == [
        "level 1 of p has nobody who can ring at night",
        "Ben takes turns in front and has nothing that rings at night",
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
    assert home.split() == ["home", "1", "min", "1", "min", "48", "s", "43,200", "0", "0", "0"]
    assert "Only run by hand, and page nobody: 2 probes of intake/staging." in drawn
    assert "warning: nobody is named, so pages are lines on the console; write people:" in drawn
    assert "no problem found." in drawn
    assert max(len(line) for line in drawn.splitlines()) <= 80


def test_and_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_validate(configure(tmp_path, "http://127.0.0.1:9"), as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert {one["probe"]: one["paged"] for one in found["probes"]}["intake/production/home"] == 108.0
    assert found["month"]["runs"] == 43_200 + 8_640


def test_a_program_is_told_each_problem_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "showup.yaml").write_text("workflows: {}\n")
    with pytest.raises(ConfigError):
        run_validate(tmp_path / "showup.yaml", as_json=True)
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["line"], problem["column"]) == (1, 12)
    assert (problem["what"], problem["write"]) == ("there is no workflow", "add workflows: with at least one")


async def test_slack_is_asked_whether_it_knows_the_people_and_the_line_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = configure(tmp_path, "http://127.0.0.1:9")
    before = file.read_text()

    def write(slack: SlackServer, person: str) -> None:
        people = f"people:\n  ana: {{name: Ana Silva, slack: {person}}}\n"
        channel = f'channels: {{slack: {{token: "${{secret:BOT}}", channel: ops, url: "{slack.client_url}"}}}}\n'
        file.write_text(f"{people}{channel}{before}")

    async with SlackServer() as slack:
        monkeypatch.setenv("BOT", slack.token)
        write(slack, "U012AB3CD")
        await asyncio.to_thread(run_validate, file, as_json=False, ask=True)
        known = "Slack knows 1 id of people given here, and each is a person's."
        assert known in capsys.readouterr().out
        await asyncio.to_thread(run_validate, file, as_json=True, ask=True)
        assert json.loads(capsys.readouterr().out)["asked"] == known
        write(slack, "U0NOBODY1")
        await asyncio.to_thread(run_validate, file, as_json=False)
        with pytest.raises(ConfigError, match=r"showup.yaml:2:\d+: Slack knows no U0NOBODY1, the id of Ana Silva"):
            await asyncio.to_thread(run_validate, file, as_json=False, ask=True)
        slack.faults.set("server-error", status=503)
        with pytest.raises(ShowupError, match="slack cannot be asked: Slack: HTTP 503"):
            await asyncio.to_thread(run_validate, file, as_json=False, ask=True)
