"""Hostile targets: each ends by its deadline and a second, in little memory, by its right name, and is safe to show."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import yaml

from monitor.config.load import load_text
from monitor.engine.hosts import Hosts
from monitor.engine.verdict import judge
from monitor.sandbox.http_target import HttpTarget
from probes.evidence import LARGEST
from probes.frames import Reply
from probes.words.clock import SystemClock
from tests.conformance.stage import request

DEADLINE = 2.0  # s, of each attempt
GRACE = 1.0  # s beyond it by which everything is over
MEMORY = 20e6  # bytes that the host may grow by
PAGE: Mapping[str, Any] = {"check": [{"contains": "Book online"}]}
DATA: Mapping[str, Any] = {"check": [{"json": "$.status", "equals": "ok"}]}
READS: Mapping[str, Any] = {"check": [{"contains": "Book online"}, {"readable": True}]}
# Characters that turn the direction of writing around, or hide: whoever reads a page or a terminal is misled.
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Attack:
    """What the target does, and what it has to be called. `talks`: it is asked as a chat endpoint that streams."""

    name: str
    behaviour: str
    failure: str
    probe: Mapping[str, Any] = field(default_factory=lambda: PAGE)
    talks: bool = False
    says: str = ""


ATTACKS: tuple[Attack, ...] = (
    Attack("a body without an end", "endless", "truncated", says="the first 1,000,000 bytes"),
    Attack("a gzip bomb of 100 MB", "gzip-bomb", "garbage"),
    Attack("ten gigabytes", "ten-gigabytes", "truncated", says="the first 1,000,000 bytes"),
    Attack("one byte a second", "drip", "timeout"),
    Attack("headers, one byte a second", "drip-headers", "timeout"),
    Attack("a header of 2 MB", "huge-header", "garbage"),
    Attack("a hundred thousand headers", "many-headers", "garbage"),
    Attack("JSON of 100,000 levels", "deep-json", "garbage", DATA),
    Attack("objects of 100,000 levels", "deep-objects", "garbage", DATA),
    Attack("invalid UTF-8", "invalid-utf8", "garbage", READS),
    Attack("text that steers a terminal", "steering", "garbage", READS),
    Attack("a redirect loop", "redirect-loop", "app_error", says="redirects for ever"),
    Attack("a redirect to the cloud's metadata", "redirect-metadata", "contract_changed", says="169.254.169.254"),
    Attack("a redirect to a file", "redirect-file", "contract_changed", says="only http and https"),
    Attack("a redirect into this machine", "redirect-inside", "contract_changed"),
    Attack("a stream of events without an end", "endless-events", "truncated", talks=True, says="stopped listening"),
    Attack("a stream of words without an end", "endless-words", "truncated", talks=True, says="stopped listening"),
    Attack("an event without an end", "endless-line", "garbage", talks=True),
    Attack("nothing but keep-alives", "endless-comments", "timeout", talks=True),
    Attack("events, one byte a second", "drip-events", "timeout", talks=True),
)


@dataclass(frozen=True, slots=True)
class Survived:
    """What came of an attack; `grown` are bytes of the host's peak above what it had before."""

    attack: Attack
    reply: Reply
    seconds: float
    grown: float

    def faults(self) -> list[str]:
        """Everything that is not as it has to be, in words; empty when all is."""
        failure, found = self.reply.failure or "", []
        if failure != self.attack.failure:
            found.append(f"called {failure or 'nothing'}, not {self.attack.failure}")
        if self.attack.says not in self.reply.sentence:
            found.append(f"it does not say {self.attack.says!r}")
        if self.seconds > DEADLINE + GRACE:
            found.append(f"after {self.seconds:.1f} s, not {DEADLINE + GRACE:g} s")
        if self.grown > MEMORY:
            found.append(f"the host grew by {self.grown / 1e6:.0f} MB")
        if unsafe := unsafe_in([self.reply.evidence, self.reply.sentence]):
            found.append(f"shown unencoded: {unsafe}")
        if len(str(self.reply.evidence)) > 2 * LARGEST:
            found.append("evidence without bounds")
        return found


