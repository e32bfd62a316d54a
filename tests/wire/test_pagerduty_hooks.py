"""PagerDuty's webhooks v3, told to a real keeper: signed, once, in any order, whatever the body."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from alerts.channels.pagerduty.hooks import KINDS, REMARKS
from alerts.message import Purpose
from alerts.oncall import Entry, Known
from alerts.render import lines
from alerts.signal import Condition, Severity, Signal
from alerts.tables import Incident, Once
from monitor.app import Keeper
from monitor.services import SERVICES
from monitor.services.kept import keeper_of, kept
from monitor.web.app import public_app
from monitor.web.pagerduty import is_signed
from probes.words.clock import micros, moment
from probes.words.errors import StoreError
from probes.words.units import MINUTE, SECOND
from tests.story.night import Night
from tests.story.watch import CONFIG
from tests.web.asking import asking, built

SECRET = "b" * 16  # of BO
LEVELS = "wake-us: {levels: [{at: 0m, notify: [ana]}"
TEXT = CONFIG.replace(LEVELS, LEVELS.replace("[ana]", "[ana, pagerduty]")) + (
    'channels: {pagerduty: {routing_key: "${secret:ANA}", webhook_secret: ["${secret:CY}", "${secret:BO}"]}}\n'
)
DEE = {"id": "PDEE001", "type": "user_reference", "summary": "Dee Ortiz"}
EDE = {"id": "PEDE002", "type": "user_reference", "summary": "Ede Vogt"}


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Keeper]:
    async with built(tmp_path, TEXT) as made:
        yield made


async def fails(keeper: Keeper) -> str:
    now = keeper.clock.now()
    signal = Signal(subject="intake/production", member="books", condition=Condition.FAILING, at=now, since=now,
                    severity=Severity.CRITICAL, policy="wake-us", title="Intake agent", failure="timeout")  # fmt: skip
    return (await keeper.store.write(lambda session: keeper.desk.receive(session, signal, now=now))).incident


def told(found: dict[str, Any]) -> str:
    return "\n".join(one["text"] for one in found["events"])


async def seen(keeper: Keeper, name: str) -> dict[str, Any]:
    found: dict[str, Any] = await SERVICES["incident"](keeper, id=name)
    return found


def event(kind: str, name: str, *, number: str = "E1", at: int = 0, agent: Any = DEE, **data: Any) -> bytes:
    when = moment(at or 4_000_000_000_000_000).isoformat()
    about = {"type": "incident", "incident_key": f"showup-{name}.1", "assignees": [DEE], **data}
    body = {"id": number, "event_type": f"incident.{kind}", "occurred_at": when, "agent": agent, "data": about}
    return json.dumps({"event": body}).encode()


async def post(keeper: Keeper, body: bytes, *, secret: str = SECRET, header: str | None = None) -> int:
    mark = f"v1={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}" if header is None else header
    async with asking(public_app(keeper)) as client:
        return (await client.post("/pagerduty", content=body, headers={"X-PagerDuty-Signature": mark})).status_code


async def becomes(keeper: Keeper, name: str, **wanted: Any) -> dict[str, Any]:
    """What was told is committed before it is answered: nothing is waited for."""
    found = await seen(keeper, name)
    assert {key: found[key] for key in wanted} == wanted
    return found


async def test_who_acknowledges_there_is_named_here(keeper: Keeper) -> None:
    name = await fails(keeper)
    assert await post(keeper, event("acknowledged", name, at=keeper.clock.now())) == 202
    await becomes(keeper, name, state="acknowledged", acked_by="Dee Ortiz")


async def test_an_acknowledgement_that_is_taken_back_there_is_taken_back_here(keeper: Keeper) -> None:
    name = await fails(keeper)
    await post(keeper, event("acknowledged", name, at=keeper.clock.now()))
    await becomes(keeper, name, state="acknowledged")
    await post(keeper, event("unacknowledged", name, number="E2", at=keeper.clock.now() + MINUTE, agent=None))
    found = await becomes(keeper, name, state="triggered")
    assert found["round"] == 2


async def test_an_old_event_after_a_newer_one_undoes_nothing(keeper: Keeper) -> None:
    name = await fails(keeper)
    now = keeper.clock.now()
    await post(keeper, event("acknowledged", name, at=now))
    await becomes(keeper, name, state="acknowledged")
    await post(keeper, event("unacknowledged", name, number="E0", at=now - MINUTE, agent=None))
    await post(keeper, event("reassigned", name, number="E3", at=now))
    await post(keeper, event("reassigned", name, number="E4", at=now - MINUTE, assignees=[EDE]))
    found = await becomes(keeper, name, state="acknowledged")
    assert found["round"] == 1
    assert [one["by"] for one in found["events"] if one["kind"] == "assigned"] == ["Dee Ortiz"]


async def test_a_clock_there_that_is_behind_ours_loses_no_answer(keeper: Keeper) -> None:
    name = await fails(keeper)
    there = keeper.clock.now() - 5 * MINUTE
    await post(keeper, event("acknowledged", name, at=there))
    await becomes(keeper, name, state="acknowledged")
    await post(keeper, event("unacknowledged", name, number="E2", at=there + MINUTE, agent=None))
    assert (await becomes(keeper, name, state="triggered"))["round"] == 2


async def test_an_incident_that_is_opened_again_there_has_nobody_on_it(keeper: Keeper) -> None:
    name = await fails(keeper)
    now = keeper.clock.now()
    await post(keeper, event("resolved", name, at=now))
    found = await becomes(keeper, name, state="acknowledged", acked_by="Dee Ortiz")
    assert "counts as an acknowledgement" in told(found)
    await post(keeper, event("reopened", name, number="E2", at=now + MINUTE))
    found = await becomes(keeper, name, state="triggered")
    assert "PagerDuty: Dee Ortiz took the answer back there" in told(found)


async def test_who_gave_it_to_whom_is_written_down(keeper: Keeper) -> None:
    name = await fails(keeper)
    now = keeper.clock.now()
    await post(keeper, event("triggered", name, at=now, agent=None))
    await post(keeper, event("escalated", name, number="E2", at=now + MINUTE, agent=None, assignees=[EDE]))
    await post(keeper, event("delegated", name, number="E3", at=now + 2 * MINUTE, agent=EDE, assignees=[DEE, EDE]))
    found = await seen(keeper, name)
    assert [one["text"] for one in found["events"] if one["kind"] == "assigned"] == [
        "PagerDuty has it with Dee Ortiz",
        "PagerDuty escalated it to Ede Vogt",
        "Ede Vogt handed it over to Dee Ortiz and Ede Vogt at PagerDuty",
    ]
    assert "PagerDuty (Dee Ortiz and Ede Vogt)" in found["on_call"]


async def test_what_is_said_there_is_written_down_here(keeper: Keeper) -> None:
    name = await fails(keeper)
    await post(keeper, event("triggered", name, id="Q0001"))
    about: dict[str, Any] = {"incident": {"id": "Q0001", "type": "incident_reference"}, "incident_key": None}
    await post(keeper, event("annotated", name, number="E2", content="Restarted\n\x1b[31mit", **about))
    level = {"id": "P1", "summary": "P1"}
    await post(keeper, event("priority_updated", name, number="E3", id="Q0001", priority=level))
    about["incident"] = {"id": "Q9999"}
    await post(keeper, event("annotated", name, number="E4", content="not ours", **about))
    found = await seen(keeper, name)
    heard = await keeper.store.read(lambda session: session.exec(select(Once.key)).all())
    assert len(heard) == 3, "ours alone are kept"
    assert [(one["text"], one["by"]) for one in found["events"] if one["kind"] == "remark"] == [
        ("PagerDuty, note: Restarted [31mit", "Dee Ortiz"),
        ("PagerDuty, priority: P1", "Dee Ortiz"),
    ]


async def test_what_cannot_be_kept_is_asked_for_again_and_then_counts(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = await fails(keeper)
    body = event("acknowledged", name, at=keeper.clock.now())

    async def broken(work: Any) -> Any:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(keeper.store, "write", broken)
        assert await post(keeper, body) == 503
    assert (await seen(keeper, name))["state"] == "triggered"
    assert await post(keeper, body) == 202
    assert (await seen(keeper, name))["acked_by"] == "Dee Ortiz"


async def test_an_event_of_somebody_elses_incident_leaves_nothing_behind(keeper: Keeper) -> None:
    await fails(keeper)
    assert await post(keeper, event("resolved", "X", incident_key="another-tool/7")) == 202
    assert await keeper.store.read(lambda session: session.exec(select(Once.key)).all()) == []


async def test_an_event_counts_once_however_often_it_comes(keeper: Keeper) -> None:
    name = await fails(keeper)
    body = event("reassigned", name)
    for _ in range(3):
        assert await post(keeper, body) == 202
    said = [one["text"] for one in (await seen(keeper, name))["events"] if one["kind"] == "assigned"]
    assert said == ["Dee Ortiz reassigned it to Dee Ortiz at PagerDuty"]


async def test_what_is_not_signed_is_not_taken(keeper: Keeper) -> None:
    name = await fails(keeper)
    body = event("resolved", name)
    assert await post(keeper, body, secret="x" * 16) == 401
    for header in ("", "v1=", "v2=abc", ","):
        assert await post(keeper, body, header=header) == 401
    assert (await seen(keeper, name))["state"] == "triggered"


def test_any_of_several_signatures_counts_and_the_raw_body_is_signed() -> None:
    good = hmac.new(b"key", b"body", hashlib.sha256).hexdigest()
    assert is_signed("key", b"body", f"v1=0000, v1={good}")
    assert not is_signed("key", b"body ", f"v1={good}")
    assert not is_signed("key", b"body", f"v0={good}")


WORDS = ["event", "id", "data", "event_type", "agent", "assignees", "incident_key", "occurred_at", "type", "summary"]
TYPES = st.sampled_from([*KINDS, *REMARKS, "incident.custom", ""])
TIMES = st.sampled_from(["2026-11-26T03:12:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59+14:00"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | TYPES
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
    max_leaves=12,
)
NEAR = st.fixed_dictionaries(
    {
        "event": st.fixed_dictionaries(
            {
                "id": st.integers() | st.text(max_size=9) | st.none(),
                "event_type": TYPES,
                "occurred_at": TIMES | ANYTHING,
                "agent": ANYTHING,
                "data": st.fixed_dictionaries(
                    {
                        "incident_key": st.sampled_from(["KEY", "KEY.storm", "showup-", "showup-KEY.9e9"]) | ANYTHING,
                        "id": ANYTHING,
                        "assignees": ANYTHING,
                        "incident": ANYTHING,
                        "priority": ANYTHING,
                        "content": ANYTHING,
                        "user": ANYTHING,
                    }
                ),
            }
        )
    }
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.binary(max_size=200) | (NEAR | ANYTHING).map(lambda found: json.dumps(found).encode()))
async def test_no_signed_body_breaks_the_door(keeper: Keeper, body: bytes) -> None:
    names = await keeper.store.read(lambda session: session.exec(select(Incident.public_id)).all())
    name = names[0] if names else await fails(keeper)
    assert await post(keeper, body.replace(b"KEY", f"showup-{name}.1".encode())) == 202


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"\xff\xfe", b'{"event": {"data": {"incident_key": ' + b"9" * 5000 + b"}}}"]
)
async def test_deep_and_broken_bodies_are_nothing(keeper: Keeper, body: bytes) -> None:
    assert await post(keeper, body) == 202


async def test_a_body_larger_than_any_of_theirs_is_refused(keeper: Keeper) -> None:
    assert await post(keeper, b" " * 262_145) == 413
    assert await post(keeper, event("acknowledged", "X", padding="x" * 200_000)) == 202


async def test_the_door_is_not_there_without_its_secret(tmp_path: Path) -> None:
    async with built(tmp_path) as made:
        assert await post(made, b"{}") == 404


# --- the desk ---------------------------------------------------------------------------------------------------------


async def test_whoever_has_it_there_is_shown_where_the_service_stood() -> None:
    night = Night()
    name = await night.fails()
    await night.pass_time(16 * MINUTE)
    await night.react(name, "reassign", by="Dee Ortiz", via="pagerduty")
    assert "PagerDuty (Dee Ortiz)" in (await night.view(name)).on_call
    await night.react(name, "reassign", by="Dee Ortiz", via="pagerduty")
    assert (await night.kinds(name)).count("assigned") == 1
    assert night.broken_rules == []


async def test_whom_it_woke_and_when_is_shown_and_written_down() -> None:
    night = Night()
    name = await night.fails()
    await night.pass_time(16 * MINUTE)
    at = micros(datetime(2026, 9, 21, 3, 12, 9, tzinfo=UTC))
    for _ in range(2):
        await night.react(name, "told", by="Dee Ortiz", via="pagerduty", at=at, round=1)
    view = await night.view(name)
    assert "PagerDuty (told Dee Ortiz at 03:12 UTC)" in view.on_call
    assert [event.text for event in view.events if event.kind == "told"] == ["PagerDuty told Dee Ortiz at 03:12 UTC"]
    assert any("told Dee Ortiz at 03:12 UTC" in line for line in lines(view))
    assert night.slack.of(Purpose.REFRESH), "what is shown already is shown anew"


async def test_a_page_that_was_only_accepted_is_said_to_be_unverified_until_it_is_heard_of() -> None:
    night = Night()
    night.pagerduty.verified = False
    night.pagerduty.knows = lambda key: {}
    name = await night.fails()
    await night.pass_time(15 * MINUTE + 5 * SECOND)
    assert "PagerDuty (accepted, unverified)" in (await night.view(name)).on_call
    await night.react(name, "reassign", by="Dee Ortiz", via="pagerduty", at=night.clock.now(), round=1)
    assert (await night.view(name)).on_call.endswith("PagerDuty (Dee Ortiz)")


async def test_an_answer_given_here_is_not_taken_back_from_there() -> None:
    night = Night()
    name = await night.fails()
    await night.react(name, "ack", via="slack")
    await night.react(name, "unack", by="PagerDuty", via="pagerduty")
    assert (await night.view(name)).state == "acknowledged"


async def test_what_befalls_the_copy_of_an_earlier_round_takes_no_answer_back() -> None:
    night = Night()
    name = await night.fails()
    await night.pass_time(16 * MINUTE)
    now = night.clock.now()
    await night.react(name, "ack", by="Dee Ortiz", via="pagerduty", at=now, round=1)
    await night.pass_time("31m")
    assert (await night.view(name)).round == 2, "the answer expired"
    await night.pass_time("16m")
    await night.react(name, "ack", by="Dee Ortiz", via="pagerduty", at=night.clock.now(), round=2)
    await night.react(name, "unack", by="PagerDuty", via="pagerduty", at=night.clock.now(), round=1)
    assert (await night.view(name)).state == "acknowledged"
    assert night.broken_rules == []


async def test_who_was_on_call_there_is_known_after_a_restart(keeper: Keeper) -> None:
    keep = keeper_of(keeper.store, keeper.clock)
    entries = (Entry("PDEE001", "Dee Ortiz", 1, None),)
    await keep({"company": Known(entries, 7)})
    await keep({"company": Known(entries, 7 + MINUTE)})
    assert (await kept(keeper.store))["company"].read_at == 7, "the same again is not written each minute"
    await keep({"company": Known(entries, 7 + 10 * MINUTE)})
    found = (await kept(keeper.store))["company"]
    assert (found.entries, found.read_at) == (entries, 7 + 10 * MINUTE), "and how old it is stays true"
    assert "started anew" in found.trouble
