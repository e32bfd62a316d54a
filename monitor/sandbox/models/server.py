"""The model server: keys, limits and faults around the answers; one object for each dialect it speaks."""

from __future__ import annotations

import hmac
import json
import secrets
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from aiohttp import web
from markupsafe import Markup

from monitor.sandbox.faults import WIRE, Fault
from monitor.sandbox.markup import join, page
from monitor.sandbox.models.answers import (
    REFUSALS,
    Answer,
    Ask,
    Dialect,
    ModelRefused,
    Piece,
    Rule,
    compose,
    make_refusal,
    repeat_question,
)
from monitor.sandbox.models.openai import OpenAIChat
from monitor.sandbox.record import read_body
from monitor.sandbox.server import Server
from probes.words.clock import Clock
from probes.words.text import clean

WINDOW = 60_000_000  # µs
REQUESTS, TOKENS = 10_000, 2_000_000  # a minute, unless told otherwise


class ModelServer(Server):
    """A model provider with one key. `rule` makes the answer out of the messages; `pace` s lie between two words.

    `limit` is (requests, tokens) a minute, told in headers and kept; `dialects` are the wire formats it speaks.
    """

    name: ClassVar[str] = "models"
    kinds: ClassVar[dict[str, str]] = {
        "no-first-token": "200 and the stream's opening, then nothing for `seconds` (600)",
        "idle-gap": "says nothing for `seconds` (600) in the middle of the answer",
        "slow-tokens": "`seconds` (0.2) between two words",
        "buffered": "the whole stream at once, after as long as it would have taken",
        "error-in-stream": "200, half an answer, then an error in the stream; `text` is its message",
        "cut": "half an answer, then the connection dies",
        "no-done": "the whole answer, without the event that ends a stream",
        "length": "half an answer that says it was cut for length",
        "content-filter": "a third of an answer, taken back by a filter",
        "refusal": "the model refuses to answer",
        "empty": "an answer without a word",
        "garbage": "mojibake; `text` may be loop or json, or the garbage itself",
        "wrong": "another answer: `text`",
        "model-swapped": "answers as another model: `text`",
    } | {kind: f"{refusal[0]} {refusal[1]}" for kind, refusal in REFUSALS.items() if kind not in WIRE}

    def __init__(
        self,
        *,
        port: int = 0,
        record: Path | str | None = None,
        clock: Clock | None = None,
        key: str = "sk-sandbox",
        models: Sequence[str] = ("gpt-5-mini", "gpt-5"),
        rule: Rule = repeat_question,
        pace: float = 0.0,
        limit: tuple[int, int] = (REQUESTS, TOKENS),
        dialects: Sequence[Dialect] = (OpenAIChat(),),
    ) -> None:
        super().__init__(port=port, record=record, clock=clock)
        self.key, self.models, self.rule, self.pace, self.limit = key, tuple(models), rule, pace, limit
        self.dialects = tuple(dialects)
        self._spent: deque[tuple[int, int]] = deque()  # (when, tokens) of the last minute

    @property
    def base_url(self) -> str:
        """What an OpenAI-shaped client takes as its base_url."""
        return f"{self.url}/v1"

    client_url = base_url

    def tokens(self) -> dict[str, str]:
        """The key and a model's name."""
        return {"api_key": self.key, "model": self.models[0]}

    # --- the wire ---------------------------------------------------------------------------------------------------

    def routes(self) -> Iterable[web.RouteDef]:
        """The paths of every dialect, the list of models, and the page."""
        asks = [web.post(path, self._chat) for dialect in self.dialects for path in dialect.paths]
        lists = [web.get(path, self._list) for path in ("/v1/models", "/v1/models/{id}")]
        return [*asks, *lists, web.get("/", self._show)]

    def label(self, request: web.Request) -> str | None:
        """`chat`, `models`."""
        if request.path == "/":
            return None
        return "models" if request.path.startswith("/v1/models") else "chat"

    def rate_limited(self, fault: Fault) -> web.StreamResponse:
        """429 with a wait."""
        refusal = make_refusal(fault) or ModelRefused(429, "rate_limit_exceeded", "")
        refusal.wait = fault.lasts(20)
        return self._refuse(self.dialects[0], refusal)

    def server_error(self, fault: Fault) -> web.StreamResponse:
        """The provider's own trouble, in its own JSON."""
        return self._refuse(self.dialects[0], make_refusal(fault) or ModelRefused(500, "server_error", ""))

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        dialect = next(d for d in self.dialects if request.path in d.paths)
        fault = self.meet("chat")
        try:
            self._admit(dialect, request, fault)
            ask = dialect.read(await read_body(request))
            if ask.model not in self.models:
                raise ModelRefused(404, "model_not_found", f"The model `{ask.model[:80]}` does not exist.")
            self._spend(ask)
        except ModelRefused as refusal:
            return self._refuse(dialect, refusal)
        answer = compose(ask, self.rule, fault)
        await self.note(request, accepted=True, status=200, answer=answer.text[:2000])
        if ask.stream:
            return await self._stream(request, dialect, ask, answer, fault)
        return await self._whole(request, dialect, ask, answer, fault)

    def _admit(self, dialect: Dialect, request: web.Request, fault: Fault | None) -> None:
        refusal = make_refusal(fault) if fault is not None else None
        if refusal is not None:
            raise refusal
        if not hmac.compare_digest(dialect.read_key(request.headers).encode(), self.key.encode()):
            raise ModelRefused(401, "invalid_api_key", "Incorrect API key provided.")

    def _spend(self, ask: Ask) -> None:
        """Count the question against the minute, or refuse it."""
        now = self.now()
        while self._spent and self._spent[0][0] <= now - WINDOW:
            self._spent.popleft()
        requests, tokens = self._left()
        if requests < 1 or tokens < ask.tokens:
            wait = (self._spent[0][0] + WINDOW - now) / 1e6 if self._spent else 60.0
            what = "requests" if requests < 1 else "tokens"
            raise ModelRefused(429, "rate_limit_exceeded", f"Rate limit reached on {what} per min.", wait=wait)
        self._spent.append((now, ask.tokens))

    def _left(self) -> tuple[int, int]:
        used = sum(tokens for _, tokens in self._spent)
        return max(0, self.limit[0] - len(self._spent)), max(0, self.limit[1] - used)

    def _headers(self, dialect: Dialect) -> dict[str, str]:
        reset = (self._spent[0][0] + WINDOW - self.now()) / 1e6 if self._spent else 0.0
        found = {"x-request-id": f"req_{secrets.token_hex(12)}", "openai-processing-ms": "1"}
        return found | dialect.limits(self.limit, self._left(), max(0.0, reset))

    def _refuse(self, dialect: Dialect, refusal: ModelRefused) -> web.Response:
        headers = self._headers(dialect)
        if refusal.wait:
            headers["retry-after"] = str(int(refusal.wait + 0.999))
        return web.json_response(dialect.fail(refusal), status=refusal.status, headers=headers)

    async def _whole(
        self, request: web.Request, dialect: Dialect, ask: Ask, answer: Answer, fault: Fault | None
    ) -> web.StreamResponse:
        """The answer in one body; faults of a stream become what they are without one."""
        kind = fault.kind if fault else ""
        if kind == "error-in-stream":
            return self._refuse(dialect, ModelRefused(500, "server_error", "The server had an error."))
        wait = self.pace * len(answer.words)
        if fault is not None and kind in ("no-first-token", "idle-gap"):
            wait = fault.lasts(600)
        elif fault is not None and kind == "slow-tokens":
            wait = fault.lasts(0.2) * len(answer.words)
        if wait and not await self.pause(wait):
            return self.cut(request)
        body = json.dumps(dialect.write(ask, answer, _name(), self.now() // 1_000_000)).encode()
        if kind != "cut":
            return web.Response(body=body, content_type="application/json", headers=self._headers(dialect))
        response = web.StreamResponse(headers=self._headers(dialect) | {"Content-Length": str(len(body))})
        response.content_type = "application/json"
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        return self.cut(request)

    async def _stream(
        self, request: web.Request, dialect: Dialect, ask: Ask, answer: Answer, fault: Fault | None
    ) -> web.StreamResponse:
        headers = self._headers(dialect) | {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        response = web.StreamResponse(headers=headers)
        response.content_type, response.charset = "text/event-stream", "utf-8"
        await response.prepare(request)
        pieces = dialect.stream(ask, answer, _name(), self.now() // 1_000_000)
        kept = b""
        try:
            async for data in self._play(dialect, pieces, fault):
                if fault is not None and fault.kind == "buffered":
                    kept += data
                else:
                    await response.write(data)
            if kept:
                await response.write(kept)
        except ConnectionError:
            return response  # the caller left
        if self.closing.is_set() or (fault is not None and fault.kind == "cut"):
            return self.cut(request)
        return response

    async def _play(self, dialect: Dialect, pieces: list[Piece], fault: Fault | None) -> AsyncIterator[bytes]:
        """The pieces in their time, with what the fault does to them."""
        kind = fault.kind if fault else ""
        words = sum(p.kind == "word" for p in pieces)
        middle, said = (words + 1) // 2, 0
        for piece in pieces:
            if said == middle and piece.kind in ("word", "ending"):
                if kind == "cut":
                    return
                if fault is not None and kind == "error-in-stream":
                    message = fault.text or "The server had an error while processing your request."
                    yield dialect.fail_inside(ModelRefused(500, "server_error", message))
                    return
            if not await self._wait(piece, said, middle, fault):
                return
            said += piece.kind == "word"
            if not (kind == "no-done" and piece.kind == "terminal"):
                yield piece.data

    async def _wait(self, piece: Piece, said: int, middle: int, fault: Fault | None) -> bool:
        """What lies between this piece and the one before; False when the server closed meanwhile."""
        kind, wait = fault.kind if fault else "", 0.0
        if piece.kind == "word":
            wait = fault.lasts(0.2) if fault is not None and kind == "slow-tokens" else self.pace
        stops = (kind == "no-first-token" and said == 0) or (kind == "idle-gap" and said == middle)
        if fault is not None and stops and piece.kind in ("word", "ending"):
            wait = fault.lasts(600)
        return await self.pause(wait) if wait else True

    async def _list(self, request: web.Request) -> web.StreamResponse:
        dialect, fault = self.dialects[0], self.meet("models")
        wanted = request.match_info.get("id")
        try:
            self._admit(dialect, request, fault if fault is not None and fault.kind in REFUSALS else None)
            if wanted is not None and wanted not in self.models:
                raise ModelRefused(404, "model_not_found", f"The model `{wanted[:80]}` does not exist.")
        except ModelRefused as refusal:
            return self._refuse(dialect, refusal)
        body = dialect.list_models((wanted,) if wanted else self.models, self.now() // 1_000_000)
        return web.json_response(body if wanted is None else body["data"][0], headers=self._headers(dialect))

    async def _show(self, _request: web.Request) -> web.Response:
        row = Markup("<tr><td>{}</td><td>{}</td><td>{}</td></tr>")
        asked = [r for r in self.received if r.what == "chat"][-30:]
        told = [(r.at[11:19], r.status or "none", clean(str(r.answer or r.fault), 300)) for r in reversed(asked)]
        rows = [row.format(*line) for line in told]
        table = Markup("<table><tr><th>at (UTC)</th><th>status</th><th>said</th></tr>{}</table>").format(join(rows))
        head = Markup("<h1>Models</h1><p class='soft'>A local model provider: {}.</p>").format(", ".join(self.models))
        return page("Models", head + table, refresh=2)


def _name() -> str:
    return f"chatcmpl-{secrets.token_hex(12)}"
