"""Whether our own network is what fails: addresses of others, asked only when a target could not be reached."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from monitor.config.catalog import Catalog
from monitor.engine.blame import of_network, out_of_reach
from monitor.engine.verdict import Verdict, judge
from probes.frames import Reply, Request
from probes.words.failure import Failure
from probes.words.units import SECOND

if TYPE_CHECKING:
    from monitor.engine.parts import Parts

HOLDS = 10 * SECOND  # µs for which an answer about the network is taken for the present
TIMEOUT = 3.0  # seconds


class Network:
    """The references of a catalog. `number` numbers attempts, as the runs do."""

    def __init__(self, parts: Parts, *, number: Callable[[], int]) -> None:
        self._parts, self._number = parts, number
        self._references: tuple[str, ...] = ()
        self._look: asyncio.Task[bool] | None = None
        self._looked = 0

    def follow(self, catalog: Catalog) -> None:
        """Ask the references of this catalog from now on."""
        self._references = catalog.references

    async def judge(self, verdict: Verdict, reply: Reply) -> Verdict:
        """The verdict on an attempt: what reaches nobody is our own trouble, and nothing is known of the target."""
        if not self._references or not out_of_reach(verdict, reply):
            return verdict
        now = self._parts.clock.now()
        if self._look is None or now - self._looked > HOLDS:
            self._looked = now
            self._look = asyncio.get_running_loop().create_task(self._reaches_any())
        reached = await asyncio.shield(self._look)
        return verdict if reached else of_network(verdict, self._references)

    async def _reaches_any(self) -> bool:
        return any(await asyncio.gather(*(self._reaches(number) for number in range(len(self._references)))))

    async def _reaches(self, number: int) -> bool:
        """True unless there was no sign of life: any answer at all is one."""
        job = job_of(self._references[number], number)
        request = Request(
            number=self._number(),
            job_id=blake2b(json.dumps(job, sort_keys=True).encode(), digest_size=12).hexdigest(),
            run_id="reference",
            attempt=1,
            at=self._parts.clock.now(),
            sent=int(self._parts.clock.mono() * 1e6),
            timeout=TIMEOUT,
            cleanup=0.1,
        )
        reply = await self._parts.hosts.attempt(request, job=job, script=False)
        return reply.failure != Failure.MONITOR_FAULT and not out_of_reach(judge(reply), reply)


def job_of(address: str, number: int) -> dict[str, Any]:
    """The job that asks a reference."""
    parts = urlsplit(address)
    spec = {"get": parts.path or "/", "check": [{"status": 200}]}
    target = {"url": f"{parts.scheme}://{parts.netloc}"}
    return {"kind": "http", "workflow": "network", "environment": "production", "probe": f"reference-{number + 1}",
            "spec": spec, "target": target}  # fmt: skip
