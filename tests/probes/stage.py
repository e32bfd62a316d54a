"""A real server on loopback whose answers a test writes down, and ways to run a probe against it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import yaml
from aiohttp import web

from probes.attempt import make, prepare
from probes.author import Probe
from probes.frames import Reply, Request
from probes.testing import Result, attempt

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
AT = 1_764_000_000_000_000  # 2025-11-24T16:00:00Z, a Monday


class Stage:
    """The server. `seen` holds "GET /path?query" of every request, in order; `bodies` what came with it."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.bodies: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self._answers: dict[str, Any] = {}
        self._came = asyncio.Event()

    async def __aenter__(self) -> Stage:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        sockets: Any = site._server
        self.url = f"http://127.0.0.1:{sockets.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def on(self, what: str, answer: Any = "", *, status: int = 200, after: float = 0.0, **headers: str) -> None:
        """Answer `GET /path` with text, with JSON (anything that is not text), or by a function of the request."""
        self._answers[what] = (answer, status, after, headers)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(f"{request.method} {request.path_qs}")
        self._came.set()
        self.bodies.append(await request.text())
        self.headers.append(dict(request.headers))
        if (found := self._answers.get(f"{request.method} {request.path}")) is None:
            return web.Response(status=404, text="nothing here")
        answer, status, after, headers = found
        await asyncio.sleep(after)
        if callable(answer):
            made: web.StreamResponse = await answer(request)
            return made
        if isinstance(answer, str):
            return web.Response(text=answer, status=status, headers=headers)
        return web.json_response(answer, status=status, headers=headers)

    async def asked(self, what: str) -> None:
        """Wait until a request was seen."""
        while what not in self.seen:
            self._came.clear()
            await self._came.wait()

    # running probes

    def target(self, **more: Any) -> dict[str, Any]:
        """The target that this server is, its agent at POST /chat."""
        chat = {"post": "/chat", "send": {"message": "${ask}"}, "reply": "$.reply"}
        return {"url": self.url, "chat": chat, **more}

    async def yaml(self, written: str, *, secrets: Mapping[str, str] | None = None, **target: Any) -> Result:
        """Run a probe as YAML has it, with `keep`."""
        return await attempt(yaml.safe_load(written), self.target(**target), secrets=secrets)

    async def python(self, probe: Probe, *, secrets: Mapping[str, str] | None = None, **target: Any) -> Result:
        """Run a probe written in Python."""
        return await attempt(probe, self.target(**target), secrets=secrets)

    async def timed(self, written: str, *, timeout: float, cleanup: float = 2.0, keep: bool = False) -> Reply:
        """Run a probe as YAML has it, as the engine asks for it."""
        job = {"kind": "http", "probe": "p", "spec": yaml.safe_load(written), "target": self.target()}
        return await make(prepare(job), request(timeout=timeout, cleanup=cleanup, keep=keep))


def request(**more: Any) -> Request:
    """A request for one attempt."""
    given = {"number": 7, "job_id": "j", "run_id": "RUN1", "attempt": 1, "at": AT, "sent": 0, "timeout": 5.0, **more}
    return Request(**given)


def as_json(value: Any) -> str:
    """A value as it would travel."""
    return json.dumps(value)
