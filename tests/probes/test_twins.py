"""YAML and Python say the same: twins of both meet every fault of the sandbox and come to the same outcome."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.sandbox.clinic import Clinic
from monitor.sandbox.faults import WIRE
from monitor.sandbox.models.server import ModelServer
from probes import Context, probe
from probes.author import Probe
from probes.testing import Result, attempt

INTAKE = """
timeout: 700ms
steps:
  - name: ask
    ask: "A cleaning on ${date+30d} at 10, please. I am Test ${run_id}"
    budget: 400ms
    check: [{json: $.intent, equals: book_appointment}, {value: first_token, below: 1.5s, soft: true}]
    capture: {booking: $.booking_id}
    cleanup: {delete: "/appointments/${booking}"}              # skipped when nothing was captured
  - {name: booked, get: "/appointments/${booking}", check: [{json: $.time, equals: "10:00"}]}
"""


@probe(timeout="700ms")
async def intake(ctx: Context) -> None:
    """The twin of INTAKE."""
    async with ctx.step("ask", budget="400ms"):
        reply = await ctx.ask(f"A cleaning on {ctx.date('+30d')} at 10, please. I am Test {ctx.run_id}")
        booking = ctx.capture("booking", reply.json("$.booking_id"))
        if booking:
            ctx.cleanup(ctx.http.delete, ctx.path("/appointments/{}", booking))
        ctx.check(reply.json("$.intent")).equals("book_appointment")
        ctx.check(reply.first_token, soft=True).below("1.5s")
    async with ctx.step("booked"):
        found = await ctx.http.get(ctx.path("/appointments/{}", booking))
        ctx.check(found.json("$.time")).equals("10:00")


BOOKS = """
timeout: 700ms
steps:
  - name: ask
    ask: "A cleaning on ${date+30d} at 10, please. I am Test ${run_id}"
    budget: 4s
    check: [{contains: booked}]
    cleanup: {delete: /appointments, params: {name: "Test ${run_id}"}}
  - {name: booked, get: /calendar, params: {name: "Test ${run_id}"}, budget: 2s,
     check: [{json: "$.appointments[0].time", equals: "10:00"}]}
