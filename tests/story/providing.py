"""Two workflows, the model provider that both depend on, its canary, and its status page."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from alerts.message import IncidentView
from monitor.engine.parts import Parts
from probes.frames import Reply, Request
from tests.story.watch import Watch

CANARY, INTAKE, DISPATCH = "provider:openai/production/canary", "intake/production/books", "dispatch/production/calls"
CONFIG = """
monitor: {policy: owner}
defaults: {policy: wake-us}
people:
  ana: {name: Ana, phone: ["ntfy:${secret:ANA}"]}
  bo: {name: Bo, phone: ["ntfy:${secret:BO}"]}
  cy: {name: Cy, phone: ["ntfy:${secret:CY}"]}
policies:
  wake-us: {levels: [{at: 0m, notify: [ana]}, {at: 15m, notify: [bo]}], fallback: bo, warnings: [console]}
  owner: {levels: [{at: 0m, notify: [cy]}], fallback: cy, warnings: [console]}
providers: {openai: {key: "${secret:BO}", model: gpt-5-mini}}
workflows:
  intake:
    title: Intake agent
    url: "https://intake.example.com"
    depends_on: [openai]
    chat: {post: /chat, send: {message: "${ask}"}, reply: $.reply}
    probes: {books: {ask: "A cleaning, please", every: 5m, check: [{contains: booked}]}}
  dispatch:
    title: Dispatch
    url: "https://dispatch.example.com"
    depends_on: [openai]
    chat: {post: /chat, send: {message: "${ask}"}, reply: $.reply}
    probes: {calls: {ask: "A van, please", every: 5m, check: [{contains: sent}]}}
"""


class Story(Watch):
    """A watch whose canary may take its time: `canary_holds` is what its next attempt waits for."""

    patience = 10.0
    canary_holds: asyncio.Event | None = None
    says: Mapping[str, Any] | None = None  # the provider's status page, None when it cannot be read

    def _parts(self) -> Parts:
        parts = super()._parts()
        parts.patience = self.patience
        return parts

    async def attempt(self, request: Request, *, job: Mapping[str, Any], script: bool) -> Reply:
        if job["kind"] == "provider-status":
            learned = {"provider_status": dict(self.says)} if self.says is not None else {}
            return Reply(request.number, "unknown", "skipped", learned=learned)
        if self.canary_holds is not None and job["probe"] == "canary":
            await self.canary_holds.wait()
        return await super().attempt(request, job=job, script=script)

    async def run(self, name: str = INTAKE, *, at: int | None = None) -> None:
        await super().run(name, at=at)
        await self.rests()
        await self.settle()

    async def of(self, subject: str) -> list[IncidentView]:
        """The incidents of a subject, oldest first."""
        return [one for one in await self.incidents() if one.subject == subject]

    def asked_of(self, probe: str) -> int:
        """How many attempts a probe has made."""
        return sum(name == probe for name, _ in self.asked)
