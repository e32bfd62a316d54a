"""Where jobs report: `/ping/<token>` and its relatives, as clients of the healthchecks convention know them.

A token never stands in a log, a metric or a page. What is answered OK is on the disk.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from monitor.config.catalog import Probe
from monitor.engine.heartbeats import BODY, UUID, Ping, Word, read_rid
from monitor.tokens import Known, key_in, ping_key, ping_token
from monitor.web.bodies import read_body
from monitor.web.meter import Meter
from probes.words.errors import StoreError

if TYPE_CHECKING:
    from monitor.app import Keeper

log = structlog.get_logger("showup.pings")

A_MINUTE = 30  # words of one job in any minute that are each written
METHODS = ("GET", "HEAD", "POST")
_WORDS = {"": Word.SUCCESS, "start": Word.START, "fail": Word.FAILURE, "log": Word.LOG}
_HEADERS = {"Ping-Body-Limit": str(BODY), "Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address says: the job by its token, or by `key` and name, and the word with its exit status."""

    token: str
    key: str = ""
    word: Word = Word.SUCCESS
    status: int | None = None


def read_path(path: str) -> Asked | None:
    """What stands behind `/ping/`; None for what is no such address."""
    parts = path.split("/")
    if not 1 <= len(parts) <= 3 or not all(part.isascii() for part in parts):
        return None
    if UUID.match(parts[0].lower()):
        key, name, rest = "", parts[0].lower(), parts[1:]
    elif len(parts) > 1:
        key, name, rest = parts[0], parts[1], parts[2:]
    else:
        return None
    said = rest[0] if rest else ""
    if len(rest) > 1 or (rest and not said):
        return None
    if said in _WORDS:
        return Asked(name, key, _WORDS[said])
    if not said.isdecimal() or len(said) > 3 or int(said) > 255:
        return None
    return Asked(name, key, Word.FAILURE if int(said) else Word.SUCCESS, int(said))


def routes(keeper: Keeper) -> list[Route]:
    """The addresses of all jobs."""
    return [Route("/ping/{path:path}", _Door(keeper).answer, methods=[*METHODS])]


class _Door:
    """Takes what jobs say, each token as often as is reasonable."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._key = key_in(keeper.folder)
        self._meter = Meter(A_MINUTE, keeper.clock.mono)
        self._for: object = None
        self._tokens, self._slugs = Known(()), dict[str, set[str]]()

    async def answer(self, request: Request) -> Response:
        """200 it is kept · 400 no right address · 404 no such job · 409 several · 429 too often · 503 say it again."""
        asked, rid = read_path(request.path_params["path"]), read_rid(request.query_params.get("rid"))
        if asked is None:
            return _say("not a right address", 400)
        if rid is None:
            return _say("rid is not a UUID", 400)
        name = self._named(asked)
        if name is None:
            return _say("not found", 404)
        if not name:
            return _say("ambiguous name", 409)
        return await self._hear(request, name, asked, rid)

    async def _hear(self, request: Request, name: str, asked: Asked, rid: str) -> Response:
        body = self._safe((await read_body(request, BODY)).data) if request.method == "POST" else ""
        heartbeats = self._keeper.engine.heartbeats
        ping = Ping(asked.word, asked.status, rid, body)
        try:
            if not self._meter.passes(name):
                heartbeats.put_off(name, ping)
                return _say("too many pings; this one is kept and seen to", 429, {"Retry-After": "60"})
            await heartbeats.hear(name, ping)
        except KeyError:  # a reload took it out a moment ago
            return _say("not found", 404)
        except StoreError as error:
            log.warning("what a job said cannot be kept", job=name, reason=str(error))
            return _say("this cannot be kept now; try again", 503, {"Retry-After": "10"})
        return _say("OK", 200)

    def _safe(self, data: bytes) -> str:
        """What a job sent as text, secrets of ours removed; it is cleaned where it is shown."""
        return self._keeper.secrets.redactor().text(data.decode("utf-8", "replace"))

    def _named(self, asked: Asked) -> str | None:
        """The probe that is meant, None for none, "" for several."""
        beats = self._keeper.engine.heartbeats.beats
        if self._for is not beats:  # swapped whole by a reload
            probes = {name: beat.track.probe for name, beat in beats.items()}
            self._tokens, self._slugs, self._for = tokens_of(self._key, probes), slugs_of(probes), beats
        if not asked.key:
            return self._tokens.opens(asked.token)
        if not hmac.compare_digest(asked.key.encode(), ping_key(self._key).encode()):
            return None
        found = self._slugs.get(asked.token, set())
        return None if not found else next(iter(found)) if len(found) == 1 else ""


def tokens_of(key: bytes, probes: Mapping[str, Probe]) -> Known:
    """The token of each job; one that was renamed is known by its former one, too."""
    pairs = [(ping_token(key, name), name) for name in probes]
    renamed = [(f"{probe.subject}/{probe.was}", name) for name, probe in probes.items() if probe.was is not None]
    former = [(ping_token(key, was), name) for was, name in renamed]
    return Known([*former, *pairs])


def slugs_of(probes: Mapping[str, Probe]) -> dict[str, set[str]]:
    """The jobs behind each name that may stand after the key: `probe`, `workflow-probe`, or all three parts."""
    found: dict[str, set[str]] = {}
    for name, probe in probes.items():
        for slug in (
            probe.name,
            f"{probe.workflow}-{probe.name}",
            f"{probe.workflow}-{probe.environment}-{probe.name}",
        ):
            found.setdefault(slug, set()).add(name)
    return found


def _say(text: str, status: int, more: Mapping[str, str] | None = None) -> Response:
    return PlainTextResponse(text, status, headers={**_HEADERS, **(more or {})})
