"""Probes in Python: what authors write works, and what they get wrong is said with its line and the fix."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from probes import Context, probe
from probes.author import Probe
from probes.testing import Result
from probes.words.errors import ProbeBug
from tests.probes.stage import Stage

Script = Callable[[Context], Awaitable[None]]


@pytest.fixture
def page(stage: Stage) -> Stage:
    stage.on("GET /", "Book online")
    stage.on("GET /calendar", {"appointments": [{"time": "10:00", "id": 7}]})
    stage.on("GET /broken", "down", status=503)
    return stage


def line_of(script: Probe, text: str) -> str:
    """Where `text` stands in a probe of this file."""
    lines, first = inspect.getsourcelines(script.script)
    return f"probes/test_scripts.py:{first + next(number for number, line in enumerate(lines) if text in line)}"


async def run(stage: Stage, script: Script, **more: Any) -> tuple[Result, Probe]:
    made = probe(workflow="w")(script)
    return await stage.python(made, **more), made


async def test_a_script_that_holds_is_up(page: Stage) -> None:
    async def books(ctx: Context) -> None:
        async with ctx.step("home"):
            ctx.check(await ctx.http.get("/")).contains("Book").not_.contains("error").status(200)
        async with ctx.step("calendar"):
            found = await ctx.http.get("/calendar", params={"name": f"Test {ctx.run_id}"})
            ctx.check(found.json("$.appointments[0].time")).equals("10:00")
            ctx.check(found.status).equals(200)
            ctx.check(found.value("total"), soft=True).below("5s")
            assert ctx.capture("id", found.json("$.appointments[0].id")) == 7

    result, _ = await run(page, books)
    assert (result.state, result.failure) == ("up", None), result
    assert [check["source"] for check in result.checks][3:] == [
        "$.appointments[0].time in step calendar",
        "status in step calendar",
        "total in step calendar",
    ]
    assert result.steps[1]["captured"] == {"id": "7"}
    assert page.seen[1].startswith("GET /calendar?name=Test")


async def test_what_a_script_leaves_outside_of_steps_stands_under_its_own_name(page: Stage) -> None:
    async def short_one(ctx: Context) -> None:
        ctx.check(await ctx.http.get("/")).contains("Nope")
        ctx.check(await ctx.http.get("/")).contains("Book")

    result, _ = await run(page, short_one)
    assert (result.failure, result.reply.step) == ("wrong", "short-one")
    assert [step["name"] for step in result.steps] == ["short-one"]
    assert len(page.seen) == 2


async def test_an_absent_value_is_a_failed_check_and_not_an_exception(page: Stage) -> None:
    async def books(ctx: Context) -> None:
        found = await ctx.http.get("/calendar")
        ctx.check(found.json("$.appointments[3].time")).equals("10:00")
        ctx.check(found.header("X-None")).exists()
        ctx.check(found.find(r"id: (\d)")).equals("7")

    result, _ = await run(page, books)
    assert (result.state, result.failure) == ("down", "contract_changed")
    assert len([check for check in result.checks if not check["ok"]]) == 3


@pytest.mark.parametrize(
    "use",
    [
        lambda value: f"/appointments/{value}",
        lambda value: value["id"],
        lambda value: value + 1,
        lambda value: value.upper(),
        lambda value: [*value],
        lambda value: value > 3,
    ],
)
async def test_an_absent_value_that_is_used_ends_the_run_and_the_target_is_to_blame(page: Stage, use: Any) -> None:
    async def books(ctx: Context) -> None:
        found = await ctx.http.get("/calendar")
        try:
            use(found.json("$.nothing"))
        except Exception:
            await ctx.http.get("/never")
        await ctx.http.get("/never")

    result, _ = await run(page, books)
    assert (result.state, result.failure) == ("down", "contract_changed")
    assert result.sentence == "$.nothing should exist, got nothing"
    assert page.seen == ["GET /calendar"]


async def test_an_observed_failure_outranks_a_later_exception_in_the_script(page: Stage) -> None:
    async def books(ctx: Context) -> None:
        async with ctx.step("calendar"):
            found = await ctx.http.get("/broken")
            raise KeyError(found.text)

    result, made = await run(page, books)
    assert (result.state, result.failure, result.reply.step) == ("down", "app_error", "calendar")
    assert any(line_of(made, "raise KeyError") in note for note in result.reply.evidence["notes"])  # type: ignore[index]


async def test_an_exception_is_a_bug_of_the_probe_with_its_line(page: Stage) -> None:
    async def books(ctx: Context) -> None:
        found = await ctx.http.get("/calendar")
        day = found.json()["day"]
        ctx.check(day).equals("Monday")

    result, made = await run(page, books)
    assert (result.state, result.failure) == ("unknown", "probe_bug")
    assert result.sentence == f"KeyError: 'day' at {line_of(made, 'day = ')}: day = found.json()[\"day\"]"


async def no_check(ctx: Context) -> None:
    await ctx.http.get("/")


async def no_matcher(ctx: Context) -> None:
    ctx.check(await ctx.http.get("/"))


async def not_awaited(ctx: Context) -> None:
    ctx.http.get("/")
    ctx.check(await ctx.http.get("/")).contains("Book")


async def checked_before_awaited(ctx: Context) -> None:
    ctx.check(ctx.http.get("/")).contains("Book")


async def read_before_awaited(ctx: Context) -> None:
    ctx.check(ctx.http.get("/").text).contains("Book")


async def step_not_async(ctx: Context) -> None:
    with ctx.step("one"):  # type: ignore[attr-defined]
        pass


async def step_not_entered(ctx: Context) -> None:
    ctx.step("one")
    ctx.check(await ctx.http.get("/")).contains("Book")


async def step_in_step(ctx: Context) -> None:
    async with ctx.step("one"), ctx.step("two"):
        pass


async def cleanup_called(ctx: Context) -> None:
    ctx.cleanup(ctx.http.delete("/x"))  # type: ignore[arg-type]


async def unknown_option(ctx: Context) -> None:
    await ctx.http.get("/", jsn={})  # type: ignore[call-arg]


async def unknown_secret(ctx: Context) -> None:
    ctx.secret("TOKEN")


async def bad_pattern(ctx: Context) -> None:
    ctx.check(await ctx.http.get("/")).regex("(a+)+")


async def bad_budget(ctx: Context) -> None:
    async with ctx.step("one", budget="soon"):
        pass


async def bad_date(ctx: Context) -> None:
    ctx.date("tomorrow")


async def bad_path(ctx: Context) -> None:
    ctx.path("/a/{}/{}", 1)


async def leaves(ctx: Context) -> None:
    raise SystemExit(0)


async def helper_not_awaited(ctx: Context) -> None:
    not_awaited(ctx)  # type: ignore[unused-coroutine]
    ctx.check(await ctx.http.get("/")).contains("Book")


async def unknown_capture(ctx: Context) -> None:
    ctx.check(await ctx.http.get("/")).contains(ctx.captured["booking"])


BUGS = [
    (no_check, None, "the probe checked nothing; write ctx.check(reply).contains(…)"),
    (no_matcher, "ctx.check", "has no matcher; write .equals(…) or .contains(…) after it"),
    (not_awaited, 'ctx.http.get("/")', "was never awaited; write await ctx.http.get(…)"),
    (checked_before_awaited, "ctx.check", "is checked before it was awaited"),
    (read_before_awaited, "ctx.check", "write (await ctx.http.get(…)).text"),
    (step_not_async, "with ctx.step", 'write async with ctx.step("one"):'),
    (step_not_entered, "ctx.step", "was never entered; write async with ctx.step(…):"),
    (step_in_step, 'ctx.step("two")', "let one step end before the next begins"),
    (cleanup_called, "ctx.cleanup", "without calling it"),
    (unknown_option, "ctx.http.get", "ctx.http.get takes no 'jsn'"),
    (unknown_secret, "ctx.secret", 'secrets=["TOKEN"]'),
    (bad_pattern, "regex", "a repeat of a repeat"),
    (bad_budget, "ctx.step", "budget: not a duration"),
    (bad_date, "ctx.date", "write +30d"),
    (bad_path, "ctx.path", "as many values as there are {}"),
    (leaves, "raise SystemExit", "the script ended itself"),
    (helper_not_awaited, "not_awaited(ctx)", "not_awaited(…)"),
    (unknown_capture, "ctx.captured", "nothing was captured as booking"),
]


@pytest.mark.parametrize(("script", "line", "said"), BUGS, ids=[case[0].__name__ for case in BUGS])
async def test_misuse_is_a_bug_of_the_probe_with_its_line_and_the_fix(
    page: Stage, script: Script, line: str | None, said: str
) -> None:
    result, made = await run(page, script)
    assert (result.state, result.failure) == ("unknown", "probe_bug"), result
    assert said in result.sentence
    if line is not None:
        assert line_of(made, line) in result.sentence


async def test_a_failure_of_the_target_is_not_hidden_by_misuse(page: Stage) -> None:
    async def books(ctx: Context) -> None:
        ctx.check(await ctx.http.get("/")).contains("Nope")
        ctx.http.get("/calendar")

    result, _ = await run(page, books)
    assert (result.state, result.failure) == ("down", "wrong")


async def test_no_except_of_a_script_holds_up_the_end_of_its_run(page: Stage) -> None:
    async def books(ctx: Context) -> None:
        for _ in range(3):
            with contextlib.suppress(Exception):
                async with ctx.step(f"try {len(page.seen)}"):
                    ctx.check(await ctx.http.get("/")).contains("Nope")

    result, _ = await run(page, books)
    assert (result.failure, len(page.seen)) == ("wrong", 1)


async def test_who_reads_the_status_decides_what_it_means(page: Stage) -> None:
    async def polls(ctx: Context) -> None:
        while (found := await ctx.http.get("/report")).status == 404:
            page.on("GET /report", "ready")
        ctx.check(found).contains("ready")

    result, _ = await run(page, polls)
    assert (result.state, len(page.seen)) == ("up", 2), result

    async def asks(ctx: Context) -> None:
        ctx.check((await ctx.http.get("/broken")).status).equals(200)

    result, _ = await run(page, asks)
    assert (result.failure, result.sentence) == ("app_error", "status should equal 200, got 503")


async def test_calls_may_run_side_by_side(page: Stage) -> None:
    async def books(ctx: Context) -> None:
        async with ctx.step("both"):
            one, other = await asyncio.gather(ctx.http.get("/"), ctx.http.get("/calendar"))
            ctx.check(one).contains("Book")
            ctx.check(other.json("$.appointments")).length(1)

    result, _ = await run(page, books)
    assert result.passed, result
    assert len(result.steps[0]["requests"]) == 2


async def test_a_failure_inside_a_task_group_is_still_the_targets(page: Stage) -> None:
    async def books(ctx: Context) -> None:
        async def look() -> None:
            (await ctx.http.get("/calendar")).json("$.nothing")["x"]

        async with asyncio.TaskGroup() as group:
            group.create_task(look())

    result, _ = await run(page, books)
    assert result.failure == "contract_changed", result


async def test_clean_ups_of_a_script_run_last_in_first_out_whatever_they_are(page: Stage) -> None:
    order: list[str] = []

    async def books(ctx: Context) -> None:
        ctx.cleanup(ctx.http.delete, "/appointments", params={"name": "x"})

        async def undo(what: str) -> None:
            order.append(what)
            ctx.check(await ctx.http.get("/broken")).contains("x")

        ctx.cleanup(undo, "async")
        ctx.cleanup(order.append, "plain")
        ctx.cleanup(lambda: 1 / 0)

        async def forgets() -> None:
            ctx.http.delete("/forgotten")

        ctx.cleanup(forgets)
        ctx.check(await ctx.http.get("/")).contains("Book")

    result, _ = await run(page, books)
    assert (result.state, order) == ("up", ["plain", "async"])
    assert page.seen[-1] == "DELETE /appointments?name=x"
    forgotten, *troubles = [each["trouble"] for each in result.cleanups]
    assert "ctx.http.delete(…) at probes/test_scripts.py:" in forgotten and "was never awaited" in forgotten
    assert troubles[0].startswith("ZeroDivisionError: division by zero at probes/test_scripts.py:")
    assert troubles[1:] == ["", 'reply should contain "x", got "down"', ""]
    assert len(result.reply.cleanup_failed) == 3


async def test_the_secret_of_a_script_is_kept_out_of_what_it_notes(page: Stage) -> None:
    async def books(ctx: Context) -> None:
        ctx.note(f"using {ctx.secret('TOKEN')}")
        ctx.check(await ctx.http.get("/", headers={"X-Key": ctx.secret("TOKEN")})).contains("Nope")

    result, _ = await run(page, books, secrets={"TOKEN": "sesame-42"})
    assert page.headers[0]["X-Key"] == "sesame-42"
    assert result.reply.evidence is not None and result.reply.evidence["notes"] == ["using [secret]"]


async def test_a_path_takes_values_that_cannot_lead_elsewhere(page: Stage) -> None:
    async def books(ctx: Context) -> None:
        ctx.check(await ctx.http.get(ctx.path("/a/{}/b", "x/../y?z"))).status(404)

    result, _ = await run(page, books)
    assert result.passed and page.seen == ["GET /a/x%2F..%2Fy%3Fz/b"]


async def test_time_and_names_are_those_of_the_attempt(page: Stage) -> None:
    said: list[str] = []

    async def books(ctx: Context) -> None:
        said.extend(
            (
                ctx.date(),
                ctx.date("+1w"),
                ctx.date("+5wd"),
                ctx.date("+30d", form="%d %B"),
                ctx.now("+1h"),
                ctx.uuid,
                ctx.uuid,
            )
        )
        ctx.check(await ctx.http.get("/")).contains("Book")

    await run(page, books)
    assert said[0] < said[1] and len(said[0]) == 10 and said[4].endswith("Z")
    assert said[5] == said[6] and len(said[5]) == 36


async def test_the_time_of_a_script_is_bounded_too(page: Stage) -> None:
    @probe(workflow="w", timeout="300ms")
    async def waits(ctx: Context) -> None:
        async with ctx.step("poll"):
            ctx.check(await ctx.http.get("/")).contains("Book")
            await asyncio.sleep(30)

    result = await page.python(waits)
    assert (result.state, result.failure, result.reply.phase) == ("down", "timeout", "total")
    assert result.reply.took < 1_300_000


async def test_a_timeout_of_the_scripts_own_is_its_own_fault(page: Stage) -> None:
    async def waits(ctx: Context) -> None:
        async with asyncio.timeout(0.05):
            await asyncio.sleep(30)

    result, _ = await run(page, waits)
    assert result.failure == "probe_bug" and "TimeoutError" in result.sentence


async def test_an_answer_of_any_kind_reads_the_same(page: Stage) -> None:
    async def late(_: web.Request) -> web.Response:
        return web.json_response({"reply": "booked for 10:00", "intent": "book"}, headers={"X-Version": "7"})

    page.on("POST /chat", late)

    async def books(ctx: Context) -> None:
        answer = await ctx.ask("Book me")
        ctx.check(answer).contains("10:00").regex(r"\d\d:\d\d")
        ctx.check(answer.text).contains("booked")
        ctx.check(answer.json("$.intent")).equals("book")
        ctx.check(answer.first_token, soft=True).below("5s")
        ctx.check(answer.header("x-version")).at_least(7)
        with ctx.any():
            ctx.check(answer).contains("nope")
            ctx.check(answer).contains("booked")

    result, _ = await run(page, books)
    assert (result.state, result.failure) == ("up", None), result


def test_probe_wants_its_parentheses_and_an_async_function() -> None:
    with pytest.raises(ProbeBug, match="without its parentheses"):
        probe(no_check)  # type: ignore[arg-type]
    with pytest.raises(ProbeBug, match="is not async") as caught:

        @probe(workflow="w")  # type: ignore[arg-type]
        def plain(ctx: Context) -> None:
            pass

    assert "test_scripts.py" in caught.value.where and "async def plain" in caught.value.hint
    with pytest.raises(ProbeBug, match="takes 0 values"):

        @probe(workflow="w")  # type: ignore[arg-type]
        async def empty() -> None:
            pass


async def test_a_probe_is_frozen_and_still_callable(page: Stage) -> None:
    made = probe(workflow="w", every="5m")(no_check)
    assert (made.name, made.options["every"], made.line) == ("no-check", "5m", no_check.__code__.co_firstlineno)
    with pytest.raises(AttributeError):
        made.line = 3  # type: ignore[misc]
    running = made(None)  # type: ignore[arg-type]
    assert asyncio.iscoroutine(running)
    running.close()
