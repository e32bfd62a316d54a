"""Where workflows call back: `POST /hook/<token>`, for the attempt of a job that waits for it.

A token never stands in a log, a metric or a page. Nothing but a waiting attempt is changed by what arrives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from monitor.engine.hooks import WAITING
from monitor.tokens import Known, hook_token, key_in
from monitor.web.bodies import read_body
from monitor.web.meter import Meter
from probes.arrivals import LARGEST, Arrival

if TYPE_CHECKING:
    from monitor.app import Keeper

log = structlog.get_logger("showup.hooks")

A_MINUTE = 120  # arrivals of one probe in any minute; more are not brought to anybody
HEADERS = 40
VALUE = 500  # characters of a header's value
_UNTOLD = frozenset({"authorization", "cookie", "proxy-authorization"})


def routes(keeper: Keeper) -> list[Route]:
    """The addresses of all jobs."""
    return [Route("/hook/{token:str}", Door(keeper).answer, methods=["POST", "PUT"])]


class Door:
    """Takes what calls back, each token as often as is reasonable."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._key = key_in(keeper.folder)
        self._meter = Meter(A_MINUTE, keeper.clock.mono)
        self._for: object = None
        self._tokens = Known(())

    async def answer(self, request: Request) -> Response:
        """202 for a right token, whoever waits; 404 for any other."""
        keeper = self._keeper
        if self._for is not keeper.catalog:  # swapped whole by a reload
            waiting = [name for name, probe in keeper.catalog.probes.items() if probe.kind in WAITING]
            self._tokens, self._for = Known((hook_token(self._key, name), name) for name in waiting), keeper.catalog
        name = self._tokens.opens(request.path_params["token"])
        if name is None:
            return PlainTextResponse("not found", 404)
        body = await read_body(request, LARGEST)
        if self._meter.passes(name):
            count = keeper.hooks.arrived(name, arrival_of(request, body.data, at=keeper.clock.now()))
            log.info("a webhook arrived", probe=name, attempts=count)
        return PlainTextResponse("accepted", 202)


def arrival_of(request: Request, body: bytes, *, at: int) -> Arrival:
    """What arrived, cut to what is kept of it."""
    headers = [(name.lower()[:80], value[:VALUE]) for name, value in request.headers.items()][:HEADERS]
    return Arrival(
        at=at,
        method=request.method,
        query=request.url.query[:4_000],
        headers={name: value for name, value in headers if name not in _UNTOLD},
        body=body.decode("utf-8", "replace"),
    )
