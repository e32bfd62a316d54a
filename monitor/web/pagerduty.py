"""PagerDuty's webhooks v3, by choice beside polling: signed by PagerDuty, each event once."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from alerts import once
from alerts.channels.pagerduty.hooks import reaction_in
from monitor.web.bodies import read_body
from probes.words.errors import ShowupError, StoreError
from probes.words.text import clean

if TYPE_CHECKING:
    from alerts.channels.pagerduty.spec import Spec
    from monitor.app import Keeper

log = structlog.get_logger("showup.pagerduty")

BODY = 262_144  # bytes; PagerDuty itself sends none that is larger
MOST = 20  # signatures in one header: PagerDuty sends two while a secret is changed
VERSION = "v1="


def is_signed(secret: str, body: bytes, header: str) -> bool:
    """True when any `v1` signature in the header is this secret's for the raw body; compared in constant time."""
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()
    given = [part.strip() for part in header.split(",")[:MOST]]
    found = [part.removeprefix(VERSION).encode("utf-8", "replace") for part in given if part.startswith(VERSION)]
    return any(hmac.compare_digest(wanted, each) for each in found)


class _Door:
    """Takes PagerDuty's events, each once: its signature holds no time, so a repeat is known by its id alone."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._work: set[asyncio.Task[None]] = set()

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
        number = clean(str(event.get("id") or request.headers.get("x-webhook-id") or ""), 100)
        if not number:
            return PlainTextResponse("", 202)  # a kind that is not known yet
        now = self._keeper.clock.now()
        try:
            new = await self._keeper.store.write(lambda session: once.claim(session, f"pagerduty {number}", now=now))
        except StoreError:
            return PlainTextResponse("cannot be kept now", 503)
        if new:
            self._spawn(event)
        return PlainTextResponse("", 202)

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

    def _spawn(self, event: dict[str, Any]) -> None:
        """PagerDuty waits five seconds for an answer, so the work comes after it."""
        task = asyncio.get_running_loop().create_task(self._apply(event))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _apply(self, event: dict[str, Any]) -> None:
        reaction = reaction_in(event, self._keeper.around)
        if reaction is None:
            return
        try:
            await self._keeper.react(reaction)
        except StoreError as error:
            log.warning("what PagerDuty told could not be kept; it is asked for again", reason=str(error))


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
