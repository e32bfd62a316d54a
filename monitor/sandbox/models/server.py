"""The model server: keys, limits and faults around the answers; one object for each dialect it speaks."""

from __future__ import annotations

import hmac
import json
import secrets
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from aiohttp import web

from monitor.sandbox.faults import Fault, UnknownFault, build_fault
from monitor.sandbox.models import view
from monitor.sandbox.models.answers import Answer, Ask, Dialect, Rule, compose, repeat_question
from monitor.sandbox.models.anthropic import Anthropic
from monitor.sandbox.models.compatible import Compatible
from monitor.sandbox.models.judge import embed, judging
from monitor.sandbox.models.kinds import KINDS
from monitor.sandbox.models.ollama import Ollama
from monitor.sandbox.models.openai import OpenAIChat
from monitor.sandbox.models.play import ERRORS, PAGE, changed, play
from monitor.sandbox.models.refusals import ANTHROPIC_DETAILS, REFUSALS, ModelRefused, make_refusal
from monitor.sandbox.models.responses import OpenAIResponses
from monitor.sandbox.record import read_body
from monitor.sandbox.server import Server
from probes.words.clock import Clock

EMBEDDINGS = "/v1/embeddings"
WINDOW = 60_000_000  # µs
REQUESTS, TOKENS = 10_000, 2_000_000  # a minute, unless told otherwise
MODELS = ("gpt-5-mini", "gpt-5", "claude-haiku-4-5", "llama3.2")


def all_dialects() -> tuple[Dialect, ...]:
    """Every wire format, as a server speaks them side by side."""
    return (OpenAIChat(), OpenAIResponses(), Anthropic(), Ollama(), Compatible())


LABELS = {one.label.removeprefix("chat.") if one.label != "chat" else one.name: one.label for one in all_dialects()}
"""What a dialect is called by people, and its label in faults and in the record."""


