"""The web side: the published pages, health, metrics, the JSON API, and the commands' way in over the Unix socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from monitor.deadman import outside
from monitor.metrics import exposition
from monitor.places import SOCKET
from monitor.services import ACTS, SERVICES
from monitor.services.base import fitting
from monitor.web import acks, event, flags, hooks, oncall, pagerduty, pings, reports, slack
from probes.words.errors import Refused, StoreError
from probes.words.text import clean

if TYPE_CHECKING:
    from monitor.app import Keeper

log = structlog.get_logger("showup.web")

LARGEST = 65_536  # bytes of a request's body
AT_ONCE = 800  # connections: many jobs report at the same full hour, and a process has 1,024 open files by default
SILENT = 10.0  # seconds between two looks at connections that ask nothing
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
# What a job printed and what customers said may hold anything, and is nothing for a log.
UNTOLD = frozenset({"body", "asked", "answered", "expected", "comment"})
READ_BY_WEB = frozenset({"status", "runs", "run", "incidents", "incident", "explain", "oncall", "escalation", "drills"})
Call = Callable[[Request], Awaitable[Response]]


class Guard(BaseHTTPMiddleware):
    """Security headers on everything."""

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response


def public_app(keeper: Keeper) -> Starlette:
    """What anyone who reaches the port may see: pages, health, metrics and the JSON API to read. Nothing here acts."""

    async def healthz(request: Request) -> Response:
        found = outside(keeper)
        return JSONResponse({"ok": found.well, "reasons": list(found.reasons)}, 200 if found.well else 503)

    async def metrics(request: Request) -> Response:
        return Response(exposition(keeper), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def api(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in READ_BY_WEB:
            return JSONResponse({"error": "there is nothing of this name"}, 404)
        given: dict[str, Any] = {key: clean(value, 200) for key, value in request.query_params.items()}
        shown = {"pages": False} if name == "status" else {}  # addresses that are secrets stay on the socket
        return await _answer(keeper, name, given, words=True, shown=shown)

    pages = keeper.folder / "public"
    pages.mkdir(parents=True, exist_ok=True)
    routes = [
        Route("/healthz", healthz),
        Route("/metrics", metrics),
        Route("/api/v1/{name}", api),
        *acks.routes(keeper),
        *pings.routes(keeper),
        *flags.routes(keeper),
        *hooks.routes(keeper),
        *oncall.routes(keeper),
        *event.routes(keeper),
        *reports.routes(keeper),
        *slack.routes(keeper),
        *pagerduty.routes(keeper),
        Mount("/", StaticFiles(directory=pages, html=True)),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guard)])


def private_app(keeper: Keeper) -> Starlette:
    """What commands ask over the Unix socket, which only its owner may open: everything, also what acts."""

    async def rpc(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in SERVICES:
            return JSONResponse({"error": f"there is no service {clean(name, 40)}"}, 404)
        body = await request.body()
        if len(body) > LARGEST:
            return JSONResponse({"error": "the request is too large"}, 413)
        try:
            given = await request.json() if body else {}
        except (ValueError, RecursionError):
            return JSONResponse({"error": "the request is not JSON"}, 400)
        if not isinstance(given, dict):
            return JSONResponse({"error": "the request is not an object"}, 400)
        if name in ACTS:
            log.info("asked", service=name, given=str({key: given[key] for key in given.keys() - UNTOLD})[:300])
        return await _answer(keeper, name, given)

    return Starlette(routes=[Route("/rpc/{name}", rpc, methods=["POST"])])


async def _answer(
    keeper: Keeper,
    name: str,
    given: dict[str, Any],
    *,
    words: bool = False,
    shown: Mapping[str, Any] = MappingProxyType({}),
) -> Response:
    try:
        fitted = fitting(name, given, words=words)
    except ValueError as error:
        return JSONResponse({"error": f"not a right request: {clean(str(error), 200)}"}, 400)
    try:
        return JSONResponse({"answer": await SERVICES[name](keeper, **{**fitted, **shown})})
    except Refused as refused:
        return JSONResponse({"error": str(refused), "hint": refused.hint}, 422)
    except StoreError as error:
        return JSONResponse({"error": f"the store refuses: {error}"}, 503)
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        return JSONResponse({"error": f"not a right request: {clean(str(error), 200)}"}, 400)


async def serve(app: Starlette, *, host: str = "", port: int = 0, uds: Path | None = None) -> None:
    """Serve until cancelled, in this loop; raises OSError when the place is taken."""
    import uvicorn

    config = uvicorn.Config(
        app,
        host=host or "127.0.0.1",
        port=port,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        limit_concurrency=AT_ONCE,
        timeout_keep_alive=5,
        server_header=False,
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # ours drain the daemon first
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    sockets = [_own_socket(uds)] if uds is not None else None
    watching = asyncio.create_task(_let_go(server))
    try:
        await server.serve(sockets)
    finally:
        watching.cancel()
        for listening in getattr(server, "servers", ()):  # a cancelled uvicorn leaves its port open
            listening.close()
        for end in sockets or ():
            end.close()
        if uds is not None:
            with contextlib.suppress(OSError):
                os.unlink(str(uds))
    if not server.started:
        raise OSError("nothing could be served there")


async def _let_go(server: Any) -> None:
    """Close what was connected for two looks without asking anything: whoever holds many connections, or says a byte
    now and then, keeps nobody else out."""
    before: dict[Any, Any] = {}
    while True:
        await asyncio.sleep(SILENT)
        idle = {
            one: one.cycle
            for one in server.server_state.connections
            if one.cycle is None or one.cycle.response_complete
        }
        for one, cycle in idle.items():
            if one in before and before[one] is cycle:
                one.transport.close()
        before = idle


def _own_socket(place: Path) -> socket.socket:
    """A Unix socket that only its owner may open; the one of a keeper that died is taken away."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(place)
    end = socket.socket(socket.AF_UNIX)
    old = os.umask(0o177)
    try:
        end.bind(str(place))
    finally:
        os.umask(old)
    return end


def taken(listen: str) -> str:
    """Why nothing can listen there, or ""."""
    if not listen:
        return ""
    host, _, port = listen.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            end.bind((host.strip("[]"), int(port)))
        except OSError as error:
            return f"cannot listen on {listen}: {error.strerror}"
    return ""


def loops(keeper: Keeper) -> dict[str, Callable[[], Awaitable[None]]]:
    """The two servers of the keeper: the public port, when one is configured, and the Unix socket."""
    place = keeper.folder / SOCKET

    async def socket_side() -> None:
        await serve(private_app(keeper), uds=place)

    found: dict[str, Callable[[], Awaitable[None]]] = {"socket": socket_side}
    listen = keeper.catalog.web.listen
    if listen:
        host, _, port = listen.rpartition(":")

        async def web_side() -> None:
            await serve(public_app(keeper), host=host, port=int(port))

        found["web"] = web_side
    return found
