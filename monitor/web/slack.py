"""Slack's buttons over HTTP, where no Socket Mode is wanted: signed by Slack, answered within three seconds."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from alerts import once
from monitor.web.bodies import read_body
from probes.words.errors import ShowupError, StoreError

if TYPE_CHECKING:
    from alerts.channels.slack.spec import Spec
    from monitor.app import Keeper

log = structlog.get_logger("showup.slack")

BODY = 1_000_000  # bytes: a payload holds the whole message
AT_ONCE = 20  # payloads that are worked on
STAMP = 12  # digits of a time in seconds


class _Door:
    """Takes Slack's payloads once each."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._work: set[asyncio.Task[None]] = set()

    async def answer(self, request: Request) -> Response:
        """200 taken · 401 not Slack's, or too old · 404 not used · 413 too large · 400 nothing that can be read · 429
        too much at once, 503 the store refuses: whoever pressed sees that it was not done."""
        spec: Spec | None = self._keeper.catalog.book.channels.get("slack")  # type: ignore[assignment]
        if spec is None or getattr(spec, "signing_secret", None) is None:
            return PlainTextResponse("There is nothing here.", 404)
        body = await read_body(request, BODY)
        if body.cut or not body.whole:
            return PlainTextResponse("too large", 413)
        signature = request.headers.get("x-slack-signature", "")
        if not self._is_slacks(spec, body.data, request):
            return PlainTextResponse("not signed", 401)
        payload = _payload(body.data)
        if payload is None:
            return PlainTextResponse("no payload", 400)
        if len(self._work) >= AT_ONCE:  # a 200 for what is not done would be taken for an acknowledgement
            log.warning("what was pressed in Slack was turned away", under_way=AT_ONCE)
            return PlainTextResponse("too much at once, press again", 429)
        try:
            first = await self._is_first(signature)
        except StoreError:
            return PlainTextResponse("it cannot be kept now, press again", 503)
        if not first:
            return PlainTextResponse("", 200)  # a repeat
        task = asyncio.get_running_loop().create_task(self._act(spec, payload))
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return PlainTextResponse("", 200)

    async def _is_first(self, signature: str) -> bool:
        """False for a repeat, over a restart too: what a workflow declares may not be done twice."""
        now = self._keeper.clock.now()
        return await self._keeper.store.write(lambda session: once.claim(session, f"slack {signature}", now=now))

    def _is_slacks(self, spec: Spec, body: bytes, request: Request) -> bool:
        from slack_sdk.signature import SignatureVerifier

        from alerts.channels.kit import fill_in

        stamp = request.headers.get("x-slack-request-timestamp", "")
        signature = request.headers.get("x-slack-signature", "")
        # the library raises for what is no number, for one that no float holds, and for marks beyond ASCII
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= STAMP and signature.isascii()):
            return False
        try:
            secret = fill_in(spec.signing_secret or "", self._keeper.around, what="Slack's signing_secret")
            return bool(SignatureVerifier(secret).is_valid(body, stamp, signature))
        except (ShowupError, ValueError):  # no secret, or a body that is no text
            return False

    async def _act(self, spec: Spec, payload: dict[str, Any]) -> None:
        from alerts.channels.slack.client import make_client
        from alerts.channels.slack.listen import Ear

        keeper = self._keeper
        try:
            web = make_client(spec, keeper.around)
            await Ear(web, keeper.around, keeper.react, anyone=spec.anyone).act(payload)
        except ShowupError as error:
            log.warning("what was pressed in Slack could not be done", reason=str(error))


def _payload(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(parse_qs(body.decode("utf-8", "replace"), max_num_fields=10).get("payload", [""])[0])
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def routes(keeper: Keeper) -> list[Route]:
    """POST /slack/interactivity."""
    return [Route("/slack/interactivity", _Door(keeper).answer, methods=["POST"])]
