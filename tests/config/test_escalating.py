"""Policies that PagerDuty has a part in: what is refused, and what is said before it surprises somebody at night."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config.load import load_text
from probes.words.errors import ConfigError

BASE = """
monitor: {{policy: wake-us}}
defaults: {{policy: wake-us}}
{web}
channels: {{{channels}}}
people: {{ana: {{name: Ana, phone: ["ntfy:ana-rings"]}}}}
rotations: {{there: {{{there}}}}}
policies:
  wake-us: {{{policy}}}
workflows: {{w: {{url: https://x.example, probes: {{p: {{get: /, check: [{{contains: a}}]}}}}}}}}
"""
PD = 'pagerduty: {routing_key: "${secret:R}", api_key: "${secret:A}"%s}'
BLIND = 'pagerduty: {routing_key: "${secret:R}"}'
SCHEDULE = "pagerduty_schedule: PSCHED1"
SECRETS = {"R": "r" * 32, "A": "a" * 20, "H": "h" * 20}


def warned(policy: str, *, channels: str = PD % "", web: str = "", there: str = "people: [ana]") -> list[str]:
    text = BASE.format(policy=policy, channels=channels, web=web, there=there)
    lines = load_text(text, secrets=SECRETS).warnings
    return [line.partition(": ")[2] for line in lines]


def refused(policy: str, *, channels: str = PD % "", there: str = "people: [ana]") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        warned(policy, channels=channels, there=there)
    return [f"{one.what}; {one.write}" for one in caught.value.problems]


LAST = "levels: [{at: 0m, notify: [ana]}, {at: 15m, notify: [pagerduty]}]"
FIRST = "levels: [{at: 0m, notify: [pagerduty]}, {at: 5m, notify: [ana]}]"


def test_pagerduty_as_the_last_level_leaves_nothing_to_say() -> None:
    assert warned(LAST) == []


def test_both_systems_going_on_is_said_until_the_policy_says_who_escalates() -> None:
    (line,) = warned(FIRST)
    assert line == (
        "wake-us tells PagerDuty at level 1 and goes on to others at 5m: two systems wake people, if the service's "
        "policy there has several levels; write escalation: showup if it has one, or escalation: pagerduty; "
        "showup doctor looks"
    )
    assert warned(f"{FIRST}, escalation: showup") == []


def test_a_second_level_for_pagerduty_wakes_nobody_and_is_told_of() -> None:
    (line,) = warned("levels: [{at: 0m, notify: [pagerduty]}, {at: 1m, notify: [pagerduty]}]")
    assert line.startswith("level 2 of wake-us tells PagerDuty again, which knows of it since level 1 and wakes nobody")


def test_a_level_that_pagerduty_holds_back_is_told_of_with_its_real_time() -> None:
    (line,) = warned(f"{FIRST}, escalation: pagerduty")
    assert line.startswith("level 2 of wake-us says 5m and starts 30m after PagerDuty was told")
    late = "levels: [{at: 0m, notify: [pagerduty]}, {at: 30m, notify: [ana]}], escalation: pagerduty"
    assert warned(late) == []


def test_answers_that_cannot_be_heard_are_told_of_where_pagerduty_escalates() -> None:
    policy = "levels: [{at: 0m, notify: [ana]}], escalation: pagerduty"
    (line,) = warned(policy, channels=BLIND)
    assert line.startswith("an answer in PagerDuty is not heard here, so wake-us goes on after 30m whoever is on it")
    assert warned(policy) == []


def test_whom_pagerduty_names_is_not_called_twice_unnoticed() -> None:
    policy = 'levels: [{at: 0m, notify: [pagerduty, "on-call:there"]}]'
    (line,) = warned(policy, there=SCHEDULE)
    assert line == (
        "on-call:there is whom PagerDuty names, and it is told in the same level: one person, called twice; "
        "keep one of the two"
    )
    apart = 'levels: [{at: 0m, notify: ["on-call:there"]}, {at: 5m, notify: [pagerduty]}]'
    assert warned(apart, there=SCHEDULE) == []


def test_webhooks_that_nothing_brings_are_told_of() -> None:
    hooked = PD % ', webhook_secret: "${secret:H}"'
    assert "under which address" in warned(LAST, channels=hooked)[0]
    assert "listen is off" in warned(LAST, channels=hooked, web='web: {listen: ""}')[0]
    assert warned(LAST, channels=hooked, web='web: {url: "https://watch.example.com"}') == []


def test_what_is_left_to_a_pagerduty_that_is_not_there_is_refused() -> None:
    (line,) = refused("levels: [{at: 0m, notify: [ana]}], escalation: pagerduty", channels="console: {}")
    assert line.startswith(
        "wake-us is left to PagerDuty, which is not set up: nobody would escalate it; add pagerduty:"
    )


def test_a_rotation_kept_there_needs_the_key_that_reads_it() -> None:
    (line,) = refused('levels: [{at: 0m, notify: ["on-call:there"]}]', channels=BLIND, there=SCHEDULE)
    assert line.startswith("there is read from PagerDuty, and there is no key to read it with: nobody would be on call")


def test_the_example_of_the_guide_is_one() -> None:
    text = Path("docs/pagerduty.md").read_text().partition("```yaml\n")[2].partition("```")[0]
    rest = """
monitor: {policy: p}
web: {url: "https://watch.example.com"}
policies: {p: {levels: [{notify: ["on-call:company"]}], escalation: pagerduty}}
workflows: {w: {policy: p, url: https://x.example, probes: {p: {get: /, check: [{contains: a}]}}}}
"""
    names = ("PD_ROUTING", "PD_API", "PD_QUIET", "PD_HOOK")
    catalog = load_text(text + rest, secrets=dict.fromkeys(names, "s" * 32))
    assert "pagerduty" in catalog.book.channels
    (line,) = catalog.warnings
    assert "one person, called twice" in line


def test_a_channel_that_rings_phones_is_no_target_and_a_name_is_compared_with_what_is_one() -> None:
    (line,) = refused("levels: [{notify: [pushover]}]")
    assert line.startswith("pushover rings somebody's phone, and is no target by itself; write \"pushover:…\" under")
    (line,) = refused("levels: [{notify: [anna]}]")
    assert line == "'anna' is no person and no channel; did you mean ana?"
    (line,) = refused("levels: [{notify: [ana]}], fallback: [ana]")
    assert line == "fallback: a list is not text; write one, as text"
