"""The whole keeper and a job that waits to be called back: in YAML, in Python, and when nothing comes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from monitor import app, assembly
from monitor.sandbox.invoices import Invoices
from monitor.services import SERVICES
from monitor.systemd import Silence
from monitor.tokens import hook_token, key_in
from monitor.web.app import loops, taken
from probes.words.outcome import State
from tests.story.keeping import until
from tests.story.office import INVOICE, SUBMIT

JOB = "invoices/production/reads"
SCRIPT = "invoices/production/waits"
CONFIG = """\
web: {{listen: "127.0.0.1:{port}"}}
workflows:
  invoices:
    url: "{url}"
    probes:
      reads:
        every: 1m
        attempts: 1
        cleanup: 2s
        submit: {submit}
        wait:
          - {{name: called back, within: {within}, webhook: true, check: [{{json: $.event, equals: invoice.done}}]}}
"""
JOURNEY = '''
from probes import Context, probe


@probe(workflow="invoices", every="1m", timeout="8s", attempts=1)
async def waits(ctx: Context) -> None:
    """A script is called back, too."""
    async with ctx.step("submit"):
        text = (await ctx.read("invoice.txt")).decode().replace("${marker}", ctx.marker)
        form = {"callback": ctx.hook}
        ctx.check(await ctx.http.post("/invoices", data=form, files={"file": ("a.txt", text)})).status(202)
    async with ctx.step("called back"):
        called = await ctx.until(ctx.webhook, within="5s")
        ctx.check(called.json("$.reference")).equals(ctx.marker)
'''


def free_port() -> int:
    with socket.socket() as end:
        end.bind(("127.0.0.1", 0))
        return int(end.getsockname()[1])


@pytest.fixture
async def office() -> AsyncIterator[Invoices]:
    async with Invoices(seconds=0.3) as made:
        yield made


@asynccontextmanager
async def serving(config: Path) -> AsyncIterator[app.Keeper]:
    """The keeper with its port open, as `showup run` has it; it is stopped at the end."""
    keeper = await assembly.build(config, folder=config.parent / "state")
    keeper.loops.update(loops(keeper))
    ready = asyncio.Event()
    task = asyncio.create_task(app.serve(keeper, notifier=Silence(), ready=ready.set))
    try:
        async with asyncio.timeout(20):
            await ready.wait()
        await until(lambda: taken(keeper.catalog.web.listen))
        yield keeper
    finally:
        keeper.stopping.set()
        await asyncio.wait_for(task, 30)


def configure(folder: Path, office: Invoices, *, within: str = "6s") -> Path:
    """A job and a script that give their address to the office."""
    body = SUBMIT.replace("submit:", "", 1).replace("file: {", "data: {callback: '${hook}'}\n  file: {")
    indented = body.replace("\n", "\n        ")
    text = CONFIG.format(port=free_port(), url=office.url, submit=indented, within=within)
    (folder / "showup.yaml").write_text(text)
    (folder / "invoice.txt").write_text(INVOICE)
    (folder / "journeys").mkdir()
    (folder / "journeys" / "waits.py").write_text(JOURNEY)
    return folder / "showup.yaml"


def address(keeper: app.Keeper, name: str = JOB) -> str:
    return keeper.hooks.address(keeper.catalog.probes[name])


async def ran(keeper: app.Keeper, name: str = JOB) -> tuple[State, str, str]:
    """One run now; its state, failure and sentence."""
    track = keeper.engine.tracks[name]
    before = track.last
    await until(lambda: not track.running)
    await keeper.engine.run_now(name)  # nothing, when its schedule was faster
    await until(lambda: not track.running and track.last is not before, within=30)
    last = track.last
    assert last is not None
    return last.state, last.failure, last.sentence


async def test_a_job_and_a_script_are_called_back_through_the_keeper(tmp_path: Path, office: Invoices) -> None:
    async with serving(configure(tmp_path, office)) as keeper:
        assert await ran(keeper) == (State.UP, "", "")
        assert await ran(keeper, SCRIPT) == (State.UP, "", "")
        assert office.works.keys() == {work.id for work in office.works.values() if work.name == "a.txt"}


async def test_a_call_that_never_comes_is_a_timeout_of_its_stage(tmp_path: Path, office: Invoices) -> None:
    office.faults.set("lost", where="webhook")
    async with serving(configure(tmp_path, office, within="1s")) as keeper:
        state, failure, sentence = await ran(keeper)
    assert (state, failure) == (State.DOWN, "timeout")
    assert sentence == "stage 'called back' not seen within 1s; last seen: no webhook"


async def test_what_was_meant_for_another_attempt_is_not_taken(tmp_path: Path, office: Invoices) -> None:
    office.faults.set("lost", where="webhook")
    async with serving(configure(tmp_path, office, within="2s")) as keeper, httpx.AsyncClient() as client:
        run = asyncio.create_task(ran(keeper))
        await until(lambda: office.works)
        late = {"event": "invoice.done", "reference": "showup-1K14FN8T0Y40001-1"}
        assert (await client.post(address(keeper), json=late)).status_code == 202
        state, _, sentence = await run
    assert state is State.DOWN
    assert "last seen: 1 webhook, none with showup-" in sentence


async def test_what_bears_no_marker_is_for_whoever_waits(tmp_path: Path, office: Invoices) -> None:
    office.faults.set("lost", where="webhook")
    async with serving(configure(tmp_path, office, within="4s")) as keeper, httpx.AsyncClient() as client:
        run = asyncio.create_task(ran(keeper))
        await until(lambda: office.works)
        assert (await client.post(address(keeper), json={"event": "invoice.done"})).status_code == 202
        assert (await run)[0] is State.UP


async def test_only_a_right_token_is_let_in_and_large_bodies_are_cut(tmp_path: Path, office: Invoices) -> None:
    async with serving(configure(tmp_path, office)) as keeper, httpx.AsyncClient() as client:
        right = address(keeper)
        assert right.endswith(hook_token(key_in(keeper.folder), JOB)) and right != address(keeper, SCRIPT)
        for wrong in (right[:-1] + ("0" if right[-1] != "0" else "1"), right[:-40] + "é" * 40, right[:-40]):
            assert (await client.post(wrong, json={})).status_code in (404, 405)
        assert (await client.get(right)).status_code == 404
        assert (await client.post(right, content=b"\xff" * 10_000_000)).status_code == 202
        assert [len(one.body) for one in keeper.hooks.recent(JOB, after=0)] == [64 << 10]
        answers = [(await client.post(right, content=b"x")).status_code for _ in range(150)]
        assert set(answers) == {202} and len(keeper.hooks.recent(JOB, after=0)) <= 100


async def test_what_was_submitted_is_cleaned_up_when_the_keeper_stops_meanwhile(
    tmp_path: Path, office: Invoices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "DRAIN", 0.2)
    office.faults.set("late", seconds=60)
    async with serving(configure(tmp_path, office, within="15s")) as keeper:
        run = asyncio.create_task(keeper.engine.run_now(JOB))
        await until(lambda: office.works)
        keeper.engine._runs._tasks.add(run)
    await until(lambda: not office.works, within=3.0)
    await asyncio.gather(run, return_exceptions=True)


async def test_neither_log_nor_evidence_has_the_token(
    tmp_path: Path, office: Invoices, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(configure(tmp_path, office)) as keeper:
        await ran(keeper)
        token = hook_token(key_in(keeper.folder), JOB)
        await keeper.store.flush()
        kept_run = await SERVICES["run"](keeper, (await SERVICES["runs"](keeper, JOB))[0]["id"])
    said = capsys.readouterr()
    assert "callback" in str(kept_run), "the form is in the evidence"
    assert token not in said.out + said.err + str(kept_run)
