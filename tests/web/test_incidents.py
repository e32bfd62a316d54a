"""What people do to incidents: open, note, update, change, merge, report; as commands, customers and pages have it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.message import Reaction
from alerts.signal import Condition, Severity, Signal
from alerts.times import months_ago
from monitor.app import Keeper
from monitor.cli.show_incidents import times
from monitor.services import SERVICES
from monitor.status.publisher import make
from monitor.tokens import key_in, report_token
from monitor.web.app import public_app
from probes.words.errors import Refused
from probes.words.text import for_markdown
from probes.words.units import MINUTE, SECOND
from tests.story.watch import CONFIG
from tests.web.asking import asking, built

TEXT = (
    CONFIG.replace("policy: wake-us\n    probes", "policy: wake-us\n    reports: true\n    probes")
    + """
  billing:
    url: "https://billing.example.com"
    policy: wake-us
    probes: {pays: {get: /, every: 1m, check: [{contains: Paid}]}}
web: {url: "https://watch.example.com"}
"""
)


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Keeper]:
    async with built(tmp_path, TEXT) as keeper:
        yield keeper


async def ask(keeper: Keeper, name: str, **given: Any) -> Any:
    return await SERVICES[name](keeper, **given)


async def fails(keeper: Keeper, subject: str = "intake/production", **more: Any) -> str:
    now = keeper.clock.now()
    usual: dict[str, Any] = {"severity": Severity.CRITICAL, "policy": "wake-us", "title": "Intake agent", "since": now,
                             "sentence": "no answer came in time", "failure": "timeout", "condition": Condition.FAILING,
                             "member": "books"}  # fmt: skip
    signal = Signal(subject=subject, at=now, **{**usual, **more})
    received = await keeper.store.write(lambda session: keeper.desk.receive(session, signal, now=now))
    return received.incident


async def passes(keeper: Keeper, subject: str = "intake/production") -> None:
    await fails(keeper, subject, condition=Condition.PASSING, sentence="")


async def test_a_customer_who_reports_opens_an_incident_that_pages_and_is_said_to_have_noticed_first(
    keeper: Keeper,
) -> None:
    found = await ask(keeper, "incident_open", workflow="intake", text="nobody answers", source="customer", by="Ana")
    seen = await ask(keeper, "incident", id=found["incident"])
    assert (seen["noticed_by"], seen["severity"], seen["state"]) == ("customer", "error", "triggered")
    assert "reported by a customer: nobody answers" in seen["headline"]
    assert seen["next_on_call"]
    await fails(keeper)
    seen = await ask(keeper, "incident", id=found["incident"])
    assert seen["noticed_by"] == "customer", "showup was later"
    await passes(keeper)
    assert (await ask(keeper, "incident", id=found["incident"]))["state"] == "triggered", "a person ends a report"
    await ask(keeper, "resolve", id=found["incident"], by="Ana")
    assert (await ask(keeper, "incident", id=found["incident"]))["state"] == "resolved"


async def test_a_report_that_comes_later_is_noted_beside_who_was_first(keeper: Keeper) -> None:
    name = await fails(keeper)
    found = await ask(keeper, "incident_open", workflow="intake", text="it is broken", source="customer")
    assert found["incident"] == name
    seen = await ask(keeper, "incident", id=name)
    assert seen["noticed_by"] == "showup" and seen["reported_at"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"workflow": "intak", "text": "x"}, "did you mean intake"),
        ({"workflow": "intake", "text": "  "}, "say what is wrong"),
        ({"workflow": "intake", "text": "x", "severity": "huge"}, "there is no severity"),
        ({"workflow": "intake/staging", "text": "x"}, "there is no workflow"),
    ],
)
async def test_a_report_of_nothing_is_refused(keeper: Keeper, given: dict[str, str], said: str) -> None:
    with pytest.raises(Refused) as caught:
        await ask(keeper, "incident_open", **given)
    assert said in f"{caught.value} {caught.value.hint}"


async def test_a_note_is_ours_and_an_update_is_the_publics(keeper: Keeper) -> None:
    name = await fails(keeper)
    await ask(keeper, "incident_note", id=name, text="it is the <b>database</b>", by="Ana")
    await ask(keeper, "incident_update", id=name, text="We are <b>on</b> it", by="Ana")
    page = (await make(keeper))["index.html"].decode()
    assert "We are &lt;b&gt;on&lt;/b&gt; it" in page
    assert "database" not in page and "Ana" not in page
    texts = [event["text"] for event in (await ask(keeper, "incident", id=name))["events"]]
    assert "it is the <b>database</b>" in texts


async def test_a_warning_wakes_nobody_until_its_probe_says_otherwise(keeper: Keeper) -> None:
    name = await fails(keeper)
    seen = await ask(keeper, "incident_severity", id=name, severity="warning", reason="known", by="Ana")
    assert (seen["severity"], seen["next_at"]) == ("warning", None)
    await fails(keeper, sentence="no answer still", condition=Condition.CHANGED)
    assert (await ask(keeper, "incident", id=name))["severity"] == "warning", "as severe as before: the word holds"
    await fails(keeper, severity=Severity.ERROR, condition=Condition.CHANGED)
    assert (await ask(keeper, "incident", id=name))["severity"] == "error", "its probe says something else now"


async def test_whoever_was_on_what_is_a_warning_now_reads_that_it_is_over(keeper: Keeper) -> None:
    name = await fails(keeper)
    await ask(keeper, "ack", id=name, by="Ana")
    await ask(keeper, "incident_severity", id=name, severity="warning", by="Bo")
    texts = [event["text"] for event in (await ask(keeper, "incident", id=name))["events"]]
    assert "Ana need not stay on it: Bo says it is warning" in [text.partition(";")[0] for text in texts]


async def test_a_person_who_says_it_is_critical_pages_anew_though_somebody_was_on_it(keeper: Keeper) -> None:
    name = await fails(keeper, severity=Severity.ERROR)
    await ask(keeper, "ack", id=name, by="Ana")
    seen = await ask(keeper, "incident_severity", id=name, severity="critical", by="Bo")
    assert (seen["severity"], seen["state"], seen["round"]) == ("critical", "triggered", 2)


async def test_how_severe_it_is_can_be_pressed_and_stands_on_the_timeline_by_name(keeper: Keeper) -> None:
    name = await fails(keeper)

    async def pressed(severity: str, incident: str = name) -> str:
        said = {"severity": severity}
        reaction = Reaction(action="severity", incident=incident, by="Bo Birch", via="slack", said=said)
        answer = await keeper.react(reaction)
        return f"{answer.accepted}: {answer.text}"

    assert await pressed("warning") == "True: Intake agent: warning, as you said."
    seen = await ask(keeper, "incident", id=name)
    assert (seen["severity"], seen["next_at"]) == ("warning", None)
    assert "Bo Birch says it is warning" in [event["text"] for event in seen["events"]]
    assert await pressed("dreadful") == "False: Not changed: there is no severity dreadful."
    assert (await pressed("error", "I-NOPE")).startswith("False: Not changed: ")


async def test_a_phone_that_waits_for_an_answer_is_not_undelivered(tmp_path: Path) -> None:
    phones = 'ana: {name: Ana, phone: ["ntfy:${secret:ANA}", {to: "ntfy:${secret:BO}", after: 2m}]}'
    async with built(tmp_path, TEXT.replace('ana: {name: Ana, phone: ["ntfy:${secret:ANA}"]}', phones)) as keeper:
        await fails(keeper)
        found = await ask(keeper, "status")
        (late,), (waits,) = found["undelivered"], found["later"]
        assert late["to"] == waits["to"] == "Ana"
        assert (datetime.fromisoformat(waits["at"]) - datetime.fromisoformat(waits["since"])).seconds == 120


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"length": "2h"}, "snoozed by Ana for 2h."),
        ({"until": "07:30"}, "snoozed by Ana for "),
        ({"length": "30s"}, "a snooze lasts from 1m to 24h"),
        ({"length": "2d"}, "a snooze lasts from 1m to 24h"),
        ({"length": "a while"}, "'a while' is "),
        ({"until": "dawn"}, "'dawn' is no time of day"),
        ({"length": "1h", "until": "07:30"}, "say either how long or until when"),
    ],
)
async def test_an_answer_from_the_command_line_lasts_as_long_as_was_asked_for(
    keeper: Keeper, asked: dict[str, str], said: str
) -> None:
    name = await fails(keeper)
    try:
        answer = await ask(keeper, "ack", id=name, by="Ana", **asked)
    except Refused as refused:
        assert said in str(refused)
        assert (await ask(keeper, "incident", id=name))["state"] == "triggered"
    else:
        assert said in answer["text"]
        assert (await ask(keeper, "incident", id=name))["state"] == "acknowledged"


async def test_a_merged_incident_is_spoken_for_and_stands_for_itself_a_while_after(keeper: Keeper) -> None:
    one, other = await fails(keeper), await fails(keeper, "billing/production", title="Billing")
    seen = await ask(keeper, "incident_merge", id=other, into=one, by="Ana")
    assert (seen["merged_into"], seen["next_at"]) == (one, None)
    await fails(keeper, "billing/production", title="Billing", sentence="worse", condition=Condition.CHANGED)
    assert (await ask(keeper, "incident", id=other))["next_at"] is None, "what it failed with is still spoken for"
    assert "billing/production/books" in (await ask(keeper, "incident", id=one))["members"]
    await passes(keeper)
    later = keeper.clock.now() + 6 * MINUTE
    await keeper.store.write(lambda session: keeper.desk.due(session, now=later))
    seen = await ask(keeper, "incident", id=other)
    assert (seen["merged_into"], seen["state"], seen["next_at"] is not None) == ("", "triggered", True)


async def test_what_could_leave_nobody_told_is_not_merged(keeper: Keeper) -> None:
    one = await fails(keeper)
    quiet = await fails(keeper, "billing/production", severity=Severity.WARNING)
    for into, said in ((one, "into itself"), (quiet, "wakes nobody"), ("NOPE", "there is no incident")):
        with pytest.raises(Refused, match=said):
            await ask(keeper, "incident_merge", id=one, into=into)
    await ask(keeper, "incident_merge", id=quiet, into=one)
    with pytest.raises(Refused, match="itself left to another"):
        await ask(keeper, "incident_merge", id=one, into=quiet)
    assert (await ask(keeper, "incident_merge", id=quiet))["merged_into"] == ""


async def test_the_report_is_markdown_in_which_no_text_makes_a_heading_or_a_link(keeper: Keeper) -> None:
    name = await fails(keeper, sentence="# boo [x](http://evil) <script>", last_good=keeper.clock.now() - 9 * MINUTE)
    await ask(keeper, "incident_update", id=name, text="We are on it", by="Ana")
    text = (await ask(keeper, "incident_report", id=name))["markdown"]
    assert text.startswith(f"# Intake agent: {name}")
    assert "\\# boo \\[x\\]\\(http\\://evil\\) \\<script\\>" in text
    assert "| exposed | Last good " in text
    assert "## What customers were told" in text and "| time to detect | 0s |" in text


async def test_months_leave_drills_out_and_count_who_was_first(keeper: Keeper) -> None:
    await fails(keeper)
    await fails(keeper, "drill:intake/production", drill=True)
    await ask(keeper, "incident_open", workflow="billing", text="broken", source="customer")
    (month,) = await ask(keeper, "incident_times")
    assert (month["incidents"], month["noticed_first"], month["detect"]["n"]) == (2, 1, 2)
    (one,) = await ask(keeper, "incident_times", workflow="billing")
    assert one["incidents"] == 1


async def test_customers_report_by_their_page_or_an_app_and_a_wrong_token_opens_nothing(keeper: Keeper) -> None:
    token = report_token(key_in(keeper.folder), "intake/production")
    async with asking(public_app(keeper)) as client:
        form = await client.get(f"/report/{token}")
        assert "Something wrong with Intake agent?" in form.text and form.status_code == 200
        said = await client.post(f"/report/{token}", data={"text": "it hangs"})
        assert said.status_code == 202 and "is with the team" in said.text
        again = await client.post(f"/report/{token}", json={"text": "it hangs"})
        assert again.status_code == 202 and again.json()["incident"]
        assert (await client.get("/report/" + "0" * 40)).status_code == 404
    page = (await make(keeper))["index.html"].decode()
    assert f"https://watch.example.com/report/{token}" in page
    assert (await ask(keeper, "incident_link", workflow="intake"))["url"].endswith(token)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=st.binary(max_size=400), kind=st.sampled_from(["application/json", "application/x-www-form-urlencoded", ""])
)
async def test_no_body_breaks_the_door(keeper: Keeper, body: bytes, kind: str) -> None:
    token = report_token(key_in(keeper.folder), "intake/production")
    async with asking(public_app(keeper)) as client:
        answer = await client.post(f"/report/{token}", content=body, headers={"Content-Type": kind})
        assert answer.status_code in (202, 400, 429)


async def test_slack_says_it_on_the_same_way(keeper: Keeper) -> None:
    said = {"text": "no booking comes through"}
    answer = await keeper.react(Reaction(action="report", incident="intake", by="Ana", via="slack", said=said))
    assert answer.accepted and "Reported, as incident " in answer.text
    answer = await keeper.react(Reaction(action="report", incident="nope", by="Ana", via="slack", said=said))
    assert not answer.accepted and answer.text.startswith("Not reported")


async def test_who_hears_of_a_report_is_said_as_it_is(keeper: Keeper) -> None:
    given = {"workflow": "intake", "source": "customer", "by": "Ana"}
    first = await ask(keeper, "incident_open", text="it hangs", **given)
    assert first["told"] == "whoever is on call is told"
    await ask(keeper, "ack", id=first["incident"], by="Bo")
    assert (await ask(keeper, "incident_open", text="it hangs", **given))["told"] == "Bo is on it already"
    await ask(keeper, "incident_severity", id=first["incident"], severity="warning", by="Bo")
    assert (await ask(keeper, "incident_open", text="still", **given))["told"] == "nobody is woken for a warning"
    events = (await ask(keeper, "incident", id=first["incident"]))["events"]
    assert ("Ana wrote down what was reported", "Ana") in [(event["text"], event["by"]) for event in events]


async def test_json_has_the_four_times_in_seconds(keeper: Keeper) -> None:
    name = await fails(keeper, since=keeper.clock.now() - 2 * MINUTE)
    took = (await ask(keeper, "incident", id=name))["took"]
    assert 120 <= took["detect"] < 130 and took["recover"] is None


def test_an_address_or_a_name_by_itself_is_no_link_in_markdown() -> None:
    said = for_markdown("see http://evil.example or www.evil.example, @everyone")
    assert not re.search(r"(?<!\\)://|www\.|@everyone", said) and "http\\://evil" in said


def test_months_begin_with_their_first_day_over_a_year_and_a_change_of_clocks() -> None:
    zone = ZoneInfo("America/New_York")
    now = int(datetime(2026, 11, 26, 9, tzinfo=zone).timestamp()) * SECOND
    for months, first in ((1, (2026, 11)), (6, (2026, 6)), (11, (2026, 1)), (12, (2025, 12)), (24, (2024, 12))):
        assert months_ago(now, months, zone) == int(datetime(*first, 1, tzinfo=zone).timestamp()) * SECOND


def test_the_table_of_times_fits_eighty_columns(capsys: pytest.CaptureFixture[str]) -> None:
    long = {"n": 9, "median": 5_400.0, "worst": 200_000.0}
    month = {"month": "2026-11", "incidents": 120, "noticed_first": 119}
    times([{**month, **dict.fromkeys(("detect", "page", "acknowledge", "recover"), long)}])
    out = capsys.readouterr().out
    assert "2026-11" in out and out.count("90m (2d)") == 4 and "recover" in out
    assert max(map(len, out.splitlines())) <= 80
