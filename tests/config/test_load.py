"""From files to a catalog: what stands in them, what is implied, and where they are looked for."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from alerts.signal import Severity
from monitor.config.catalog import Catalog
from monitor.config.load import load, load_text
from monitor.config.secrets import Secrets
from probes.words.errors import ConfigError

ROOT = Path(__file__).parents[2]
SMALLEST = 'workflows: {site: {url: "https://x.example", probes: {home: {get: /, check: [{contains: Book online}]}}}}\n'
NAMED = (
    "SLACK_BOT",
    "SLACK_APP",
    "PD_ROUTING",
    "PD_API",
    "FIRST_PUSH",
    "SECOND_NTFY",
    "OPENAI",
    "STAGING",
    "NORTHSIDE",
)
SECRETS = {name: f"{name.lower()}-0123456789" for name in NAMED}
PAIR = "{production: 'https://x.example', staging: {url: 'https://y.example', %s}}"


def site(
    keys: str, *, probe: str = "{get: /, check: [{contains: x}]}", head: str = "", folder: Path = ROOT / "none"
) -> Catalog:
    return load_text(f"{head}\nworkflows: {{site: {{{keys}, probes: {{home: {probe}}}}}}}\n", folder=folder)


def test_the_smallest_file_watches_a_page() -> None:
    catalog = load_text(SMALLEST, folder=ROOT / "none")
    (probe,) = catalog.probes.values()
    assert (probe.id, probe.kind, probe.title, probe.every) == (
        "site/production/home",
        "http",
        "Home",
        timedelta(minutes=1),
    )
    assert (probe.timeout, probe.attempts, probe.confirm, probe.recover) == (timedelta(seconds=10), 3, (1, 1), 2)
    assert (probe.severity, probe.critical, probe.scheduled, probe.idempotent) == (Severity.CRITICAL, True, True, True)
    assert (probe.timezone, probe.policy, catalog.monitor_policy) == ("UTC", "console", "console")
    assert catalog.book.policies["console"].levels[0].notify == ("console",)
    assert list(catalog.book.channels) == ["console"]
    assert catalog.workflows["site"].title == "Site"
    assert catalog.warnings == ()


def test_times_of_a_job_without_a_clock_are_told_in_the_zone_of_the_site() -> None:
    jobs = "imports: {heartbeat: 1h}, nightly: {cron: 0 3 * * *, grace: 1h}, own: {heartbeat: 1h, timezone: Asia/Tokyo}"
    catalog = load_text(f"site: {{timezone: Europe/Berlin}}\nworkflows: {{office: {{probes: {{{jobs}}}}}}}")
    zones = {probe.name: probe.timezone for probe in catalog.probes.values()}
    assert zones == {"imports": "Europe/Berlin", "nightly": "UTC", "own": "Asia/Tokyo"}


def test_the_long_example_holds_as_it_stands() -> None:
    catalog = load(ROOT / "examples" / "showup.yaml", secrets=Secrets(SECRETS))
    workflow = catalog.workflows["northside-intake"]
    assert sorted(catalog.probes) == [
        "northside-intake/production/books-a-cleaning",
        "northside-intake/production/books-a-cleaning-in-python",
        "northside-intake/production/home",
        "northside-intake/staging/books-a-cleaning",
        "northside-intake/staging/books-a-cleaning-in-python",
        "northside-intake/staging/home",
        "provider:openai/production/canary",
    ]
    assert [probe.id for probe in catalog.probes.values() if probe.scheduled] == [
        "northside-intake/production/home",
        "northside-intake/production/books-a-cleaning",
        "northside-intake/production/books-a-cleaning-in-python",
        "provider:openai/production/canary",
    ]
    books = catalog.probes["northside-intake/staging/books-a-cleaning"]
    assert (books.kind, books.every, books.timeout) == ("http", timedelta(minutes=5), timedelta(seconds=30))
    assert books.secrets == ("NORTHSIDE", "STAGING")
    assert catalog.probes["northside-intake/production/home"].secrets == ("NORTHSIDE",)
    assert workflow.slo is not None and workflow.slo.target == Decimal("99.5")
    assert (workflow.policy, workflow.client, workflow.owner, workflow.depends_on) == (
        "wake-us", "northside", "first", ("openai",)
    )  # fmt: skip
    assert workflow.runbook_lines and catalog.warnings == ()
    assert catalog.clients["northside"].public is False
    assert catalog.providers["openai"].limits.usd == 1
    assert catalog.site.url == catalog.book.site_url == "https://status.example.com"
    assert catalog.book.zone == "America/New_York"
    assert sorted(catalog.book.channels) == ["console", "ntfy", "pagerduty", "pushover", "slack"]


def test_no_secret_is_in_the_catalog() -> None:
    catalog = load(ROOT / "examples" / "showup.yaml", secrets=Secrets(SECRETS))
    shown = repr(catalog)
    assert not [value for value in SECRETS.values() if value in shown]
    assert "${secret:NORTHSIDE}" in shown


def test_all_that_is_missing_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load(ROOT / "examples" / "showup.yaml", secrets=Secrets({}))
    assert len(caught.value.problems) == len(NAMED)
    assert list(caught.value.problems) == sorted(caught.value.problems)


@pytest.mark.parametrize(
    "written", ["no", "on", "Yes", "012", "0x1F", "1:30", "2026-11-30", "1_000", ".5", "True", "=", ".inf"]
)
def test_plain_words_are_read_as_yaml_1_2_has_them(written: str) -> None:
    catalog = site(f"url: https://x.example, title: {written}")
    assert catalog.workflows["site"].title == written


def test_keys_are_words_too() -> None:
    catalog = load_text(SMALLEST.replace("site:", "on:").replace("home:", "0815:"), folder=ROOT / "none")
    assert list(catalog.probes) == ["on/production/0815"]


def test_an_anchor_saves_writing() -> None:
    text = "workflows: {site: {url: 'https://x.example', probes: {a: &a {get: /, check: [{contains: x}]}, b: *a}}}"
    assert len(load_text(text, folder=ROOT / "none").probes) == 2


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 300_000,
        "- " * 100_000,
        "a: &a [*a]",
        "{a: " * 5_000,
        "\x00",
        "\ud7ff\x07",
        "a: !!set {b}",
        "? ? ? a",
    ],
    ids=["flow", "block", "itself", "mappings", "nul", "bell", "set", "keys"],
)
def test_no_text_is_too_much(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(text, folder=ROOT / "none")
    assert len(caught.value.problems) < 5


def test_aliases_of_aliases_end() -> None:
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12))]
    begun = time.perf_counter()
    with pytest.raises(ConfigError, match="the same alias is used too often"):
        load_text("\n".join(lines), folder=ROOT / "none")
    assert time.perf_counter() - begun < 10


def test_defaults_reach_workflows_and_probes() -> None:
    head = "defaults: {every: 10m, attempts: 1, severity: error, runbook: 'https://wiki.example/r', headers: {X-A: b}}"
    catalog = site("url: https://x.example", head=head)
    probe = catalog.probes["site/production/home"]
    assert (probe.every, probe.attempts, probe.severity) == (timedelta(minutes=10), 1, Severity.ERROR)
    assert catalog.workflows["site"].runbook == "https://wiki.example/r"
    assert probe.job["target"]["headers"] == {"X-A": "b"}


def test_what_stands_in_the_probe_goes_before_the_defaults() -> None:
    cron = site(
        "url: https://x.example",
        head="defaults: {every: 10m}",
        probe='{get: /, cron: "0 9 * * 1-5", check: [{contains: x}]}',
    )
    every = site(
        "url: https://x.example",
        head='defaults: {cron: "0 9 * * *"}',
        probe="{get: /, every: 2m, check: [{contains: x}]}",
    )
    assert [(probe.cron, probe.every) for probe in cron.probes.values()] == [("0 9 * * 1-5", None)]
    assert [(probe.cron, probe.every) for probe in every.probes.values()] == [(None, timedelta(minutes=2))]


def test_only_production_is_scheduled_by_itself() -> None:
    catalog = site(f"environments: {PAIR % 'headers: {X-Gate: open}'}")
    assert {key: probe.scheduled for key, probe in catalog.probes.items()} == {
        "site/production/home": True,
        "site/staging/home": False,
    }


def test_an_environment_with_a_period_runs_at_it() -> None:
    catalog = site(f"environments: {PAIR % 'every: 15m'}", probe="{get: /, every: 2m, check: [{contains: x}]}")
    staging, production = catalog.probes["site/staging/home"], catalog.probes["site/production/home"]
    assert (staging.scheduled, staging.every, production.every) == (True, timedelta(minutes=15), timedelta(minutes=2))
    assert staging.job_id != production.job_id


def test_an_environment_adds_its_headers_to_those_of_the_workflow() -> None:
    catalog = site(f"headers: {{X-A: one, X-B: two}}, environments: {PAIR % 'headers: {X-B: three}'}")
    assert catalog.probes["site/staging/home"].job["target"]["headers"] == {"X-A": "one", "X-B": "three"}
    assert catalog.probes["site/production/home"].job["target"]["headers"] == {"X-A": "one", "X-B": "two"}


def test_a_probe_may_keep_to_some_environments() -> None:
    catalog = site(
        f"environments: {PAIR % 'every: 5m'}", probe="{get: /, environments: production, check: [{contains: x}]}"
    )
    assert list(catalog.probes) == ["site/production/home"]


def test_a_runbook_that_is_not_there_is_a_warning(tmp_path: Path) -> None:
    catalog = site("url: https://x.example, runbook: runbooks/site.md", folder=tmp_path)
    assert catalog.warnings == ("showup.yaml:2:53: the runbook runbooks/site.md is not there; write it",)
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "site.md").write_text("# Site\n\nLook at the log.\n\n- restart it\n- call Ana\n")
    catalog = site("url: https://x.example, runbook: runbooks/site.md", folder=tmp_path)
    assert catalog.workflows["site"].runbook_lines == ("Site", "Look at the log.", "- restart it")
    assert catalog.warnings == ()


def test_the_fingerprint_follows_the_words_and_not_their_layout() -> None:
    same = "workflows:\n  site:\n    probes: {home: {check: [{contains: Book online}], get: /}}\n    url: https://x.example\n"
    first = load_text(SMALLEST, folder=ROOT / "none").fingerprint
    assert load_text(same, folder=ROOT / "none").fingerprint == first
    assert load_text(SMALLEST.replace("Book", "Buy"), folder=ROOT / "none").fingerprint != first


@pytest.mark.serial
def test_two_thousand_probes_are_read_quickly() -> None:
    probes = "\n".join(f"      p{n}: {{get: /{n}, check: [{{contains: Book online}}]}}" for n in range(2000))
    text = f"workflows:\n  site:\n    url: https://x.example\n    probes:\n{probes}\n"
    load_text(SMALLEST, folder=ROOT / "none")  # what is imported on first use is not measured
    begun = time.process_time()
    assert len(load_text(text, folder=ROOT / "none").probes) == 2000
    assert time.process_time() - begun < 2.0


def test_a_workflow_of_which_nothing_runs_by_itself_is_a_warning() -> None:
    said = "showup.yaml:2:13: nothing of site is scheduled; name an environment production, or write every: in one"
    assert site("environments: {staging: 'https://y.example'}").warnings == (said,)
    assert site("environments: {staging: {url: 'https://y.example', every: 5m}}").warnings == ()


def test_the_implied_policy_can_be_named() -> None:
    catalog = site("url: https://x.example", head="monitor: {policy: console, dead_man: 'https://ping.example/x'}")
    assert (catalog.monitor_policy, catalog.dead_man) == ("console", "https://ping.example/x")
