"""The switch of a sandbox server for another process: faults and the record, for who holds the control token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

from aiohttp import web

from monitor.sandbox.faults import WIRE, UnknownFault, build_fault
from monitor.sandbox.record import read_body

if TYPE_CHECKING:
    from monitor.sandbox.server import Server

Service = Callable[["Server", web.Request], Awaitable[web.Response]]


def control_routes(server: Server) -> list[web.RouteDef]:
    """The routes below /_sandbox/."""

    def guarded(service: Service) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            if not server.is_operator(request.headers.get("Authorization", "").removeprefix("Bearer ")):
                raise web.HTTPUnauthorized(text="send the control token: Authorization: Bearer …")
            return await service(server, request)

        return answer

    return [
        web.get("/_sandbox/faults", guarded(_list_faults)),
        web.post("/_sandbox/faults", guarded(_set_fault)),
        web.delete("/_sandbox/faults", guarded(_clear_faults)),
        web.get("/_sandbox/received", guarded(_list_received)),
    ]


async def _list_faults(server: Server, _request: web.Request) -> web.Response:
    kinds = {**WIRE, **server.kinds}
    return web.json_response(
        {"set": [asdict(f) for f in server.faults], "kinds": kinds, "met": dict(server.faults.met)}
    )


async def _set_fault(server: Server, request: web.Request) -> web.Response:
    body = await read_body(request)
    try:
        fault = server.faults.set(build_fault(body if isinstance(body, dict) else {}))
    except UnknownFault as error:
        return web.json_response({"error": str(error)}, status=400)
    return web.json_response(asdict(fault), status=201)


async def _clear_faults(server: Server, request: web.Request) -> web.Response:
    server.faults.clear(request.query.get("kind"))
    return web.json_response({"set": [asdict(f) for f in server.faults]})


async def _list_received(server: Server, request: web.Request) -> web.Response:
    after = request.query.get("after", "0")
    number = int(after) if after.isdecimal() and len(after) < 16 else 0
    return web.json_response({"received": [asdict(r) for r in server.received if r.number > number]})
