"""Duties as a calendar to subscribe to: an address made for reading that one thing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from monitor.tokens import Known, key_in, oncall_token
from probes.words.errors import StoreError
from probes.words.units import MINUTE

if TYPE_CHECKING:
    from monitor.app import Keeper


def routes(keeper: Keeper) -> list[Route]:
    """GET /oncall/TOKEN.ics; a wrong token is told nothing."""
    key, made, one = key_in(keeper.folder), dict[str, tuple[int, str]](), asyncio.Lock()

    def known() -> Known:
        book = keeper.catalog.book
        things = ["all", *(f"rotation:{name}" for name in book.rotations), *(f"person:{name}" for name in book.people)]
        return Known((oncall_token(key, what), what) for what in things)

    async def feed(request: Request) -> Response:
        what = known().opens(request.path_params["token"])
        if what is None:
            return PlainTextResponse("There is nothing here.", 404)
        kind, _, name = what.partition(":")
        from monitor.services.calendars import calendar_of

        try:
            wanted = {"rotation": "", "person": "", kind: name}
            async with one:  # a quarter of a year is worked out once a minute, however often it is asked for
                at, text = made.get(what, (0, ""))
                if not text or keeper.clock.now() - at > MINUTE:
                    text = await calendar_of(keeper, rotation=wanted["rotation"], person=wanted["person"])
                    made[what] = keeper.clock.now(), text
        except StoreError:
            return PlainTextResponse("The store refuses.", 503)
        return Response(text, media_type="text/calendar; charset=utf-8")

    return [Route("/oncall/{token:str}.ics", feed)]
