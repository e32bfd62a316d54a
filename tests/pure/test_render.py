"""What people read at three in the morning: the first 80 characters, plain facts, and no link that leads nowhere."""

from __future__ import annotations

import json
import string
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts import render
from alerts.channels.pagerduty import payload
from alerts.channels.slack import blocks
from alerts.message import REMOVED, EventView, IncidentView, Purpose
from probes.words.failure import FACTS, Failure
from probes.words.units import HOUR, MINUTE
from tests.wire.channel_kit import INCIDENT, NIGHT, acknowledged, message, resolved

HOSTILE = st.text(alphabet=st.characters(codec="utf-8"), max_size=400) | st.sampled_from(
    [
        "<!channel>",
        "<@U012AB3CD>",
        "<https://evil.example|x>",
        "*b* _i_ `c` ~s~",
        "\x1b[2J\r\n\x07",
        "\u202eevil\u2066",
        "&lt;!here&gt;",
    ]
)


# --- the lock screen --------------------------------------------------------------------------------------------------


def test_the_headline_says_what_a_customer_notices() -> None:
    assert render.headline(INCIDENT) == 'Intake agent answers wrongly: $.time should equal "10:00", got "22:00"'
    assert render.headline(resolved()) == "Recovered: Intake agent"
    assert render.headline(replace(resolved(), resolved_by=REMOVED)) == "Closed: Intake agent"
    assert render.headline(replace(INCIDENT, drill=True)).startswith("[drill] Intake agent answers wrongly")


def test_the_headline_says_nothing_twice() -> None:
    failed = replace(INCIDENT, failure="app_error", sentence="answered with an error: server_error: overloaded")
    assert render.headline(failed) == "Intake agent answers with an error: server_error: overloaded"
    other = replace(failed, sentence="answered 502: answered with an error: x")
    assert render.headline(other) == "Intake agent answers with an error: answered 502: answered with an error: x"


def test_showup_says_of_itself_what_is_wrong_and_not_that_it_is_unwatched() -> None:
    ours = replace(INCIDENT, subject="monitor", title="showup", failure="monitor_fault", sentence="the disk is full")
    ours = replace(ours, notice="needs attention")
    assert render.headline(ours) == "showup needs attention: the disk is full"


@pytest.mark.parametrize(
    ("view", "icon"),
    [
        (INCIDENT, "🔴"),
        (replace(INCIDENT, severity="warning"), "⚠️"),
        (replace(INCIDENT, drill=True), "🧪"),
        (acknowledged(), "🟡"),
        (replace(resolved(), severity="warning"), "🟢"),
    ],
)
def test_in_slack_a_sign_says_the_state_before_any_word(view: IncidentView, icon: str) -> None:
    first = blocks.layout(message(view=view), mentions={})[0]
    assert first["text"]["text"].startswith(icon)


def test_whoever_was_woken_reads_who_is_on_it() -> None:
    told = message(Purpose.ACK, view=acknowledged())
    assert render.subject_line(told) == "Ana Ash is on it: Intake agent"


@given(
    title=st.text(min_size=1, max_size=300),
    failure=st.sampled_from([*Failure, "", "something-new"]),
    drill=st.booleans(),
)
def test_the_first_eighty_characters_hold_workflow_and_failure(title: str, failure: str, drill: bool) -> None:
    first = render.headline(replace(INCIDENT, title=title, failure=failure, drill=drill))[: render.LOCK_SCREEN]
    notice = FACTS[Failure(failure)].notice if failure in set(Failure) else failure or "needs attention"
    assert notice in first
    shown = " ".join(title.split())
    if shown.isascii() and shown.isprintable():
        assert shown[:10] in first
    assert not any(ord(mark) < 32 for mark in first)


# --- the facts --------------------------------------------------------------------------------------------------------


def test_the_lines_say_since_when_how_sure_whose_fault_who_has_it_and_who_is_next() -> None:
    assert render.lines(INCIDENT) == [
        "Since Sun 22 Nov 22:58 EST · 3 of 3 attempts",
        "Suspected: the workflow",
        "On call: Ana Ash",
        "Next: Bo Birch at Sun 22 Nov 23:05 EST, unless somebody answers",
        "Failing: books-a-cleaning",
        "1. Look at the calendar.",
        "2. Restart the agent.",
    ]


def test_with_a_second_witness_nothing_is_suspected_any_more() -> None:
    assert render.blame(replace(INCIDENT, blame="provider", suspected=False)) == "Blame: the model provider"


def test_an_answer_and_a_recovery_change_what_is_said() -> None:
    assert render.told(acknowledged()) == "Acknowledged by Ana Ash at Sun 22 Nov 23:01 EST"
    assert render.coming(acknowledged()) == ""
    assert render.since(resolved()) == "Since Sun 22 Nov 22:58 EST until Sun 22 Nov 23:07 EST (9m) · 3 of 3 attempts"
    assert "1. Look at the calendar." not in render.lines(resolved())
    assert render.told(replace(INCIDENT, nobody_reached=True)) == "Nobody has answered yet"
    long = replace(resolved(), resolved_at=INCIDENT.began + 3 * HOUR + 4 * MINUTE + 5_000_000)
    assert "(3h4m)" in render.since(long)


