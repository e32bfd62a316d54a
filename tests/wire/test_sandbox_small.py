"""Faults as such, the webhook receiver, the dead-man's switch, and the servers as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from monitor.sandbox.faults import Fault, FaultBox, UnknownFault, build_fault, parse_fault
from monitor.sandbox.pings import UUID, PingServer
from monitor.sandbox.webhook import WebhookServer
from probes.words.clock import PushedClock

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


def test_a_fault_happens_as_often_and_where_it_was_set() -> None:
    box = FaultBox({"hang", "drop"})
    box.set("hang", times=2, skip=1, where="chat.*")
    met = [box.next(where) for where in ("auth.test", "chat.a", "chat.b", "auth.test", "chat.c", "chat.d")]
    assert [bool(m) for m in met] == [False, False, True, False, True, False]
    box.set("drop")
    assert box.next("x") and box.next("y"), "without a number it stays until it is cleared"
    assert box.next("x", among={"hang"}) is None
    box.clear("drop")
    assert not box and box.next("x") is None


def test_a_fault_nobody_knows_is_refused_with_the_nearest_name() -> None:
    box = FaultBox({"hang", "drop"})
    with pytest.raises(UnknownFault, match="did you mean 'hang'"):
        box.set("hangs")
    with pytest.raises(UnknownFault, match="one of: drop, hang"):
        box.set("")
    for wrong in (Fault("hang", times=0), Fault("hang", seconds=-1), Fault("hang", status=200), Fault("hang", skip=-1)):
        with pytest.raises(UnknownFault):
            box.set(wrong)
    assert not box


def test_a_fault_in_one_line() -> None:
    assert parse_fault("hang, seconds=2,times=1 ,where=chat.*") == Fault("hang", 2.0, 1, "chat.*")
    for text in ("hang,second=2", "hang,times=often", "hang,times=1e999"):
        with pytest.raises(UnknownFault):
            parse_fault(text)
    assert build_fault({"kind": "drop", "status": 503, "text": None}) == Fault("drop", status=503)


async def test_a_webhook_is_kept_byte_for_byte_and_refused_on_demand() -> None:
    async with WebhookServer() as hook, httpx.AsyncClient() as http:
        sent = b'{"b": 1,  "a": "<b>\xc3\xa9</b>"}'
        assert (await http.post(hook.hook_url, content=sent, headers={"X-Sign": "v1"})).status_code == 200
        assert (await http.put(f"{hook.hook_url}/below")).status_code == 200
        hook.faults.set("server-error", status=503, times=1)
        assert (await http.post(hook.hook_url)).status_code == 503
        hook.faults.set("drop", times=1)
        with pytest.raises(httpx.TransportError):
            await http.post(hook.hook_url)
        hook.status = 410
        assert (await http.post(hook.hook_url)).status_code == 410
        shown = (await http.get(hook.url)).text
    assert [(d.method, d.path) for d in hook.deliveries] == [("POST", "/hook"), ("PUT", "/hook/below")]
    assert hook.deliveries[0].body == sent and hook.deliveries[0].headers["x-sign"] == "v1"
    assert [r.accepted for r in hook.received] == [True, True, False, False, False]
    assert "&lt;b&gt;" in shown and "<b>é" not in shown


async def test_silence_for_longer_than_period_and_grace_is_down() -> None:
    clock = PushedClock(START)
    async with PingServer(clock=clock, period=60, grace=180) as pings, httpx.AsyncClient() as http:
        assert pings.state() == "new"
        answer = await http.post(pings.ping_url, content="all good")
        assert (answer.status_code, answer.text) == (200, "OK") and answer.headers["Ping-Body-Limit"]
        states: list[str] = []
        for seconds in (60, 1, 179, 1):
            clock.push(timedelta(seconds=seconds))
            states.append(pings.state())
        assert states == ["up", "grace", "grace", "down"]
        await http.head(pings.ping_url)
        assert pings.state() == "up"
        await http.get(f"{pings.ping_url}/fail")
        assert pings.state() == "down"
        await http.get(f"{pings.ping_url}/log")
        assert pings.state() == "down", "a log line changes no state"
        await http.get(f"{pings.ping_url}/0")
        await http.get(f"{pings.ping_url}/start", params={"rid": UUID})
        assert pings.state() == "up"
        clock.push(timedelta(seconds=181))
        assert pings.state() == "down", "what began and did not end is down after the grace"
        await http.get(f"{pings.ping_url}/17")
    assert [p.kind for p in pings.check.pings][-2:] == ["start", "fail"]
    assert pings.check.pings[-1].status == 17 and pings.check.pings[0].body == "all good"


async def test_a_ping_needs_an_address_that_exists() -> None:
    async with PingServer(limit=2) as pings, httpx.AsyncClient(base_url=pings.url) as http:
        codes = {
            path: (await http.get(path)).status_code
            for path in (
                "/5a9db0c5-0000-4000-8000-000000000000",
                f"/{UUID}/256",
                f"/{UUID}?rid=1",
                "/wrong-key/job",
                "/sandbox-ping-key/job",
                "/sandbox-ping-key/job?create=1",
                "/sandbox-ping-key/job/fail",
            )
        }
        assert list(codes.values()) == [404, 400, 400, 404, 404, 200, 200]
        assert pings.state("job") == "down"
        assert [(await http.get(f"/{UUID}")).status_code for _ in range(3)] == [200, 200, 429]
        assert "job" in (await http.get("/")).text


@contextmanager
def process(*arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    """The servers in a process of their own, as another program starts them."""
    command = [sys.executable, "-m", "monitor.sandbox", *arguments]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    assert child.stdout is not None and child.stdin is not None and child.stderr is not None
    try:
        line = child.stdout.readline()
        yield child, json.loads(line or b"{}")
    finally:
        child.kill()
        child.wait(5)
        for pipe in (child.stdin, child.stdout, child.stderr):
            pipe.close()


def test_servers_run_as_a_process_and_leave_with_their_parent(tmp_path: Path) -> None:
    lines = tmp_path / "record.jsonl"
    began = time.monotonic()
    options = ["--record", str(lines), "--fault", "phone:server-error,times=1", "--fault", "models:empty"]
    with process("phone", "clinic", "models", "pagerduty", *options) as (child, told):
        assert time.monotonic() - began < 10
        servers = told["servers"]
        assert told["ready"] and told["pid"] == child.pid and set(servers) == {"phone", "clinic", "models", "pagerduty"}
        page = {"topic": "ops", "message": "hello"}
        assert [httpx.post(servers["phone"]["url"], json=page).status_code for _ in range(2)] == [500, 200]
        chat = httpx.post(f"{servers['clinic']['url']}/chat", json={"message": "when are you open?"})
        assert chat.json()["reply"] == "", "the clinic talks to the models beside it"
        assert os.path.exists(servers["pagerduty"]["ca_file"])
        key = {"Authorization": f"Bearer {servers['models']['control_token']}"}
        cleared = httpx.delete(f"{servers['models']['url']}/_sandbox/faults", headers=key)
        assert cleared.json() == {"set": []}
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(5) == 0
    written = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [(w["server"], w["what"]) for w in written] == [
        ("phone", "publish"),
        ("phone", "publish"),
        ("models", "chat"),
        ("clinic", "chat"),
    ]
    assert not os.path.exists(servers["pagerduty"]["ca_file"])


def test_sigterm_ends_it_and_a_port_can_be_chosen_again() -> None:
    with process("webhook") as (first, told):
        port = told["servers"]["webhook"]["url"].rpartition(":")[2]
        first.send_signal(signal.SIGTERM)
        assert first.wait(5) == 0
    with process("webhook", "--port", port) as (_, told):
        assert told["servers"]["webhook"]["client_url"] == f"http://127.0.0.1:{port}/hook"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["slak"], "slack"),
        (["slack", "--fault", "hangs"], "did you mean 'hang'?"),
        (["slack", "phone", "--port", "1"], "SERVER=N"),
        (["slack", "phone", "--fault", "hang"], "SERVER:KIND"),
        (["slack", "--port", "99999"], "SERVER=N"),
    ],
)
def test_a_command_line_that_cannot_be_meant_is_explained(arguments: list[str], told: str) -> None:
    command = [sys.executable, "-m", "monitor.sandbox", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=20, cwd=ROOT, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 2 and told in done.stderr and "Traceback" not in done.stderr
