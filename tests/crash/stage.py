"""What a story is played on: providers and a target in this process, which is the oracle, and a daemon that can die."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psutil

from monitor.places import SOCKET
from monitor.sandbox.pagerduty import PagerDutyServer
from monitor.sandbox.phone import PhoneServer
from monitor.sandbox.slack import SlackServer
from probes.words.clock import SystemClock
from tests.serving import Page

ROOT = Path(__file__).resolve().parents[2]
TOPIC = "ana-rings"
CONFIG = """\
site: {{title: Northside Dental, timezone: UTC}}
monitor: {{policy: quiet}}
defaults: {{policy: wake-us, every: 1s, timeout: 700ms, cleanup: 100ms, attempts: 1, confirm: 2 of 2}}
web: {{listen: ""}}
channels:
  console: {{}}
  slack: {{token: "${{secret:SLACK_BOT}}", app_token: "${{secret:SLACK_APP}}", channel: ops-alerts, url: "{slack}"}}
  pagerduty:
    routing_key: "${{secret:PD_ROUTING}}"
    api_key: "${{secret:PD_API}}"
    url: "{pagerduty}"
    api_url: "{pagerduty}"
    ca_file: "{ca}"
  ntfy: {{url: "{phone}"}}
people: {{ana: {{name: Ana Silva, slack: U012AB3CD, phone: ["ntfy:${{secret:ANA_PHONE}}"]}}}}
policies:
  wake-us: {{levels: [{{at: 0m, notify: [slack, ana, pagerduty]}}], warnings: [slack]}}
  quiet: {{levels: [{{at: 0m, notify: [console]}}]}}
workflows:
  intake:
    title: Intake agent
    promise: A patient who writes in is answered
    url: "{target}"
    probes: {{home: {{get: /, check: [{{contains: Book online}}]}}}}
"""
BESIDE = """\
  beside: {{title: Beside, promise: A script runs beside, policy: quiet, url: "{target}"}}
"""
SCRIPT = '''\
"""A patient's way through the page, as a script."""

import asyncio

from probes import Context, probe


@probe(workflow="beside", every="2s", timeout="1800ms", cleanup="100ms", attempts=1)
async def opens_the_page(ctx: Context) -> None:
    """The page opens."""
    await asyncio.sleep(0.2)
    ctx.check(await ctx.http.get("/")).contains("online")
'''
GONE_WITHIN = 3.0  # seconds in which a dead keeper's hosts must have ended
clock = SystemClock()
_OURS: set[int] = set()  # every keeper that was started here; asyncio reaps those


class Daemon:
    """The daemon of one story: started, killed, started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, folder / "state"
        self.log, self.points = folder / "daemon.log", folder / "points.log"
        self.starts = 0
        self.started = 0  # µs
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, *, end_at: str = "") -> None:
        """Begin a process; it is not up yet."""
        mine = {name: os.environ[name] for name in ("PATH", "LANG", "TZ", "HOME") if name in os.environ}
        mine |= {"PYTHONPATH": str(ROOT), "SHOWUP_CRASH_LOG": str(self.points), "SHOWUP_CRASH_AT": end_at}
        command = [sys.executable, "-m", "tests.crash.launcher", str(self.folder / "showup.yaml"), str(self.state)]
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, env=mine
            )
        _OURS.add(self._process.pid)
        self.starts += 1
        self.started = clock.now()

    @property
    def pid(self) -> int:
        """The keeper's process."""
        return self._process.pid if self._process is not None else 0

    @property
    def running(self) -> bool:
        """False when it died, by whatever hand."""
        return self._process is not None and self._process.returncode is None

    async def ask(self, name: str, **given: Any) -> Any:
        """What a service of the running daemon answers, or None: it is down, starting, or refuses."""
        transport = httpx.AsyncHTTPTransport(uds=str(self.state / SOCKET))
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://keeper", timeout=10.0) as client:
                response = await client.post(f"/rpc/{name}", json=given)
                return response.json()["answer"] if response.status_code == 200 else None
        except (httpx.HTTPError, OSError, ValueError):
            return None

    async def died(self) -> int:
        """Wait for its end; the exit status, negative for a signal."""
        return await self._process.wait() if self._process is not None else 0

    async def kill(self) -> None:
        """End it without a word."""
        if self._process is not None and self.running:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
            await self._process.wait()

    def kill_a_host(self, chance: float) -> bool:
        """End one of its probe hosts; False when it has none now."""
        try:
            hosts = psutil.Process(self.pid).children() if self.running else []
            if hosts:
                hosts[int(chance * len(hosts))].kill()
        except psutil.NoSuchProcess:
            return False
        return bool(hosts)

    async def stop(self) -> None:
        """Let it end as a service does."""
        if self._process is not None and self.running:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 25.0)
            except TimeoutError:
                await self.kill()


class Stage:
    """Providers, target and configuration of one story; `async with Stage(folder)`."""

    def __init__(self, folder: Path, *, script: bool = False) -> None:
        self.folder = folder
        self.target, self.slack, self.phone, self.pagerduty = Page(), SlackServer(), PhoneServer(), PagerDutyServer()
        self.daemon = Daemon(folder)
        self._script = script
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for part in (self.target, self.slack, self.phone, self.pagerduty):
            await self._stack.enter_async_context(part)
        self._stack.push_async_callback(self.daemon.kill)
        (self.folder / "showup.yaml").write_text(
            (CONFIG + BESIDE * self._script).format(
                slack=self.slack.client_url.rstrip("/"),
                pagerduty=self.pagerduty.client_url,
                ca=self.pagerduty.ca_file,
                phone=self.phone.client_url,
                target=self.target.url,
            )
        )
        keys = {
            "SLACK_BOT": self.slack.token,
            "SLACK_APP": self.slack.app_token,
            "PD_ROUTING": self.pagerduty.routing_key,
            "PD_API": self.pagerduty.api_key,
            "ANA_PHONE": TOPIC,
        }
        secrets = self.folder / ".env"
        secrets.touch(0o600)
        secrets.write_text("".join(f"{name}={value}\n" for name, value in keys.items()))
        if self._script:
            (self.folder / "journeys").mkdir()
            (self.folder / "journeys" / "page.py").write_text(SCRIPT)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()


def adopt_orphans(*, adopt: bool) -> None:
    """Become the parent of whatever a killed daemon leaves behind (Linux), so that it can be found."""
    ctypes.CDLL(None).prctl(36, int(adopt), 0, 0, 0)


async def orphans() -> int:
    """How many processes outlived their keeper by more than they may; they are ended and reaped here."""
    end = clock.mono() + GONE_WITHIN
    while True:
        left = [child for child in psutil.Process().children() if child.pid not in _OURS and not _reap(child)]
        if not left:
            return 0
        if clock.mono() >= end:
            for child in left:
                print("left behind:", child.pid, *child.cmdline(), file=sys.stderr)
                child.kill()
                child.wait()
            return len(left)
        await asyncio.sleep(0.05)


def _reap(child: psutil.Process) -> bool:
    """True when it is no host of ours, or has ended."""
    try:
        if child.status() == psutil.STATUS_ZOMBIE:
            return os.waitpid(child.pid, os.WNOHANG)[0] == child.pid
        return not any(part.startswith("probes.") for part in child.cmdline())
    except (psutil.NoSuchProcess, ChildProcessError):
        return True
