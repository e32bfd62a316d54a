"""Acknowledging from a phone: an address made for one act, on one round of one incident, by one person."""

from __future__ import annotations

import hmac
from html import escape
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from alerts.message import Reaction
from monitor.tokens import ack_token, key_in
from probes.words.errors import StoreError

if TYPE_CHECKING:
    from monitor.app import Keeper


def address(base: str, key: bytes, incident: str, number: int, person: str) -> str:
    """Where this person acknowledges this round; "" when nobody outside could reach it."""
    if not base or not person:
        return ""
    return f"{base}/a/{incident}/{number}/{person}/{ack_token(key, incident, number, person)}"


def routes(keeper: Keeper) -> list[Route]:
    """GET shows what would be acknowledged, and a button; POST does it. A wrong token is told nothing."""
    key = key_in(keeper.folder)

    async def answer(request: Request) -> Response:
        given = request.path_params
        incident, number, person = given["incident"], given["round"], given["person"]
        wanted = ack_token(key, incident, int(number), person) if len(number) < 7 and number.isdecimal() else ""
        # as bytes: text that is not ASCII cannot be compared
        if not wanted or not hmac.compare_digest(wanted.encode(), given["token"].encode("utf-8", "replace")):
            return _page("There is nothing here.", 404)
        people = keeper.catalog.book.people
        name = people[person].name if person in people else person
        if request.method != "POST":  # also HEAD, by which some mail programs look at what an address leads to
            return _page(f"Acknowledge {incident} as {name}?", 200, button=True)
        reaction = Reaction(action="ack", incident=incident, by=name, via="phone", person=person, round=int(number))
        try:
            done = await keeper.react(reaction)
        except StoreError:
            return _page("This could not be stored. Acknowledge in Slack or PagerDuty.", 503)
        return _page(done.text, 200)

    path = "/a/{incident:str}/{round:str}/{person:str}/{token:str}"
    return [Route(path, answer, methods=["GET", "POST"])]


def _page(text: str, status: int, *, button: bool = False) -> Response:
    form = (
        "<form method=post><button style='font-size:1.4em;padding:.6em 1.2em'>Acknowledge</button></form>"
        if button
        else ""
    )
    head = "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'><title>showup</title>"
    style = "<body style='font:18px system-ui;margin:2em;max-width:30em'>"
    return HTMLResponse(f"{head}{style}<p>{escape(text)}</p>{form}", status)
