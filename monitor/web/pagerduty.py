"""PagerDuty's webhooks v3, by choice beside polling: signed by PagerDuty, each event once."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from alerts.channels.pagerduty.hooks import reaction_in
from alerts.elsewhere import by_number
from alerts.message import Reaction
from monitor.web.bodies import read_body
from probes.words.errors import ShowupError, StoreError
from probes.words.text import clean

if TYPE_CHECKING:
    from alerts.channels.pagerduty.spec import Spec
    from monitor.app import Keeper

BODY = 262_144  # bytes; PagerDuty itself sends none that is larger
ANSWER_WITHIN = 4.0  # seconds; PagerDuty waits five
MOST = 20  # signatures in one header: PagerDuty sends two while a secret is changed
VERSION = "v1="


def is_signed(secret: str, body: bytes, header: str) -> bool:
    """True when any `v1` signature in the header is this secret's for the raw body; compared in constant time."""
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()
    given = [part.strip() for part in header.split(",")[:MOST]]
    found = [part.removeprefix(VERSION).encode("utf-8", "replace") for part in given if part.startswith(VERSION)]
    return any(hmac.compare_digest(wanted, each) for each in found)


class _Door:
    """Takes PagerDuty's events, each once: its signature holds no time, so a repeat is known by the signed id alone.

    What an event says and that it was heard are committed together before it is answered: nothing is lost between the
    two, and what cannot be kept is answered with 503, which PagerDuty repeats.
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def answer(self, request: Request) -> Response:
        """202 taken · 401 not signed · 404 not used · 413 too large · 503 say it again."""
        spec: Spec | None = self._keeper.catalog.book.channels.get("pagerduty")  # type: ignore[assignment]
        if spec is None or not getattr(spec, "webhook_secret", None):
            return PlainTextResponse("There is nothing here.", 404)
        body = await read_body(request, BODY)
        if body.cut or not body.whole:
            return PlainTextResponse("too large", 413)
        if not self._is_theirs(spec, body.data, request.headers.get("x-pagerduty-signature", "")):
            return PlainTextResponse("not signed", 401)
        event = _event(body.data)
        reaction = reaction_in(event, self._keeper.around)
        if reaction is None or not await self._is_ours(reaction):
            return PlainTextResponse("", 202)  # a kind that means nothing here, or somebody else's incident
        number = clean(str(event.get("id") or ""), 100) or blake2b(body.data, digest_size=16).hexdigest()
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await self._keeper.react(reaction, once=f"pagerduty {number}")
        except (StoreError, TimeoutError):
            return PlainTextResponse("cannot be kept now", 503)
        return PlainTextResponse("", 202)

    async def _is_ours(self, reaction: Reaction) -> bool:
        """False for a remark on an incident that is not known here: nothing is kept of those."""
        there = reaction.said.get("there", "")
        if reaction.incident:
            return True
        found = await self._keeper.store.read(lambda session: by_number(session, "pagerduty", there) is not None)
        return bool(found)

    def _is_theirs(self, spec: Spec, body: bytes, header: str) -> bool:
        from alerts.channels.kit import fill_in

        for reference in spec.webhook_secret:
            try:
                secret = fill_in(reference, self._keeper.around, what="PagerDuty's webhook_secret")
            except ShowupError:
                continue
            if secret and is_signed(secret, body, header):
                return True
        return False


def _event(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    event = found.get("event") if isinstance(found, dict) else None
    return event if isinstance(event, dict) else {}


def routes(keeper: Keeper) -> list[Route]:
    """POST /pagerduty."""
    return [Route("/pagerduty", _Door(keeper).answer, methods=["POST"])]
