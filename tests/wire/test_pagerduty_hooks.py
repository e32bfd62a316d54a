"""PagerDuty's webhooks v3, told to a real keeper: signed, once, in any order, whatever the body."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.oncall import Entry, Known
from alerts.signal import Condition, Severity, Signal
from monitor.app import Keeper
from monitor.services import SERVICES
from monitor.services.kept import keeper_of, kept
from monitor.web.app import public_app
from monitor.web.pagerduty import is_signed
from probes.words.clock import moment
from probes.words.units import MINUTE
from tests.story.night import Night
from tests.story.watch import CONFIG
from tests.web.asking import asking, built
from tests.wire.waiting import until

SECRET = "b" * 16  # of BO
TEXT = (
    CONFIG + 'channels: {pagerduty: {routing_key: "${secret:ANA}", webhook_secret: ["${secret:CY}", "${secret:BO}"]}}\n'
)
DEE = {"id": "PDEE001", "type": "user_reference", "summary": "Dee Ortiz"}


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Keeper]:
    async with built(tmp_path, TEXT) as made:
        yield made


async def fails(keeper: Keeper) -> str:
    now = keeper.clock.now()
    signal = Signal(subject="intake/production", member="books", condition=Condition.FAILING, at=now, since=now,
                    severity=Severity.CRITICAL, policy="wake-us", title="Intake agent", failure="timeout")  # fmt: skip
    return (await keeper.store.write(lambda session: keeper.desk.receive(session, signal, now=now))).incident


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
    for _ in range(200):
        found = await seen(keeper, name)
        if all(found[key] == value for key, value in wanted.items()):
            return found
        await until(lambda: True)
    raise AssertionError({key: found[key] for key in wanted})


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
    found = await becomes(keeper, name, state="acknowledged")
    assert found["round"] == 1


async def test_an_event_counts_once_however_often_it_comes(keeper: Keeper) -> None:
    name = await fails(keeper)
    body = event("reassigned", name)
    for _ in range(3):
        assert await post(keeper, body) == 202
    await until(lambda: True)
    told = [one["text"] for one in (await seen(keeper, name))["events"] if one["kind"] == "assigned"]
    assert told == ["pagerduty has it with Dee Ortiz"]


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


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.text(max_size=9),
        lambda inner: st.dictionaries(
            st.sampled_from(["event", "id", "data", "event_type", "agent", "assignees", "incident_key"]),
            inner,
            max_size=5,
        ),
    ).map(lambda found: json.dumps(found).encode())
)
async def test_no_signed_body_breaks_the_door(keeper: Keeper, body: bytes) -> None:
    assert await post(keeper, body) == 202


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


async def test_an_answer_given_here_is_not_taken_back_from_there() -> None:
    night = Night()
    name = await night.fails()
    await night.react(name, "ack", via="slack")
    await night.react(name, "unack", by="PagerDuty", via="pagerduty")
    assert (await night.view(name)).state == "acknowledged"


async def test_who_was_on_call_there_is_known_after_a_restart(keeper: Keeper) -> None:
    keep = keeper_of(keeper.store, keeper.clock)
    await keep({"company": Known((Entry("PDEE001", "Dee Ortiz", 1, None),), 7)})
    found = (await kept(keeper.store))["company"]
    assert (found.entries, found.read_at) == ((Entry("PDEE001", "Dee Ortiz", 1, None),), 7)
    assert "started anew" in found.trouble
