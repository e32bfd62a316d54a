"""Where a customer says that something is wrong: `/report/<token>`, a page with a form, or JSON from an app."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from monitor.engine.signals import title_of
from monitor.services.incidents import report
from monitor.tokens import Known, key_in, report_token
from monitor.web.bodies import read_body
from monitor.web.meter import Meter
from probes.words.errors import Refused, StoreError
from probes.words.text import clean

if TYPE_CHECKING:
    from monitor.app import Keeper

log = structlog.get_logger("showup.reports")

BODY = 16_384  # bytes
A_MINUTE = 10  # reports of one workflow in any minute: each of them may wake somebody
_HEAD = "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'><title>Report</title>"
_STYLE = "<body style='font:18px system-ui;margin:2em auto;max-width:32em;padding:0 1em'>"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'"


def routes(keeper: Keeper) -> list[Route]:
    """One address for each workflow and environment. GET changes nothing."""
    return [Route("/report/{token}", _Door(keeper).answer, methods=["GET", "POST"])]


class _Door:
    """Takes reports, each workflow's as often as is reasonable."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._key = key_in(keeper.folder)
        self._meter = Meter(A_MINUTE, keeper.clock.mono)

    async def answer(self, request: Request) -> Response:
        """202 it counts · 400 what is wrong · 404 no such token · 413 too large · 429 too often · 503 say it again."""
        subject = self._subject(request.path_params["token"])
        as_json = request.headers.get("content-type", "").startswith("application/json")
        if subject is None:
            return _say("There is nothing here.", 404, as_json=as_json)
        if request.method != "POST":
            return _page(f"<h1>Something wrong with {escape(self._title(subject))}?</h1>{_FORM}", 200)
        if not self._meter.passes(subject):
            return _say("Too many reports in this minute. Please try again later.", 429, as_json=as_json)
        body = await read_body(request, BODY)
        if body.cut or not body.whole:
            return _say("This is too long; say it in a few words.", 413, as_json=as_json)
        try:
            text = _text(body.data, as_json=as_json)
            found = await report(self._keeper, subject, text, source="customer")
        except (ValueError, RecursionError) as error:
            return _say(f"{clean(str(error), 150)}", 400, as_json=as_json)
        except Refused as refused:
            return _say(f"{refused}", 400, as_json=as_json)
        except StoreError as error:
            log.warning("a report cannot be kept", subject=subject, reason=str(error))
            return _say("This cannot be kept now. Please try again in a moment.", 503, as_json=as_json)
        if as_json:
            return JSONResponse({"incident": found["incident"]}, 202)
        return _say("Thank you. Your report is with the team.", 202, as_json=False)

    def _subject(self, token: str) -> str | None:
        places = [
            f"{one.key}/{name}"
            for one in self._keeper.catalog.workflows.values()
            if not one.provider
            for name in one.environments
        ]
        return Known((report_token(self._key, place), place) for place in places).opens(token)

    def _title(self, subject: str) -> str:
        workflow, _, environment = subject.partition("/")
        return title_of(self._keeper.catalog.workflows[workflow], environment)


_FORM = (
    "<form method=post><p><label for=text>What did you try, and what happened?</label></p>"
    "<p><textarea id=text name=text required maxlength=1000 rows=5 style='width:100%;font:inherit'></textarea></p>"
    "<p><button style='font-size:1.2em;padding:.5em 1.2em'>Tell the team</button></p></form>"
)


def _text(data: bytes, *, as_json: bool) -> str:
    """What is said; raises ValueError with what to write."""
    if not as_json:
        pairs = dict(parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=10))
        return pairs.get("text", "")
    found = json.loads(data)
    if not isinstance(found, dict) or not isinstance(found.get("text"), str):
        raise ValueError('write {"text": "what is wrong"}')
    return str(found["text"])


def _page(inner: str, status: int) -> Response:
    return HTMLResponse(f"{_HEAD}{_STYLE}{inner}", status, headers={"Content-Security-Policy": _POLICY})


def _say(text: str, status: int, *, as_json: bool) -> Response:
    if as_json:
        return JSONResponse({"error": text}, status)
    return _page(f"<p>{escape(text)}</p>", status)
