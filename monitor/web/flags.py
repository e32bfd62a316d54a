"""Where an app, or its page, says that an answer was wrong: `POST /flag/<token>`, JSON or a form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from monitor.engine.flags import read_said
from monitor.tokens import Known, flag_token, key_in
from monitor.web.bodies import read_body
from monitor.web.meter import Meter
from probes.words.errors import StoreError

if TYPE_CHECKING:
    from monitor.app import Keeper

log = structlog.get_logger("showup.flags")

BODY = 65_536  # bytes
FIELDS = 20  # of a form
A_MINUTE = 60  # flags of one workflow in any minute
# A page of the app may flag from a browser: the token in it is good for this one act.
_HEADERS = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}
_ALLOWED = {"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "Content-Type"}


def routes(keeper: Keeper) -> list[Route]:
    """One address for each workflow and environment."""
    return [Route("/flag/{token}", _Door(keeper).answer, methods=["POST", "OPTIONS"])]


class _Door:
    """Takes flags, each workflow's as often as is reasonable."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._key = key_in(keeper.folder)
        self._meter = Meter(A_MINUTE, keeper.clock.mono)
        self._subjects: tuple[str, ...] = ()
        self._tokens = Known(())

    async def answer(self, request: Request) -> Response:
        """202 it counts · 400 what is wrong · 404 no such token · 413 too large · 429 too often · 503 say it again."""
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={**_HEADERS, **_ALLOWED})
        subject = self._subject(request.path_params["token"])
        if subject is None:
            return _say({"error": "not found"}, 404)
        if not self._meter.passes(subject):
            return _say({"error": "too many flags in this minute"}, 429, {"Retry-After": "60"})
        body = await read_body(request, BODY)
        if body.cut or not body.whole:
            return _say({"error": f"larger than {BODY} bytes" if body.cut else "the body did not come"}, 413)
        try:
            given = _read(body.data, request.headers.get("content-type", ""))
            hide = self._keeper.secrets.redactor().text
            said = read_said(given, source="app", at=self._keeper.clock.now(), hide=hide)
        except (ValueError, RecursionError) as error:
            return _say({"error": str(error)[:200]}, 400)
        return await self._keep(subject, said)

    async def _keep(self, subject: str, said: Any) -> Response:
        try:
            number, new = await self._keeper.engine.flags.add(subject, said)
        except StoreError as error:
            log.warning("a flag cannot be kept", subject=subject, reason=str(error))
            return _say({"error": "this cannot be kept now; try again"}, 503, {"Retry-After": "10"})
        return _say({"flag": number, "new": new}, 202)

    def _subject(self, token: str) -> str | None:
        subjects = tuple(self._keeper.engine.flags.rules())
        if subjects != self._subjects:
            self._tokens = Known((flag_token(self._key, subject), subject) for subject in subjects)
            self._subjects = subjects
        return self._tokens.opens(token)


def _read(data: bytes, kind: str) -> Mapping[str, Any]:
    """The fields of a body, JSON unless it says that it is a form; raises ValueError."""
    if kind.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
        pairs = parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS)
        return dict(pairs)
    if kind.lower().startswith("multipart/"):
        raise ValueError("a form with parts is not read; send JSON")
    try:
        found = json.loads(data)
    except ValueError:
        raise ValueError('the body is not JSON; write {"asked": "…", "answered": "…"}') from None
    if not isinstance(found, dict):
        raise ValueError('the body is no object; write {"asked": "…", "answered": "…"}')
    return found


def _say(found: Mapping[str, Any], status: int, more: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(dict(found), status, headers={**_HEADERS, **(more or {})})