class ModelServer(Server):
    """A model provider with one key. `rule` makes the answer out of the messages; `pace` s lie between two words.

    `limit` is (requests, tokens) a minute, told in headers and kept; `dialects` are the wire formats it speaks.
    """

    name: ClassVar[str] = "models"
    kinds: ClassVar[dict[str, str]] = KINDS

    def __init__(
        self,
        *,
        port: int = 0,
        address: str = "127.0.0.1",
        record: Path | str | None = None,
        clock: Clock | None = None,
        key: str = "sk-sandbox",
        models: Sequence[str] = MODELS,
        rule: Rule = repeat_question,
        pace: float = 0.0,
        limit: tuple[int, int] = (REQUESTS, TOKENS),
        dialects: Sequence[Dialect] = (),
    ) -> None:
        super().__init__(port=port, address=address, record=record, clock=clock)
        self.key, self.models, self.rule, self.pace, self.limit = key, tuple(models), rule, pace, limit
        self.dialects = tuple(dialects) or all_dialects()
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
        """The paths of every dialect, the lists of models, and the page."""
        asks = [web.post(path, self._chat) for dialect in self.dialects for path in dialect.paths]
        lists = [web.get(path, self._list) for dialect in self.dialects for path in dialect.lists]
        lists += [web.get(path + "/{id}", self._list) for d in self.dialects for path in d.lists]
        asks.append(web.post(EMBEDDINGS, self._embed))
        return [*asks, *lists, web.get("/", self._show), web.post("/fault", self._take_fault)]

    def label(self, request: web.Request) -> str | None:
        """`chat` (OpenAI's), `chat.anthropic` and so on; `models` for every list of them; none for the page."""
        if request.path in ("/", "/fault"):
            return None
        if request.path == EMBEDDINGS:
            return "embeddings"
        spoken = self._spoken(request)
        return spoken.label if spoken is not None and request.path in spoken.paths else "models"

    def _spoken(self, request: web.Request) -> Dialect | None:
        """The dialect of a request: its path tells, and for the list of models the headers."""
        path = request.path
        for dialect in self.dialects:
            lists = any(path == one or path.startswith(one + "/") for one in dialect.lists)
            if path in dialect.paths or (lists and not request.headers.get("anthropic-version")):
                return dialect
        return next((d for d in self.dialects if d.name == "anthropic" and path.startswith("/v1/models")), None)

    def rate_limited(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        """429 with a wait."""
        dialect = self._spoken(request) or self.dialects[0]
        refusal = make_refusal(fault, dialect.refusals) or ModelRefused(429, "rate_limit_exceeded", "")
        refusal.wait = fault.lasts(20)
        return self._refuse(dialect, refusal)

    def server_error(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        """The provider's own trouble, in its own JSON."""
        dialect = self._spoken(request) or self.dialects[0]
        return self._refuse(dialect, make_refusal(fault, dialect.refusals) or ModelRefused(500, "server_error", ""))

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        dialect = self._spoken(request) or self.dialects[0]
        fault = self.meet(dialect.label)
        try:
            self._admit(dialect, request, fault)
            ask = dialect.read(await read_body(request), request.headers)
            if ask.model not in self.models:
                status, code, _ = dialect.refusals["model-missing"]
                raise ModelRefused(status, code, f"The model `{ask.model[:80]}` does not exist.")
            self._spend(dialect, ask)
        except ModelRefused as refusal:
            return self._refuse(dialect, refusal)
        answer = compose(ask, judging(self.rule), fault)
        await self.note(request, accepted=True, status=200, answer=answer.text[:2000])
        if self.loses_reply():
            return self.cut(request)
        if fault is not None and fault.kind in ("html", "blank"):
            kind = "text/html" if fault.kind == "html" else dialect.content_type if ask.stream else "application/json"
            return web.Response(body=PAGE if fault.kind == "html" else b"", content_type=kind)
        send = self._stream if ask.stream else self._whole
        try:
            return await send(request, dialect, ask, answer, fault)
        except ConnectionError:
            return self.cut(request)  # the caller left

    def _admit(self, dialect: Dialect, request: web.Request, fault: Fault | None) -> None:
        detail = ANTHROPIC_DETAILS.get(fault.kind, "") if fault is not None and dialect.name == "anthropic" else ""
        refusal = make_refusal(fault, dialect.refusals, detail=detail)
        if refusal is not None:
            raise refusal
        given = dialect.read_key(request.headers)
        if dialect.is_open and not given:
            return
        if not hmac.compare_digest(given.encode(), self.key.encode()):
            status, code, message = dialect.refusals["unauthorized"]
            raise ModelRefused(status, code, message)

    def _spend(self, dialect: Dialect, ask: Ask) -> None:
        """Count the question against the minute, or refuse it."""
        now = self.now()
        while self._spent and self._spent[0][0] <= now - WINDOW:
            self._spent.popleft()
        requests, tokens = self._left()
        if requests < 1 or tokens < ask.tokens:
            wait = (self._spent[0][0] + WINDOW - now) / 1e6 if self._spent else 60.0
            what = "requests" if requests < 1 else "tokens"
            code = dialect.refusals["rate-limited"][1]
            raise ModelRefused(429, code, f"Rate limit reached on {what} per min.", wait=wait)
        self._spent.append((now, ask.tokens))

    def _left(self) -> tuple[int, int]:
        used = sum(tokens for _, tokens in self._spent)
        return max(0, self.limit[0] - len(self._spent)), max(0, self.limit[1] - used)

    def _headers(self, dialect: Dialect) -> dict[str, str]:
        reset = (self._spent[0][0] + WINDOW - self.now()) / 1e6 if self._spent else 0.0
        return dialect.headers(self.limit, self._left(), max(0.0, reset), self.now() // 1_000_000)

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
        if fault is not None and kind in ERRORS:
            status, code, message = dialect.refusals[ERRORS[kind]]
            return self._refuse(dialect, ModelRefused(status, code, fault.text or message))
        wait = self.pace * len(answer.words)
        if fault is not None and kind in ("no-first-token", "idle-gap"):
            wait = fault.lasts(600)
        elif fault is not None and kind == "slow-tokens":
            wait = fault.lasts(0.2) * len(answer.words)
        if wait and not await self.linger(wait):
            return self.cut(request)
        body = json.dumps(dialect.write(ask, answer, secrets.token_hex(12), self.now() // 1_000_000)).encode()
        body = changed(dialect, body, fault)
        if kind not in ("cut", "no-end"):
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
        response.content_type, response.charset = dialect.content_type, "utf-8"
        await response.prepare(request)
        pieces = dialect.stream(ask, answer, secrets.token_hex(12), self.now() // 1_000_000)
        kept = b""
        async for data in play(dialect, pieces, fault, pace=self.pace, pause=self.linger):
            if fault is not None and fault.kind == "buffered":
                kept += data
            elif data:
                await response.write(data)
        if kept:
            await response.write(kept)
        if self.closing.is_set() or (fault is not None and fault.kind == "cut"):
            return self.cut(request)
        return response

    # --- lists of models, the page and its switch ---------------------------------------------------------------------

    async def _list(self, request: web.Request) -> web.StreamResponse:
        dialect, fault = self._spoken(request) or self.dialects[0], self.meet("models")
        wanted = request.match_info.get("id")
        try:
            self._admit(dialect, request, fault if fault is not None and fault.kind in REFUSALS else None)
            if wanted is not None and wanted not in self.models:
                status, code, _ = dialect.refusals["model-missing"]
                raise ModelRefused(status, code, f"The model `{wanted[:80]}` does not exist.")
        except ModelRefused as refusal:
            return self._refuse(dialect, refusal)
        body = dialect.list_models((wanted,) if wanted else self.models, self.now() // 1_000_000)
        one = next(iter(body.get("data") or body.get("models") or [{}]))
        return web.json_response(body if wanted is None else one, headers=self._headers(dialect))

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        dialect, fault = self.dialects[0], self.meet("embeddings")
        try:
            self._admit(dialect, request, fault)
            body = embed(await read_body(request), self.models)
        except ModelRefused as refusal:
            return self._refuse(dialect, refusal)
        return web.json_response(body, headers=self._headers(dialect))

    async def _show(self, request: web.Request) -> web.Response:
        token = self.control_token if self.is_operator(request.query.get("token")) else ""
        return view.show(self.models, self.received, list(self.faults), token=token)

    async def _take_fault(self, request: web.Request) -> web.StreamResponse:
        """The page's form: breaks, or repairs with the kind `heal`."""
        body = await read_body(request)
        fields = dict(body) if isinstance(body, dict) else {}
        if not self.is_operator(str(fields.pop("token", ""))):
            raise web.HTTPUnauthorized(text="open the page with ?token=…; the kit printed it when it started")
        try:
            if fields.get("kind") == "heal":
                self.faults.clear()
            else:
                self.faults.set(build_fault(fields))
        except UnknownFault as error:
            return web.Response(status=400, text=str(error))
        raise web.HTTPSeeOther(f"/?token={self.control_token}")
