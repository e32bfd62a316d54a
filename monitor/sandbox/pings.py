"""A dead-man's switch in the healthchecks convention: silence for longer than period and grace means down."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from aiohttp import web
from markupsafe import Markup

from monitor.sandbox.markup import join, page
from monitor.sandbox.server import Server
from probes.words.clock import Clock, moment

BODY_LIMIT = 10_000  # bytes of a ping's body that are kept
SECOND = 1_000_000  # µs
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SLUG = re.compile(r"[a-z0-9_-]{1,100}")
_ACTION = re.compile(r"start|fail|log|\d{1,3}")
UUID = "5a9db0c5-0000-4000-8000-00000000da7a"


@dataclass(frozen=True, slots=True)
class Ping:
    """One ping: when (µs), what it said (success, start, fail, log), the run it belongs to, and its text."""

    at: int
    kind: str
    run: str
    body: str
    status: int | None = None


@dataclass(slots=True)
class Check:
    """One watched job; `period` and `grace` in s."""

    name: str
    period: int = 60
    grace: int = 180
    pings: list[Ping] = field(default_factory=list)

    def state(self, now: int) -> str:
        """new, up, grace or down at that instant."""
        telling = [p for p in self.pings if p.kind != "log"]
        if not telling:
            return "new"
        if telling[-1].kind == "fail":
            return "down"
        good = [p for p in telling if p.kind == "success"]
        if telling[-1].kind == "start" and now > telling[-1].at + self.grace * SECOND:
            return "down"  # it began, and never came to its end
        if not good:
            return "new"
        failed_since = any(p.kind == "fail" and p.at > good[-1].at for p in telling)
        silence = now - good[-1].at - self.period * SECOND
        if failed_since or silence > self.grace * SECOND:
            return "down"
        return "grace" if silence > 0 else "up"


class PingServer(Server):
    """Checks by uuid or by ping key and slug; `check` is the first. `limit` pings a minute (None: any number)."""

    name: ClassVar[str] = "pings"

    def __init__(
        self,
        *,
        port: int = 0,
        record: Path | str | None = None,
        clock: Clock | None = None,
        ping_key: str = "sandbox-ping-key",
        period: int = 60,
        grace: int = 180,
        limit: int | None = None,
    ) -> None:
        super().__init__(port=port, record=record, clock=clock)
        self.ping_key, self.limit = ping_key, limit
        self.checks: dict[str, Check] = {UUID: Check(UUID, period, grace)}

    @property
    def ping_url(self) -> str:
        """The address of the first check."""
        return f"{self.url}/{UUID}"

    client_url = ping_url

    @property
    def check(self) -> Check:
        """The first check."""
        return self.checks[UUID]

    def state(self, name: str = UUID) -> str:
        """new, up, grace or down now."""
        return self.checks[name].state(self.now())

    def routes(self) -> Iterable[web.RouteDef]:
        """HEAD, GET and POST on every address of a check."""
        return [web.get("/", self._show), web.post("/{rest:.+}", self._ping), web.get("/{rest:.+}", self._ping)]

    def label(self, request: web.Request) -> str | None:
        """`ping`."""
        return None if request.path == "/" else "ping"

    def tokens(self) -> dict[str, str]:
        """The first check's uuid and the ping key."""
        return {"uuid": UUID, "ping_key": self.ping_key}

    async def _ping(self, request: web.Request) -> web.StreamResponse:
        parts, action = request.match_info["rest"].split("/"), ""
        if len(parts) > 1 and _ACTION.fullmatch(parts[-1]) and parts[:-1] != [self.ping_key]:
            action = parts.pop()
        check = self._find(parts, create=request.query.get("create") == "1")
        run = request.query.get("rid", "")
        if (run and not _UUID.fullmatch(run)) or (action.isdecimal() and int(action) > 255):
            return web.Response(status=400, text="invalid url format")
        if check is None:
            return web.Response(status=404, text="not found")
        now = self.now()
        if self.limit is not None and sum(p.at > now - 60 * SECOND for p in check.pings) >= self.limit:
            return web.Response(status=429, text="rate limited")
        text = (await request.read())[:BODY_LIMIT].decode("utf-8", "replace")
        kind = action or "success"
        if action.isdecimal():
            kind = "success" if int(action) == 0 else "fail"
        check.pings.append(Ping(now, kind, run, text, int(action) if action.isdecimal() else None))
        return web.Response(text="OK", headers={"Ping-Body-Limit": str(BODY_LIMIT)})

    def _find(self, parts: list[str], *, create: bool) -> Check | None:
        if len(parts) == 1:
            return self.checks.get(parts[0])
        if len(parts) != 2 or parts[0] != self.ping_key or not _SLUG.fullmatch(parts[1]):
            return None
        if create:
            return self.checks.setdefault(parts[1], Check(parts[1], self.check.period, self.check.grace))
        return self.checks.get(parts[1])

    async def _show(self, _request: web.Request) -> web.Response:
        row = Markup("<tr><td>{}</td><td class='word {}'>{}</td><td>{}</td></tr>")
        looks = {"up": "good", "down": "bad", "grace": "warn", "new": ""}
        rows = []
        for name, check in self.checks.items():
            state = check.state(self.now())
            last = moment(check.pings[-1].at).strftime("%H:%M:%S UTC") if check.pings else "never"
            rows.append(row.format(name, looks[state], state, last))
        table = Markup("<table><tr><th>check</th><th>state</th><th>last ping</th></tr>{}</table>").format(join(rows))
        return page("Dead-man's switch", Markup("<h1>Dead-man's switch</h1>") + table, refresh=2)
