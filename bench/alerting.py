"""The alerting half by itself: a real store on a disk, desk, teller and dispatcher, and the real clients of channels,
which talk to the shipped local providers in this process."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from alerts.channel_table import open_channel
from alerts.channels.kit import OpenPage, Surroundings
from alerts.desk import Desk
from alerts.dispatch import Dispatcher
from alerts.signal import Condition, Severity, Signal
from monitor.config.load import load_text
from monitor.engine.teller import Teller
from monitor.sandbox.pagerduty import PagerDutyServer
from monitor.sandbox.phone import PhoneServer
from monitor.sandbox.slack import SlackServer
from monitor.store.database import Store
from probes.words.clock import SystemClock

CONFIG = """\
monitor: {{policy: wake-us}}
defaults: {{policy: wake-us}}
channels:
  slack: {{token: "${{secret:SLACK_BOT}}", channel: ops-alerts, url: "{slack}"}}
  pagerduty:
    routing_key: "${{secret:PD_ROUTING}}"
    api_key: "${{secret:PD_API}}"
    url: "{pagerduty}"
    api_url: "{pagerduty}"
    ca_file: "{ca}"
  ntfy: {{url: "{phone}"}}
people:
  ana: {{name: Ana Silva, phone: ["ntfy:ana-rings"]}}
  bo: {{name: Bo Birch, phone: ["ntfy:bo-rings"]}}
policies:
  wake-us: {{levels: [{levels}], warnings: [slack], fallback: bo}}
workflows:
  site: {{url: "https://site.example.com", probes: {{home: {{get: /, check: [{{status: 200}}]}}}}}}
"""


class Alerting:
    """`async with Alerting("{at: 0m, notify: [ana]}") as alerting:`; `beats`: what is due is looked for each second."""

    def __init__(self, levels: str) -> None:
        self.clock = SystemClock()
        self.slack, self.pagerduty, self.phone = SlackServer(), PagerDutyServer(), PhoneServer()
        self._levels, self._stack = levels, AsyncExitStack()
        self._tasks: list[asyncio.Task[Any]] = []
        self.slowest = 0.0  # seconds: the longest scan of what is due

    async def __aenter__(self) -> Self:
        for server in (self.slack, self.pagerduty, self.phone):
            await self._stack.enter_async_context(server)
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="showup-bench-")))
        text = CONFIG.format(
            slack=self.slack.client_url.rstrip("/"),
            pagerduty=self.pagerduty.client_url,
            ca=self.pagerduty.ca_file,
            phone=self.phone.client_url,
            levels=self._levels,
        )
        self.secrets = {
            "SLACK_BOT": self.slack.token,
            "PD_ROUTING": self.pagerduty.routing_key,
            "PD_API": self.pagerduty.api_key,
        }
        self.book = load_text(text, secrets=self.secrets).book
        self.store = await asyncio.to_thread(Store.open, "", folder=folder, clock=self.clock, ballast=0)
        self._stack.push_async_callback(self.store.close)
        self._stack.push_async_callback(self.end)
        self.rise()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def rise(self) -> None:
        """The desk and its workers, as after a start; nothing runs yet."""
        self.desk = Desk(lambda: self.book)
        around = Surroundings(
            secrets=lambda names: {name: self.secrets[name] for name in names},
            people=lambda: self.book.people,
            clock=self.clock,
            open_pages=self._open_pages,
        )
        channels = {name: open_channel(name, spec, around) for name, spec in self.book.channels.items()}
        self.dispatcher = Dispatcher(
            channels,
            self.store.write,
            desk=self.desk,
            book=lambda: self.book,
            clock=self.clock,
            chance=random.random,
        )
        self.teller = Teller(
            self.store.write,
            lambda session, signal: set(self.desk.receive(session, signal, now=self.clock.now()).woke),
            clock=self.clock,
            woke=self.dispatcher.wake,
            emergency=self._no_emergency,
        )

    def run(self) -> None:
        """Let everything run."""
        works = (self.teller.run(), self.dispatcher.run(), self._beat())
        self._tasks = [asyncio.create_task(work) for work in works]

    async def end(self) -> None:
        """Stop what runs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _open_pages(self, channel: str) -> list[OpenPage]:
        return await self.store.read(lambda session: self.desk.open_pages(session, channel))

    async def _no_emergency(self, signal: Signal) -> None:
        raise AssertionError("the store refused")

    async def _beat(self) -> None:
        while True:
            began = self.clock.mono()
            await self._look()
            took = self.clock.mono() - began
            self.slowest = max(self.slowest, took)
            await asyncio.sleep(max(0.0, 1.0 - took))

    async def _look(self) -> None:
        while True:
            self.dispatcher.wake(await self.store.write(lambda session: self.desk.due(session, now=self.clock.now())))
            if not self.desk.more:
                return

    def tell(self, condition: Condition, places: Iterable[tuple[str, str]], **more: Any) -> None:
        """A signal for each of these (workflow, probe)."""
        now = self.clock.now()
        given: Mapping[str, Any] = {
            "severity": Severity.CRITICAL, "policy": "wake-us", "sentence": "no answer came in time",
            "failure": "timeout", **more,
        }  # fmt: skip
        for workflow, probe in places:
            subject = f"{workflow}/production"
            self.teller.tell(
                Signal(subject=subject, member=probe, condition=condition, at=now, since=now, title=workflow, **given)
            )

    async def until(self, holds: Callable[[], bool], *, within: float) -> float:
        """Wait until it holds; the seconds it took, or infinity."""
        began = self.clock.mono()
        while self.clock.mono() - began < within:
            if holds():
                return self.clock.mono() - began
            await asyncio.sleep(0.02)
        return float("inf")
