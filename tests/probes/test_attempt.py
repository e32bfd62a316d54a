"""What one attempt comes to: checks collect, steps stop, clean-ups run whatever happened, and a Reply always comes."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Any

import pytest
from aiohttp import web

from probes.attempt import make, prepare
from probes.frames import REFUSED, pack, unpack_reply
from tests.probes.stage import Stage, as_json, request

BOOKING = """
steps:
  - {name: book, post: /bookings, json: {name: "Test ${run_id}"}, capture: {booking: $.id},
     check: [{status: 201}], cleanup: {delete: "/bookings/${booking}"}}
  - {name: see, get: "/bookings/${booking}", check: [{json: $.time, equals: "10:00"}, {json: $.room, equals: 4}]}
  - {name: confirm, post: "/bookings/${booking}/confirm", check: [{status: 200}]}
"""


def booked(stage: Stage, *, time: str = "10:00") -> None:
    stage.on("POST /bookings", {"id": "b/1"}, status=201)
    stage.on("GET /bookings/b/1", {"time": time, "room": 4})
    stage.on("POST /bookings/b/1/confirm", "ok")
    stage.on("DELETE /bookings/b/1", "", status=204)


async def test_a_page_that_says_what_it_should_is_up(stage: Stage) -> None:
    stage.on("GET /", "<h1>Book online</h1>")
    reply = await stage.timed("{get: /, check: [{contains: Book online}]}", timeout=5)
    assert (reply.number, reply.state, reply.failure, reply.sentence) == (7, "up", None, "")
    assert reply.evidence is None  # nothing to prove
    assert len(reply.phases) == 5 and reply.phases[0] == -1 and reply.phases[4] > 0
    assert 0 < reply.took < 5_000_000
    assert reply.spent == {"requests": 1}
    assert unpack_reply(pack(reply)) == reply
    assert stage.headers[0]["X-Showup-Run"] == "RUN1"


async def test_all_checks_of_a_step_are_recorded_and_a_failed_one_ends_the_run_after_its_step(stage: Stage) -> None:
    booked(stage, time="22:00")
    reply = await stage.timed(BOOKING, timeout=5)
    assert (reply.state, reply.failure, reply.step) == ("down", "wrong", "see")
    assert reply.sentence == '$.time should equal "10:00", got "22:00"'
    assert stage.seen == ["POST /bookings", "GET /bookings/b%2F1", "DELETE /bookings/b%2F1"]
    evidence: dict[str, Any] = reply.evidence or {}
    assert [(step["name"], step["ok"], step["reached"]) for step in evidence["steps"]] == [
        ("book", True, True),
        ("see", False, True),
        ("confirm", False, False),
    ]
    see = evidence["steps"][1]
    assert [(check["source"], check["ok"]) for check in see["checks"]] == [
        ("$.time in step see", False),
        ("$.room in step see", True),
    ]
    assert see["requests"][0]["response"] == '{"time": "22:00", "room": 4}'
    assert evidence["steps"][0]["captured"] == {"booking": '"b/1"'}
    assert [(each["name"], each["ok"]) for each in evidence["cleanups"]] == [("delete /bookings/${booking}", True)]


async def test_a_clean_up_is_skipped_when_nothing_was_captured(stage: Stage) -> None:
    stage.on("POST /bookings", "no room", status=409)
    reply = await stage.timed(BOOKING, timeout=5)
    assert stage.seen == ["POST /bookings"]
    assert (reply.state, reply.failure, reply.cleanup_failed) == ("down", "contract_changed", ())
    assert (reply.evidence or {})["cleanups"][0]["skipped"] == "nothing was captured as booking"


async def test_a_captured_value_that_is_missing_stops_the_run_before_it_reaches_an_address(stage: Stage) -> None:
    stage.on("POST /bookings", {"ticket": "b/1"}, status=201)
    reply = await stage.timed(BOOKING, timeout=5)
    assert stage.seen == ["POST /bookings"]
    assert (reply.failure, reply.sentence) == ("contract_changed", "$.id should be there to be captured, got nothing")


@pytest.mark.parametrize("value", ["", "..", ".", None, {"a": 1}, [1]])
async def test_a_captured_value_that_would_lead_elsewhere_never_reaches_an_address(stage: Stage, value: Any) -> None:
    stage.on("POST /bookings", {"id": value}, status=201)
    stage.on("DELETE /bookings/", "everything is gone")
    reply = await stage.timed(BOOKING, timeout=5)
    assert stage.seen == ["POST /bookings"]
    assert (reply.state, reply.failure) == ("down", "contract_changed")


async def test_captured_values_are_percent_encoded_in_addresses_and_keep_their_kind_in_json(stage: Stage) -> None:
    stage.on("POST /a", {"id": "7/../admin?x=1&y#z é", "number": 5}, status=201)
    stage.on("GET /b/7/../admin?x=1&y#z é", "")
    written = """
    steps:
      - {name: one, post: /a, capture: {id: $.id, number: $.number}, check: [{status: 201}]}
      - {name: two, put: "/b/${id}?again=${id}", json: {n: "${number}", text: "no ${number}", id: "${id}"},
         check: [{status: 404}]}
    """
    await stage.timed(written, timeout=5)
    path = "7%2F..%2Fadmin%3Fx%3D1%26y%23z%20%C3%A9"
    assert stage.seen[1].upper() == f"PUT /b/{path}?again={path}".upper()
    assert stage.bodies[1] == '{"n":5,"text":"no 5","id":"7/../admin?x=1&y#z é"}'


async def test_clean_ups_run_last_in_first_out_and_their_failure_is_never_downtime(stage: Stage) -> None:
    stage.on("POST /a", {"id": 1}, status=201)
    stage.on("POST /b", {"id": 2}, status=201)
    stage.on("DELETE /a/1", "broken", status=500)
    written = """
    steps:
      - {name: one, post: /a, capture: {a: $.id}, check: [{status: 201}], cleanup: {delete: "/a/${a}"}}
      - {name: two, post: /b, capture: {b: $.id}, check: [{status: 201}],
         cleanup: [{delete: "/b/${b}"}, {delete: "/b/x"}]}
    """
    reply = await stage.timed(written, timeout=5)
    assert stage.seen[2:] == ["DELETE /b/x", "DELETE /b/2", "DELETE /a/1"]
    assert (reply.state, reply.failure) == ("up", None)
    # what a DELETE was to remove is not there any more: that is no failure
    assert reply.cleanup_failed == ("delete /a/${a}: DELETE /a/1 answered 500 Internal Server Error",)
    assert reply.evidence is not None


async def test_clean_ups_have_time_of_their_own_after_a_timeout(stage: Stage) -> None:
    booked(stage)
    stage.on("GET /bookings/b/1", "late", after=5)
    began = time.monotonic()
    reply = await stage.timed(BOOKING, timeout=0.4)
    assert time.monotonic() - began < 1.4
    assert (reply.state, reply.failure, reply.phase, reply.step) == ("down", "timeout", "first_byte", "see")
    assert "took the request and did not answer" in reply.sentence
    assert stage.seen[-1] == "DELETE /bookings/b%2F1"
    assert reply.cleanup_failed == ()


async def test_a_clean_up_that_hangs_is_cut_off_and_the_next_one_still_has_its_share(stage: Stage) -> None:
    stage.on("POST /a", {"id": 1}, status=201)
    stage.on("DELETE /hangs", "", after=30)
    stage.on("DELETE /a/1", "", status=204)
    written = """
    {post: /a, capture: {a: $.id}, check: [{status: 201}], cleanup: [{delete: "/a/${a}"}, {delete: /hangs}]}
    """
    began = time.monotonic()
    reply = await stage.timed(written, timeout=5, cleanup=1.0)
    assert time.monotonic() - began < 2.0
    assert stage.seen[-1] == "DELETE /a/1"
    assert reply.state == "up" and len(reply.cleanup_failed) == 1 and "delete /hangs" in reply.cleanup_failed[0]


async def test_a_step_over_its_budget_is_slow_and_a_hard_budget_takes_it_down(stage: Stage) -> None:
    stage.on("GET /", "Book online", after=0.15)
    slow = await stage.timed("{get: /, budget: 100ms, check: [{contains: Book}]}", timeout=5)
    assert (slow.state, slow.failure, slow.step) == ("degraded", "slow", "get /")
    assert slow.sentence.startswith("step get / took 1") and slow.sentence.endswith("over its budget of 100ms")
    hard = await stage.timed("{get: /, budget: {limit: 100ms, hard: true}, check: [{contains: Book}]}", timeout=5)
    assert (hard.state, hard.failure, hard.phase) == ("down", "timeout", "total")
    wrong = await stage.timed("{get: /, budget: 100ms, check: [{contains: Nope}]}", timeout=5)
    assert (wrong.state, wrong.failure) == ("down", "wrong")


async def test_a_soft_check_degrades_and_does_not_stop_the_run(stage: Stage) -> None:
    stage.on("GET /", "Book online")
    written = """
    steps:
      - {name: one, get: /, check: [{contains: Nope, soft: true}]}
      - {name: two, get: /, check: [{contains: Book}]}
    """
    reply = await stage.timed(written, timeout=5)
    assert (reply.state, reply.failure, reply.step) == ("degraded", "wrong", "one")
    assert len(stage.seen) == 2


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (401, "auth"),
        (402, "quota"),
        (429, "rate_limited"),
        (500, "app_error"),
        (503, "app_error"),
        (404, "contract_changed"),
    ],
)
async def test_a_status_of_400_and_more_fails_without_being_asked_about(
    stage: Stage, status: int, failure: str
) -> None:
    stage.on("GET /", {"error": "no"}, status=status, **{"Retry-After": "7"})
    reply = await stage.timed("{get: /, check: [{json: $.time, equals: '10:00'}]}", timeout=5)
    assert (reply.state, reply.failure) == ("down", failure)
    assert reply.sentence.startswith(f"GET / answered {status}")
    assert reply.retry_after == (7.0 if status in (429, 500, 503) else None)
    asked = await stage.timed(f"{{get: /, check: [{{status: {status}}}]}}", timeout=5)
    assert (asked.state, asked.failure) == ("up", None)


async def test_failures_are_told_apart(stage: Stage) -> None:
    stage.on("GET /empty", " ")
    stage.on("GET /prose", "Welcome")
    stage.on("GET /other", {"tme": "10:00"})
    stage.on("GET /mojibake", "Ihr Termin fÃ¼r MÃ¤rz ist notiert")
    stage.on("GET /nulls", {"time": None})
    found = {}
    for path in ("empty", "prose", "other", "nulls"):
        reply = await stage.timed(f"{{get: /{path}, check: [{{json: $.time, equals: '10:00'}}]}}", timeout=5)
        found[path] = (reply.failure, reply.sentence)
    assert found == {
        "empty": ("empty", '$.time should equal "10:00", got an empty reply'),
        "prose": ("garbage", '$.time should equal "10:00", got a reply that is not JSON'),
        "other": ("contract_changed", '$.time should equal "10:00", got nothing'),
        "nulls": ("wrong", '$.time should equal "10:00", got null (null, not text)'),
    }
    assert (await stage.timed("{get: /mojibake, check: [{contains: x}]}", timeout=5)).failure == "garbage"
    assert (await stage.timed("{get: /empty, check: [{contains: x}]}", timeout=5)).failure == "empty"


async def test_of_several_failures_the_first_of_the_taxonomy_names_the_attempt(stage: Stage) -> None:
    stage.on("GET /", {"time": "22:00"})
    written = "{get: /, check: [{json: $.time, equals: '10:00'}, {json: $.room, equals: 4}]}"
    reply = await stage.timed(written, timeout=5)
    assert (reply.failure, reply.sentence) == ("contract_changed", "$.room should equal 4, got nothing (and 1 more)")


async def test_groups_need_one_or_all_of_their_checks(stage: Stage) -> None:
    stage.on("GET /", {"state": "busy", "text": "try later"})
    one = "{get: /, check: [{any: [{json: $.state, equals: open}, {contains: later}]}]}"
    assert (await stage.timed(one, timeout=5)).state == "up"
    none = "{get: /, check: [{any: [{json: $.state, equals: open}, {contains: now}]}]}"
    reply = await stage.timed(none, timeout=5)
    assert reply.failure == "wrong"
    assert '$.state should equal "open", got "busy"' in reply.sentence
    both = "{get: /, check: [{all: [{json: $.state, equals: busy}, {any: [{contains: x}, {contains: later}]}]}]}"
    assert (await stage.timed(both, timeout=5)).state == "up"
    soft = "{get: /, check: [{contains: later}, {any: [{contains: now}], soft: true}]}"
    assert (await stage.timed(soft, timeout=5)).state == "degraded"


async def test_an_attempt_without_a_target_to_reach_is_unreachable(stage: Stage) -> None:
    job = {
        "kind": "http",
        "probe": "p",
        "spec": {"get": "/", "check": [{"status": 200}]},
        "target": {"url": "http://127.0.0.1:1"},
    }
    reply = await make(prepare(job), request())
    assert (reply.state, reply.failure, reply.phase) == ("down", "unreachable", "connect")
    assert "refused the connection" in reply.sentence
    assert reply.witness == REFUSED, "so it is there: our own network is not at fault"


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"kind": "htp", "spec": {}}, "no kind 'htp'"),
        ({"kind": "http", "spec": {"get": "/"}}, "a probe without a check"),
        ({"kind": "script", "file": "/nowhere/x.py", "function": "f"}, "x.py"),
        ({"kind": "http", "spec": {"get": "/", "check": [{"status": 200}]}, "target": {"url": "ftp://x"}}, "ftp"),
        (
            {
                "kind": "http",
                "spec": {"get": "/", "check": [{"status": 200}]},
                "target": {"url": "http://x", "headers": {"A": "${secret:S}"}},
            },
            "S is not set",
        ),
    ],
)
async def test_a_job_that_cannot_be_made_ready_answers_with_its_mistake(job: dict[str, Any], said: str) -> None:
    reply = await make(prepare(job), request())
    assert (reply.state, reply.failure) == ("unknown", "probe_bug")
    assert said in reply.sentence


async def test_a_cancelled_attempt_cleans_up_and_is_cancelled(stage: Stage) -> None:
    booked(stage)
    stage.on("GET /bookings/b/1", "late", after=30)
    task = asyncio.create_task(stage.timed(BOOKING, timeout=20))
    await asyncio.wait_for(stage.asked("GET /bookings/b%2F1"), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 3)
    assert stage.seen[-1] == "DELETE /bookings/b%2F1"


async def test_secrets_reach_the_target_and_nothing_else(stage: Stage) -> None:
    secret = "s3cr3t/value+x"

    async def echo(made: web.Request) -> web.Response:
        return web.Response(text=f"you sent {made.headers['X-Gate']} and {made.query['key']}", status=500)

    stage.on("GET /", echo)
    written = """
    {get: "/?key=${secret:KEY}", headers: {X-Gate: "${secret:KEY}"}, check: [{contains: "${secret:KEY}!"}]}
    """
    result = await stage.yaml(written, secrets={"KEY": secret})
    assert secret in stage.headers[0]["X-Gate"] and "s3cr3t%2Fvalue%2Bx" in stage.seen[0]
    shown = as_json(result.reply.evidence) + result.sentence + repr(result)
    assert "s3cr3t" not in shown and "[secret]" in shown


async def test_a_captured_token_is_kept_out_of_evidence(stage: Stage) -> None:
    stage.on("POST /login", {"token": "tok-123456"}, status=200)
    stage.on("GET /me", "who is tok-123456?", status=200)
    written = """
    steps:
      - {name: in, post: /login, capture: {token: {json: $.token, secret: true}}, check: [{status: 200}]}
      - {name: me, get: /me, headers: {Authorization: "Bearer ${token}"}, check: [{contains: Ada}]}
    """
    result = await stage.yaml(written)
    assert stage.headers[1]["Authorization"] == "Bearer tok-123456"
    assert result.failure == "wrong"
    assert "tok-123456" not in as_json(result.reply.evidence) + result.sentence


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "\ud800", "tab\there\x00"])
async def test_a_captured_value_cannot_forge_a_header(stage: Stage, value: str) -> None:
    stage.on("POST /a", {"id": value})
    stage.on("GET /b", "ok")
    written = """
    steps:
      - {post: /a, capture: {id: $.id}, check: [{status: 200}]}
      - {get: /b, headers: {X-Id: "${id}"}, params: {id: "${id}"}, check: [{contains: ok}]}
    """
    result = await stage.yaml(written)
    assert all("X-Evil" not in headers for headers in stage.headers)
    assert result.failure == (None if value == "\ud800" else "contract_changed"), result


async def test_evidence_is_cut_to_what_is_worth_keeping(stage: Stage) -> None:
    stage.on("GET /", "x" * 900_000)
    steps = ", ".join(f"{{name: s{number}, get: /, check: [{{contains: x}}]}}" for number in range(40))
    result = await stage.yaml(f"{{timeout: 30s, steps: [{steps}, {{name: end, get: /, check: [{{contains: y}}]}}]}}")
    assert result.failure == "wrong"
    assert len(as_json(result.reply.evidence)) <= 64_000
    assert len(result.steps) == 41
    assert len(result.reply.sentence) < 320


async def test_a_conversation_goes_on_and_single_questions_do_not(stage: Stage) -> None:
    async def chat(made: web.Request) -> web.Response:
        talk = (await made.json())["talk"]
        return web.json_response({"reply": f"{len(talk)} so far, the latest: {talk[-1]['content']}"})

    stage.on("POST /chat", chat)
    settings = {"post": "/chat", "send": {"talk": "${messages}"}, "reply": "$.reply"}
    turns = """
    chat:
      - {ask: hi, check: [{contains: 1 so far}]}
      - {ask: again, check: [{contains: "3 so far, the latest: again"}]}
    """
    result = await stage.yaml(turns, chat=settings)
    assert result.passed, result
    apart = "{steps: [{ask: hi, check: [{contains: 1 so far}]}, {ask: again, check: [{contains: 1 so far}]}]}"
    result = await stage.yaml(apart, chat=settings)
    assert result.passed and result.reply.spent["requests"] == 2, result


async def test_what_a_reply_measured_can_be_checked_and_is_kept(stage: Stage) -> None:
    stage.on("POST /chat", {"reply": "You are booked", "intent": "book"}, **{"X-Version": "7"})
    written = """
    ask: Book me at 10
    check:
      - {contains: booked}
      - {json: $.intent, equals: book}
      - {value: first_token, below: 2s}
      - {header: x-version, at-least: 7}
    """
    result = await stage.yaml(written)
    assert result.passed, result
    assert result.reply.values["first_token"] > 0
    assert [check["says"] for check in result.checks][:2] == ['reply contains "booked"', '$.intent equals "book"']


@pytest.mark.parametrize(
    ("check", "state", "failure"),
    [
        ("{value: total, below: 0.1ms, soft: true}", "degraded", "slow"),
        ("{value: total, at-most: 0.1ms, soft: true}", "degraded", "slow"),
        ("{value: total, above: 9s, soft: true}", "degraded", "wrong"),
        ("{value: total, not-below: 9s, soft: true}", "degraded", "wrong"),
        ("{value: size, below: 1, soft: true}", "degraded", "wrong"),
        ("{value: total, below: 0.1ms}", "down", "wrong"),
    ],
)
async def test_a_time_over_a_soft_limit_was_right_and_late(stage: Stage, check: str, state: str, failure: str) -> None:
    stage.on("GET /", "Book online")
    reply = await stage.timed(f"{{get: /, check: [{{contains: Book}}, {check}]}}", timeout=5)
    assert (reply.state, reply.failure) == (state, failure), reply.sentence


async def test_limits_for_each_part_of_a_request_name_the_part(stage: Stage) -> None:
    stage.on("GET /", "late", after=2)
    reply = await stage.timed("{get: /, timeout: {first_byte: 200ms, total: 5s}, check: [{contains: x}]}", timeout=5)
    assert (reply.failure, reply.phase) == ("timeout", "first_byte")
    stepped = "{steps: [{get: /, timeout: 100ms, check: [{contains: x}]}]}"
    reply = await stage.timed(stepped, timeout=5)
    assert (reply.failure, reply.took < 1_000_000) == ("timeout", True)


async def test_an_attempt_leaves_nothing_for_the_collector(stage: Stage) -> None:
    booked(stage)
    await stage.timed(BOOKING, timeout=5)
    await asyncio.sleep(0.05)
    gc.collect()
    try:
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        for _ in range(3):
            await stage.timed(BOOKING, timeout=5)
        await asyncio.sleep(0.05)
        gc.collect()
        left = {f"{type(each).__module__}.{type(each).__name__}" for each in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert not {name for name in left if name.startswith(("probes.", "httpx.", "httpcore."))}
