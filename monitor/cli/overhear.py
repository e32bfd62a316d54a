"""Webhooks for a probe that is tried by hand: from the daemon where one runs, else from a port opened meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.engine.hooks import waits
from probes.arrivals import LARGEST, Arrival
from probes.words.errors import Refused, ShowupError

if TYPE_CHECKING:
    from starlette.requests import Request

    from monitor.config.catalog import Catalog, Probe

EVERY = 0.5  # seconds between two questions to the daemon
Take = Callable[[Arrival], None]


def may_wait(probe: Probe) -> bool:
    """True for a probe that waits for a webhook, or gives its address away."""
    if probe.kind != "script":
        return waits(probe)
    with suppress(OSError):
        text = Path(str(probe.job.get("file"))).read_text(encoding="utf-8", errors="replace")
        return ".hook" in text or ".webhook" in text
    return False


@asynccontextmanager
async def hearing(catalog: Catalog, probe: Probe, folder: Path, take: Take) -> AsyncIterator[str]:
    """The address where webhooks for the probe arrive meanwhile, "" where none can; each is taken."""
    from monitor.client import alive

    if alive(folder):
        async with _beside(probe, folder, take) as address:
            yield address
    elif catalog.web.listen:
        async with _alone(catalog, probe, folder, take) as address:
            yield address
    else:
        yield ""


@asynccontextmanager
async def _beside(probe: Probe, folder: Path, take: Take) -> AsyncIterator[str]:
    """From the daemon, which hears them for us."""
    from monitor.client import call

    def ask() -> dict[str, Any]:
        found: dict[str, Any] = call("arrived", folder=folder, probe=probe.id)
        return found

    try:
        first = await asyncio.to_thread(ask)
    except Refused as refused:
        hint = "reload the daemon, so that it knows this probe, or stop it for the time being"
        raise Refused(f"the daemon cannot hear webhooks for {probe.id}: {refused}", hint=hint) from None
    taken = {one["at"] for one in first["arrivals"]}

    async def follow() -> None:
        while True:
            await asyncio.sleep(EVERY)
            with suppress(ShowupError):
                for one in (await asyncio.to_thread(ask))["arrivals"]:
                    if one["at"] not in taken:
                        taken.add(one["at"])
                        take(Arrival(**one))

    task = asyncio.create_task(follow())
    try:
        yield str(first["url"])
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def _alone(catalog: Catalog, probe: Probe, folder: Path, take: Take) -> AsyncIterator[str]:
    """From the daemon's own port, which is free while it does not run."""
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse, Response
    from starlette.routing import Route

    from monitor.tokens import Known, hook_token, key_in
    from monitor.web.app import serve, taken
    from monitor.web.bodies import read_body
    from monitor.web.hooks import arrival_of
    from probes.words.clock import SystemClock

    token = hook_token(key_in(folder), probe.id)
    known, clock = Known([(token, probe.id)]), SystemClock()

    async def answer(request: Request) -> Response:
        if known.opens(request.path_params["token"]) is None:
            return PlainTextResponse("not found", 404)
        take(arrival_of(request, (await read_body(request, LARGEST)).data, at=clock.now()))
        return PlainTextResponse("accepted", 202)

    if why := taken(catalog.web.listen):
        hint = "stop what listens there, or try it beside the daemon"
        raise Refused(f"no webhook can arrive: {why}", hint=hint)
    host, _, port = catalog.web.listen.rpartition(":")
    app = Starlette(routes=[Route("/hook/{token:str}", answer, methods=["POST", "PUT"])])
    task = asyncio.create_task(serve(app, host=host, port=int(port)))
    try:
        yield f"{catalog.web.base}/hook/{token}"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
