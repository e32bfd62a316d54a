"""Planned drills and the daily canary page: what holds, and what is said to whoever wrote something else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitor.config.canary_page_section import POLICY
from monitor.config.load import load_text
from probes.words.errors import ConfigError
from probes.words.units import MINUTE, SECOND

BASE = """
site: {timezone: America/New_York}
monitor: {policy: wake-us%s}
people: {ana: {name: Ana, phone: ["ntfy:topic-one"]}}
policies: {wake-us: {levels: [{at: 0m, notify: [ana]}]}}
workflows:
  intake: {url: "https://intake.example.com", policy: wake-us, probes: {home: {get: /, check: [{status: 200}]}}}
%s
"""


def problems(monitor: str = "", more: str = "") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_text(BASE % (monitor, more))
    return [str(problem) for problem in caught.value.problems]


def test_a_planned_drill_has_the_zone_of_the_site_and_an_hour_of_the_wall() -> None:
    catalog = load_text(BASE % ("", 'drills: {monthly: {workflow: intake, cron: "0 10 1 * *", urgent: true}}'))
    [plan] = catalog.drills.values()
    assert (plan.place, plan.timezone, plan.urgent, plan.limit) == (
        "intake/production",
        "America/New_York",
        True,
        15 * MINUTE,
    )
    first_of_december = 1796137200 * SECOND  # 10:00 in New York
    assert plan.after(first_of_december - 1) == first_of_december


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("drills: {m: {workflow: intak, cron: '0 10 1 * *'}}", "did you mean intake?"),
        ("drills: {m: {workflow: intake, cron: often}}", "write five fields"),
        ("drills: {m: {workflow: intake, cron: '0 10 1 * *', environment: prod}}", "did you mean production?"),
        ("drills: {m: {workflow: intake, cron: '0 10 1 * *', probe: hom}}", "did you mean home?"),
        ("drills: {m: {workflow: intake}}", "cron"),
        ("drills: {m: {workflow: intake, cron: '0 10 1 * *', loud: true}}", "loud"),
    ],
)
def test_a_drill_of_what_is_not_there(more: str, said: str) -> None:
    [problem] = problems(more=more)
    assert said in problem


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("{at: 9am}", 'write "09:30"'),
        ("{at: '25:00'}", 'write "09:30"'),
        ("{through: slack}", "wakes nobody"),
        ("{through: pagerduty}", "add pagerduty: under channels:"),
        ("{through: an}", "did you mean ana?"),
        ("{through: ana, within: 14s}", "write 60s"),
        ("{through: ana, within: 1h}", "write 60s"),
    ],
)
def test_a_canary_page_to_nobody(page: str, said: str) -> None:
    [problem] = problems(f", canary_page: {page}")
    assert said in problem


def test_the_canary_page_climbs_a_ladder_of_its_own() -> None:
    catalog = load_text(BASE % (', canary_page: {at: "07:05", through: ana}', ""))
    assert catalog.canary_page is not None
    assert (catalog.canary_page.hour, catalog.canary_page.minute) == (7, 5)
    assert catalog.book.policies[POLICY].targets == ("ana",)
    assert load_text(BASE % ("", "")).book.policies.keys() == {"wake-us", "console"}


def test_the_escalation_page_is_with_names_or_with_roles() -> None:
    assert load_text(BASE % ("", "publish: {escalation: roles}")).publish.escalation == "roles"
    assert load_text(BASE % ("", "")).publish.escalation == ""
    [problem] = problems(more="publish: {escalation: yes}")
    assert "names" in problem


def test_two_showups_can_be_set_up_in_the_order_of_the_guide() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "watching-the-watcher.md").read_text()
    _, _, part = guide.partition("## Two showups")
    written = part.partition("```yaml\n")[2].partition("```")[0]
    switch = re.search(r"`(monitor: \{[^`]*dead_man[^`]*)`", part)
    assert switch is not None
    people = 'people: {ana: {name: Ana, phone: ["ntfy:topic-one"]}}\n'
    people += 'policies: {wake-us: {levels: [{at: 0m, notify: [ana]}]}}\n'
    begun = load_text(people + written)
    assert not begun.dead_man, "the other one's address is known only once the other one runs"
    assert "other-showup/production/beat" in begun.probes
    then = written.replace("monitor: {policy: wake-us}", switch[1])
    assert load_text(people + then, secrets={"RIGHT_HEARS_US": "https://right.example.com/ping/x"}).dead_man