def test_an_unknown_zone_is_utc() -> None:
    assert render.when(NIGHT, "Nowhere/Land") == "Mon 23 Nov 04:00 UTC"


def test_many_members_are_counted() -> None:
    view = replace(INCIDENT, members=tuple(f"probe-{number}" for number in range(30)))
    assert "and 22 more" in "\n".join(render.lines(view))


def test_plain_text_says_everything_once() -> None:
    said = render.text(message())
    assert said.splitlines()[0] == render.headline(INCIDENT)
    assert "Runbook: https://wiki.example.com/intake" in said
    assert said.endswith("Incident I-7K2M")
    alone = render.text(message(view=None, headline="3 workflows are failing", text="a\nb"))
    assert alone == "3 workflows are failing\na\nb"


def test_a_line_of_the_timeline() -> None:
    event = EventView(at=NIGHT, kind="ack", text="acknowledged", by="Ana Ash")
    assert render.timeline(event, zone="UTC") == "Mon 23 Nov 04:00 UTC  acknowledged (Ana Ash)"


# --- links ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/x", "https://LOCALHOST:8470", "http://localhost./", "http://a.localhost", "http://127.0.0.1",
        "http://127.9.9.9/x", "http://127.1", "http://2130706433", "http://0x7f.1", "http://0", "http://0.0.0.0:80",
        "http://[::1]/x", "http://[::]", "http://[::ffff:127.0.0.1]", "http://169.254.169.254/", "http://[fe80::1%25eth0]/",
        "javascript:alert(1)", "file:///etc/passwd", "runbooks/intake.md", "//x.example", "", "http://", "http://[", "http://x:y",
        "https://user:planted@x.example/", "https://x.example/|evil", "https://x.example/>", "https://x.example/ a",
        "https://x.example/\n", "http://localhost.localdomain",
    ],
)  # fmt: skip
def test_no_link_leads_to_this_machine_or_into_trouble(url: str) -> None:
    assert render.public(url) == ""
    assert render.addresses(replace(INCIDENT, runbook=url, page_url=url)) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://wiki.example.com/a?b=c#d",
        "http://10.0.0.5/runbook",
        "https://[2001:db8::1]/x",
        "https://localhosting.example",
    ],
)
def test_a_link_that_leads_somewhere_stays(url: str) -> None:
    assert render.public(url) == url


# --- hostile words ----------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.data())
def test_whatever_a_target_says_no_layout_breaks_calls_or_overflows(data: st.DataObject) -> None:
    words = {
        name: data.draw(HOSTILE)
        for name in ("public_id", "subject", "title", "severity", "failure", "sentence", "blame", "sure", "acked_by")
    }
    words |= {
        name: data.draw(HOSTILE) for name in ("resolved_by", "on_call", "next_on_call", "run", "runbook", "page_url")
    }
    lists = {name: tuple(data.draw(st.lists(HOSTILE, max_size=12))) for name in ("members", "runbook_lines")}
    state = data.draw(st.sampled_from(["triggered", "acknowledged", "resolved"]))
    view: IncidentView = replace(INCIDENT, state=state, **words, **lists)  # type: ignore[arg-type]
    text = data.draw(HOSTILE)
    sent = message(data.draw(st.sampled_from(list(Purpose))), view=view, headline=text, text=text)
    layout = blocks.layout(sent, mentions={"Ana Ash": "U012AB3CD"})
    for block in layout:
        inner = block.get("text") or {}
        if inner.get("type") == "mrkdwn":
            plain = inner["text"].replace("<@U012AB3CD>", "") if "Ana Ash" in view.on_call else inner["text"]
            assert "<" not in plain and ">" not in plain
        assert len(inner.get("text", "")) <= 3_000
        assert inner == {} or inner["text"]
        for element in block.get("elements", []):
            if "url" in element:
                assert element["url"].startswith(("http://", "https://"))
            if "value" in element:
                assert len(element["value"]) <= 2_000
    assert len(layout) <= 50
    for said in (blocks.notification(sent), blocks.plain(sent), blocks.thread_line(sent, mentions={})):
        assert "<" not in said and ">" not in said
    event = payload.trigger(sent)
    assert 0 < len(event["payload"]["summary"]) <= 1_024 and len(json.dumps(event)) < 512_000
    assert event["payload"]["severity"] in payload.SEVERITIES


@given(st.text(alphabet=string.printable, max_size=200))
def test_plain_text_has_no_control_characters(text: str) -> None:
    said = render.text(message(view=replace(INCIDENT, title=text, sentence=text, sure=text)))
    assert not any(ord(mark) < 32 and mark != "\n" for mark in said)


def test_what_only_degrades_is_said_of_a_part() -> None:
    part = replace(INCIDENT, failure="unreachable", notice="has a part that cannot be reached", sentence="refused")
    assert render.headline(part) == f"{INCIDENT.title} has a part that cannot be reached: refused"