"""


def books_a_cleaning() -> Probe:
    """The example that users read, as it stands in examples/, with a shorter time."""
    file = Path(__file__).parents[2] / "examples" / "journeys" / "books_a_cleaning.py"
    spec = importlib.util.spec_from_file_location("books_a_cleaning", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: Probe = module.books_a_cleaning
    return Probe(made.script, {**made.options, "timeout": "700ms"}, made.file, made.line)


@pytest.fixture
async def clinic() -> AsyncIterator[Clinic]:
    async with Clinic() as made:
        yield made


def target(clinic: Clinic) -> dict[str, Any]:
    return {"url": clinic.url, "chat": {"post": "/chat", "send": {"message": "${ask}"}, "reply": "$.reply"}}


def came_to(result: Result) -> dict[str, Any]:
    """All of an outcome that does not tell one run from another."""
    reply = result.reply
    return {
        "outcome": (reply.state, reply.failure, reply.step, reply.phase, reply.retry_after),
        "steps": [(step["name"], step["ok"], step["reached"]) for step in result.steps],
        "checks": [(check["name"], check["ok"], check["soft"], check["source"]) for check in result.checks],
        "requests": [(request["method"], request["status"]) for step in result.steps for request in step["requests"]],
        "cleanups": [each["ok"] for each in result.cleanups if not each["skipped"]],
    }


async def twins(written: str, script: Probe, where: dict[str, Any]) -> tuple[Result, Result]:
    return await attempt(yaml.safe_load(written), where), await attempt(script, where)


WHOLE = {
    None: "up",
    "down": "app_error",
    "drop": "truncated",
    "empty": "empty",
    "garbage": "garbage",
    "hang": "timeout",
    "lost-reply": "truncated",
    "model-cut": "app_error",
    "model-down": "app_error",
    "model-empty": "empty",
    "no-booking": "contract_changed",
    "rate-limited": "rate_limited",
    "refuse": "refused",
    "server-error": "app_error",
    "slow": "slow",
    "wrong-time": "wrong",
}
FAULTS = [None, *sorted({*Clinic.kinds, *WIRE, "model-down", "model-empty", "model-cut"})]


def test_every_fault_of_the_clinic_is_met() -> None:
    assert set(FAULTS) == set(WHOLE)


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_twins_of_the_intake_probe_agree(clinic: Clinic, fault: str | None) -> None:
    if fault is not None:
        seconds = {"hang": 600.0, "slow": 0.5}.get(fault)
        clinic.break_it(fault, **({"seconds": seconds, "where": "chat"} if seconds else {}))
    written, script = await twins(INTAKE, intake, target(clinic))
    assert came_to(written) == came_to(script), f"{written}\n{script}"
    # garbage and a refusal are in words that this probe does not read
    expected = {"garbage": "up", "refuse": "up"}.get(fault or "", WHOLE[fault])
    assert (written.failure or written.state) == expected, written
    if fault in (None, "garbage", "refuse", "slow", "wrong-time"):  # it learned what to take back
        assert clinic.calendar.find() == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_twins_of_the_example_agree_and_leave_nothing_behind(clinic: Clinic, fault: str | None) -> None:
    if fault is not None:
        where = {"hang": "chat", "slow": "chat"}.get(fault)
        clinic.break_it(fault, **({"seconds": 600.0 if fault == "hang" else 0.5, "where": where} if where else {}))
    written, script = await twins(BOOKS, books_a_cleaning(), target(clinic))
    assert came_to(written) == came_to(script), f"{written}\n{script}"
    expected = {"slow": "up"}.get(fault or "", WHOLE[fault])
    assert (written.failure or written.state) == expected, written
    if fault not in (
        "down",
        "drop",
        "server-error",
        "rate-limited",
        "lost-reply",
    ):  # where nothing can be undone either
        assert clinic.calendar.find() == []


# a model itself, with each way in which models fail

ASKS = """
ask: Say the word pineapple
timeout: {first_token: 400ms, idle: 400ms, total: 1s}
check: [{contains: pineapple}]
"""


@probe(timeout={"first_token": "400ms", "idle": "400ms", "total": "1s"}, name="ask")
async def asks(ctx: Context) -> None:
    """The twin of ASKS."""
    async with ctx.step("ask"):
        ctx.check(await ctx.ask("Say the word pineapple")).contains("pineapple")


MODEL = {
    None: "up",
    "buffered": "up",
    "content-filter": "refused",
    "cut": "truncated",
    "drop": "truncated",
    "empty": "empty",
    "error-in-stream": "provider_down",
    "garbage": "garbage",
    "hang": "timeout",
    "idle-gap": "timeout",
    "length": "truncated",
    "model-swapped": "contract_changed",
    "no-done": "truncated",
    "no-first-token": "timeout",
    "rate-limited": "rate_limited",
    "refusal": "refused",
    "server-error": "provider_down",
    "slow": "up",
    "slow-tokens": "up",
    "wrong": "wrong",
}


# A stream has no reply apart from what was asked for, so none can be lost.
@pytest.mark.parametrize("fault", [None, *sorted({*ModelServer.kinds, *WIRE} - {"lost-reply"})])
async def test_the_twins_of_a_question_to_a_model_agree(fault: str | None) -> None:
    async with ModelServer() as models:
        if fault is not None:
            seconds = {"slow": 0.1, "slow-tokens": 0.02}.get(fault)
            more: dict[str, Any] = {"seconds": seconds} if seconds else {}
            models.faults.set(fault, **more, **({"text": "bananas"} if fault == "wrong" else {}))
        chat = {"dialect": "openai", "model": "gpt-5-mini"}
        where = {"url": models.base_url, "auth": {"bearer": models.key}, "chat": chat}
        written, script = await twins(ASKS, asks, where)
    assert came_to(written) == came_to(script), f"{written}\n{script}"
    if fault in MODEL:
        assert (written.failure or written.state) == MODEL[fault], written
    else:
        assert not written.passed and written.failure not in ("wrong", "probe_bug", "monitor_fault"), written
