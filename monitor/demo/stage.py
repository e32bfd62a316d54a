"""What the demo is played on: the clinic, providers of our own, a configuration, and the daemon."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from monitor.client import alive, call
from monitor.config.load import load
from monitor.engine.fastforward import FastForward, Planned, Story, quarter
from monitor.places import SOCKET
from monitor.sandbox.clinic import Clinic
from monitor.sandbox.models import ModelServer
from monitor.sandbox.pagerduty import PagerDutyServer
from monitor.sandbox.phone import PhoneServer
from monitor.sandbox.slack import SlackServer
from monitor.store.database import Store
from probes.words.clock import SystemClock
from probes.words.errors import ShowupError
from probes.words.units import DAY, MINUTE

CONFIG = """\
# What the demo watches. Your own file can be three lines long: see README.md
site: {{title: Northside Dental AI status, timezone: UTC}}
monitor: {{policy: wake-us}}
defaults: {{policy: wake-us, every: 5s, timeout: 3s, attempts: 1, cleanup: 1s}}
web: {{listen: "127.0.0.1:{web}"}}
channels:
  slack: {{token: "${{secret:SLACK_BOT}}", app_token: "${{secret:SLACK_APP}}", channel: ops-alerts, url: "{slack}"}}
  pagerduty:
    routing_key: "${{secret:PD_ROUTING}}"
    api_key: "${{secret:PD_API}}"
    url: "{pagerduty}"
    api_url: "{pagerduty}"
    ca_file: "{ca}"
  ntfy: {{url: "{phone}"}}
people:
  ana: {{name: Ana Silva, slack: U012AB3CD, phone: ["ntfy:${{secret:ANA_PHONE}}"]}}
  bo: {{name: Bo Lind, slack: U045EF6GH, phone: ["ntfy:${{secret:BO_PHONE}}"]}}
rotations: {{front-line: {{people: [ana, bo], starts: 2026-01-05, handoff: "Mon 09:00"}}}}
policies:
  wake-us:
    levels:
      - {{at: 0m, notify: [slack, "on-call:front-line"]}}
      - {{at: 1m, notify: ["next:front-line"]}}
      - {{at: 2m, notify: [pagerduty]}}
    warnings: [slack]
    fallback: ana
clients: {{northside: {{name: Northside Dental, public: true}}}}
workflows:
  intake:
    title: Intake agent
    promise: A patient who writes in is answered and booked at the time they asked for
    client: northside
    owner: ana
    url: "{clinic}"
    chat: {{post: /chat, send: {{message: "${{ask}}"}}, reply: $.reply}}
    slo: {{target: 99.5%, window: 30d}}
    runbook: runbook.md
    probes:
      books-a-cleaning:
        title: A patient who asks for a cleaning is booked at the time they asked for
        steps:
          - name: ask
            ask: "I am Test ${{run_id}}. I would like a cleaning on ${{date+30d}} at 10:00, please."
            budget: 2s
            check: [{{json: $.intent, equals: book_appointment}}]
            capture: {{booking: $.booking_id}}
            cleanup: {{delete: "/appointments/${{booking}}"}}
          - {{name: booked, get: "/appointments/${{booking}}", check: [{{json: $.time, equals: "10:00"}}]}}
  calendar:
    title: Booking calendar
    promise: The front desk sees every booking
    client: northside
    url: "{clinic}"
    probes: {{calendar: {{get: "/calendar?name=Test", check: [is-json: true]}}}}
  website:
    title: Web page
    promise: A visitor finds the way to book
    client: northside
    url: "{clinic}"
    probes: {{home: {{get: /, check: [{{contains: Book online}}]}}}}