class Arena:
    """A hostile server and a probe host: `await arena.face(attack)`."""

    def __init__(self) -> None:
        self.target = HttpTarget()
        self._folder = TemporaryDirectory(prefix="showup-hostile-")
        self.hosts = Hosts(SystemClock(), shared=1, folder=self._folder.name)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.callback(self._folder.cleanup)
            await stack.enter_async_context(self.target)
            self._catalog = load_text(yaml.safe_dump(self._written()), folder=Path(self._folder.name))
            stack.push_async_callback(self.hosts.close)
            await self.hosts.start()
            self._stack = stack.pop_all()
        for name in ("plain", "talking"):  # what a host loads once is not the attack's
            await self._attempt(f"{name}/production/warm-up")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def face(self, attack: Attack) -> Survived:
        """One attempt at it, timed from outside, and what it cost."""
        clock, pids = SystemClock(), [host.pid for host in self.hosts.stats()]
        before = {pid: resident(pid) for pid in pids}
        began = clock.mono()
        place = f"talking-{attack.behaviour}" if attack.talks else "plain"
        reply = await self._attempt(f"{place}/production/{attack.behaviour}")
        took = clock.mono() - began
        return Survived(attack, reply, took, max(peak(pid) - before[pid] for pid in pids))

    async def _attempt(self, name: str) -> Reply:
        probe = self._catalog.probes[name]
        reply = await self.hosts.attempt(request(probe), job=probe.job)
        judge(reply)
        return reply

    def _written(self) -> dict[str, Any]:
        url = self.target.at("ok").removesuffix("/ok")
        probes = {one.behaviour: _probe(one) for one in ATTACKS}
        talks = {one.behaviour for one in ATTACKS if one.talks}
        warm = {"every": "1h", "attempts": 1, "timeout": "5s"}
        workflows: dict[str, Any] = {
            "plain": {"url": url, "probes": {n: p for n, p in probes.items() if n not in talks}},
            "talking": {
                "url": url,
                "chat": {"post": "/ok", "send": {"q": "${ask}"}},
                "probes": {"warm-up": {**warm, "ask": "Hello", "check": [{"contains": "good answer"}]}},
            },
        }
        workflows["plain"]["probes"]["warm-up"] = {**warm, "get": "/ok", "check": [{"contains": "good answer"}]}
        for name in talks:
            chat = {"post": f"/{name}", "send": {"q": "${ask}"}, "reply": "$.text"}
            workflows[f"talking-{name}"] = {"url": url, "chat": chat, "probes": {name: probes[name]}}
        return {"workflows": workflows}


def _probe(attack: Attack) -> dict[str, Any]:
    act = {"ask": "Do you book online?"} if attack.talks else {"get": f"/{attack.behaviour}"}
    return {**act, "every": "1h", "attempts": 1, "timeout": f"{DEADLINE:g}s", **attack.probe}


def resident(pid: int) -> float:
    """Bytes of memory that a process has now; its peak is forgotten."""
    with suppress(OSError):  # without the right to do so, the peak is one from before, and the figure too high
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _status(pid, "VmRSS")


def peak(pid: int) -> float:
    """The most that it had."""
    return _status(pid, "VmHWM")


def _status(pid: int, name: str) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return float(text.partition(f"{name}:")[2].split()[0]) * 1024


def unsafe_in(value: Any) -> str:
    """The first character in a value that must not be shown as it stands; "" for none."""
    if isinstance(value, dict):
        return next((bad for pair in value.items() for part in pair if (bad := unsafe_in(part))), "")
    if isinstance(value, list | tuple):
        return next((bad for part in value if (bad := unsafe_in(part))), "")
    if not isinstance(value, str):
        return ""
    bad = (one for one in value if one in _BIDI or (unicodedata.category(one) in ("Cc", "Cs") and one not in "\n\t"))
    return next((f"U+{ord(one):04X}" for one in bad), "")