"""
RUNBOOK = """\
# Intake agent
1. Is the model provider up? Open its status page.
2. Send patients to the front desk: 555-0100.
3. Restart: systemctl restart intake
"""
PROBES = ("intake/production/books-a-cleaning", "calendar/production/calendar", "website/production/home")
UP_WITHIN = 30.0  # seconds the daemon has to come up


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as end:
        end.bind(("127.0.0.1", 0))
        return int(end.getsockname()[1])


class Stage:
    """Everything, running; `async with Stage(...)`. The daemon is a process of its own, the same as in production."""

    def __init__(self, *, days: int, progress: Callable[[str, float], None]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="showup-demo-"))
        self.state = self.folder / "state"
        self._days, self._progress = days, progress
        self._stack = AsyncExitStack()
        self._daemon: asyncio.subprocess.Process | None = None
        self.web = free_port()

    async def __aenter__(self) -> Self:
        try:
            await self._servers()
            self._write()
            if self._days:
                await self._history()
            await self._start()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def _servers(self) -> None:
        self.models = await self._stack.enter_async_context(ModelServer())
        self.clinic = await self._stack.enter_async_context(Clinic(models=self.models))
        self.slack = await self._stack.enter_async_context(SlackServer())
        self.pagerduty = await self._stack.enter_async_context(PagerDutyServer())
        self.phone = await self._stack.enter_async_context(PhoneServer())

    def _write(self) -> None:
        config = CONFIG.format(
            web=self.web,
            slack=self.slack.client_url.rstrip("/"),
            pagerduty=self.pagerduty.client_url,
            ca=self.pagerduty.ca_file,
            phone=self.phone.client_url,
            clinic=self.clinic.url,
        )
        (self.folder / "showup.yaml").write_text(config, encoding="utf-8")
        (self.folder / "runbook.md").write_text(RUNBOOK, encoding="utf-8")
        keys = {
            "SLACK_BOT": self.slack.token,
            "SLACK_APP": self.slack.app_token,
            "PD_ROUTING": self.pagerduty.tokens()["routing_key"],
            "PD_API": self.pagerduty.tokens()["api_key"],
            "ANA_PHONE": "ana-demo",
            "BO_PHONE": "bo-demo",
        }
        env = self.folder / ".env"
        env.touch(0o600)
        env.write_text("".join(f"{name}={value}\n" for name, value in keys.items()), encoding="utf-8")

    @property
    def config(self) -> Path:
        """The configuration that the daemon watches by."""
        return self.folder / "showup.yaml"

    async def _history(self) -> None:
        """A scripted quarter through the real engine, at one run in ten minutes."""
        catalog, clock = load(self.config), SystemClock()
        store = await asyncio.to_thread(Store.open, "", folder=self.state, clock=clock)
        end = clock.now() - MINUTE
        happened, off = quarter(PROBES, end=end, days=self._days)
        start = end - self._days * DAY
        moved = end - 33 * DAY
        planned = (
            [Planned("intake/production", moved, moved + 90 * MINUTE, "Moving to a new model")] if moved > start else []
        )
        young = {PROBES[2]: end - 62 * DAY} if self._days > 62 else {}
        story = Story(start, end, timedelta(minutes=10), happened, planned, off, firsts=young)
        try:
            await FastForward(
                catalog,
                store,
                story,
                chance=random.Random(7).random,  # the same quarter each time
                progress=lambda share: self._progress(f"{self._days} days of history, simulated", share),
            ).run()
        finally:
            await store.close()

    async def _start(self) -> None:
        self._progress("starting the daemon", 0.0)
        log = (self.folder / "daemon.log").open("ab")
        command = [
            sys.executable,
            "-I",
            "-m",
            "monitor.cli",
            "run",
            "--config",
            str(self.config),
            "--state",
            str(self.state),
        ]
        try:
            self._daemon = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )
        finally:
            log.close()
        for number in range(int(UP_WITHIN / 0.1)):
            if self._daemon.returncode is not None:
                break
            if (self.state / SOCKET).exists() and await asyncio.to_thread(alive, self.state):
                self._progress("starting the daemon", 1.0)
                return
            self._progress("starting the daemon", min(0.99, number / 60))
            await asyncio.sleep(0.1)
        raise ShowupError("the daemon did not come up", hint=f"its log: {self.folder / 'daemon.log'}")

    async def ask(self, name: str, **given: Any) -> Any:
        """Ask the daemon, as every command does."""
        return await asyncio.to_thread(lambda: call(name, folder=self.state, **given))

    @property
    def page(self) -> str:
        """The status page's address."""
        return f"http://127.0.0.1:{self.web}/"

    async def kill(self) -> None:
        """End the daemon without a word, as a power cut would."""
        if self._daemon is not None and self._daemon.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._daemon.pid, 9)
            await self._daemon.wait()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._daemon is not None and self._daemon.returncode is None:
            self._daemon.terminate()
            try:
                async with asyncio.timeout(20.0):
                    await self._daemon.wait()
            except TimeoutError:
                await self.kill()
        await self._stack.aclose()
        shutil.rmtree(self.folder, ignore_errors=True)
