"""HTTP as a probe needs it: one request under one deadline, each part timed, every address checked, nothing unbounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import blake2b
from time import monotonic
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urljoin

import httpcore
import httpx

from probes import classify
from probes.target import Place, Target, checked_headers, locate
from probes.tools import Missing, Timeouts, Trouble
from probes.tools.answer import Answer, Exchange, Headers, encode_json, excerpt
from probes.tools.body import LIMIT, PIECES, Unreadable, decoder, unfinished
from probes.tools.resolver import Resolver
from probes.tools.wire import HEAD_LIMIT, Transport, trouble, where
from probes.words.errors import Refused
from probes.words.failure import Failure
from probes.words.secret import NOTHING, Redactor

__all__ = ["Answer", "Exchange", "Headers", "Http", "Missing", "StreamReader", "Timeouts", "Trouble"]

REDIRECTS = 5  # followed before it is called a loop
_EARLY = 0.005  # s by which a request ends before its attempt does, so that the phase is named and not only the deadline
_ANY = Timeouts()
_REDIRECTING = frozenset({301, 302, 303, 307, 308})
_SENSITIVE = frozenset({"authorization", "cookie", "proxy-authorization"})


class StreamReader(Protocol):
    """Reads the body of a successful answer as it comes. `begun` turns true with the first visible text."""

    begun: bool

    def feed(self, chunk: bytes, at: float) -> bool:
        """Take a piece that came at monotonic `at`; True when nothing more is wanted."""
        ...


@lru_cache(maxsize=1)
def resolver() -> Resolver:
    """The process's own threads for looking up names."""
    return Resolver()


@lru_cache(maxsize=1)
def user_agent() -> str:
    """`showup/<version>`."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"showup/{version('showup')}"
    except PackageNotFoundError:
        return "showup/0"


class Http:
    """The requests of one attempt. `deadline` is in seconds of `time.monotonic()` (the loop's own clock); `record` gets each exchange.

    Use it as `async with Http(...) as http:` or call `aclose()`; nothing of it outlives that.
    """

    def __init__(
        self,
        target: Target,
        *,
        run_id: str = "",
        attempt: int = 1,
        redactor: Redactor = NOTHING,
        deadline: float | None = None,
        record: Callable[[Exchange], None] | None = None,
    ) -> None:
        self.target = target
        self.deadline = deadline
        self._record = record
        self._redactors = (redactor, target.redactor)
        self._transport = Transport(target, resolver())
        trace = blake2b(f"{run_id}/{attempt}".encode(), digest_size=24).hexdigest()
        self._own = [
            (b"User-Agent", user_agent().encode()),
            (b"X-Showup-Run", run_id.encode("ascii", "replace")),
            (b"traceparent", f"00-{trace[:32]}-{trace[32:]}-01".encode()),
            (b"Accept", b"*/*"),
            (b"Accept-Encoding", b"gzip, deflate"),
            (b"Connection", b"close"),
        ]

    async def __aenter__(self) -> Http:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection of the attempt."""
        await self._transport.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: Mapping[str, Any] | None = None,
        content: bytes | str | None = None,
        timeout: Timeouts | float | None = None,
        stream: StreamReader | None = None,
        follow: bool = True,
    ) -> Answer:
        """One answer, whatever its status; raises Trouble when there is none. Redirects are followed within the target's `allow`."""
        try:
            place = locate(_with_params(self.target.join(path), params))
            extra = checked_headers(headers) if headers else {}
            body, kind = _encode(json, data, content)
        except Refused as refused:
            raise Trouble(Failure.PROBE_BUG, f"{refused}" + (f"; {refused.hint}" if refused.hint else "")) from None
        except (TypeError, ValueError) as error:
            raise Trouble(Failure.PROBE_BUG, f"the body cannot be sent: {error}") from None
        limits = timeout if isinstance(timeout, Timeouts) else Timeouts(total=timeout)
        call = _Call(self, method.upper(), place, extra, body, kind, limits, stream)
        return await call.run(follow)

    def head(self, place: Place, method: str, extra: Mapping[str, str], body: bytes, kind: str) -> list[tuple[bytes, bytes]]:
        """The headers of a request: our own, the target's where they belong, and the request's, which win."""
        home = place.host == self.target.allow[0] if self.target.allow else True
        raw = [(b"Host", place.netloc.encode()), *self._own]
        named: dict[str, str] = {}
        if home:
            named.update(self.target.headers)
            named.update(self.target.credentials)
        if kind:
            named["Content-Type"] = kind
        named.update(extra)
        if named:
            last = {name.lower(): (name, value) for name, value in named.items()}
            raw = [pair for pair in raw if pair[0].decode().lower() not in last]
            raw += [(name.encode(), value.encode()) for name, value in last.values()]
        if body or method in ("POST", "PUT", "PATCH"):
            raw.append((b"Content-Length", str(len(body)).encode()))
        return raw

    def recorded(self, exchange: Exchange) -> None:
        """Hand an exchange to whoever keeps the record."""
        if self._record is not None:
            self._record(exchange)

    def exchange(self, method: str, place: Place, sent: bytes, headers: list[tuple[bytes, bytes]], at: float) -> Exchange:
        """A new record of one request."""
        return Exchange(method, place.url, sent=sent, sent_headers=headers, redactors=self._redactors, at=at)

    def shown(self, text: str, limit: int = 200) -> str:
        """A text of the target's for a sentence: cleaned, without secrets, cut."""
        return excerpt(text, limit, redactors=self._redactors)


class _Call:
    """One request with its redirects, under one limit that moves from phase to phase."""

    def __init__(
        self,
        http: Http,
        method: str,
        place: Place,
        extra: Mapping[str, str],
        body: bytes,
        kind: str,
        limits: Timeouts,
        stream: StreamReader | None,
    ) -> None:
        self.http, self.method, self.place = http, method, place
        self.extra, self.body, self.kind = extra, body, kind
        self.limits, self.stream = limits, stream
        self.began = monotonic()
        self.times: dict[str, Any] = {"at": "dns"}
        self.guard: asyncio.Timeout | None = None

    async def run(self, follow: bool) -> Answer:
        ends = [self.http.deadline - _EARLY] if self.http.deadline is not None else []
        if self.limits.total is not None:
            ends.append(self.began + self.limits.total)
        self.end = min(ends, default=None)
        for _ in range(REDIRECTS + 1):
            answer = await self._exchange()
            if not follow or answer.status not in _REDIRECTING or "location" not in answer.headers:
                return answer
            self._turn(answer)
        raise Trouble(Failure.APP_ERROR, f"{where(self.place)} redirects for ever (more than {REDIRECTS} times)")

    async def _exchange(self) -> Answer:
        """One hop, recorded whatever comes of it."""
        self.times = {"at": "dns"}
        headers = self.http.head(self.place, self.method, self.extra, self.body, self.kind)
        exchange = self.http.exchange(self.method, self.place, self.body, headers, monotonic())
        try:
            async with asyncio.timeout_at(self._until(self.limits.connect)) as self.guard:
                answer = await self._make(headers, exchange)
            exchange.answer = answer
            return answer
        except TimeoutError:
            failed = self._timed_out()
        except Trouble as raised:
            failed = raised
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            failed = trouble(classify.of_exchange(error, where(self.place), begun=self.times["at"] not in ("tls", "first_byte")))
        finally:
            exchange.phases = self._phases(exchange.at)
            exchange.remote = _address(self.times.get("remote"))
            line = self.times.get("line")
            if line is not None:
                line.close()
            self.http.recorded(exchange)
        exchange.failure = failed.sentence
        raise failed

    async def _make(self, headers: list[tuple[bytes, bytes]], exchange: Exchange) -> Answer:
        request = httpx.Request(
            self.method,
            _url(self.place.url),
            headers=headers,
            stream=httpx.ByteStream(self.body),
            extensions={"place": self.place, "times": self.times, "connected": self._connected},
        )
        response = await self.http._transport.handle_async_request(request)
        line = self.times["line"]
        self.times["first_byte"] = monotonic() - line.sent_at
        raw = response.headers.raw
        if sum(len(name) + len(value) for name, value in raw) > HEAD_LIMIT:
            raise Trouble(Failure.GARBAGE, f"{where(self.place)} sent headers of more than {HEAD_LIMIT // 1024} KB")
        body, truncated = await self._read(response, line.sent_at)
        return Answer(
            response.status_code,
            raw,
            body,
            url=self.place.url,
            method=self.method,
            phases=self._phases(exchange.at),
            remote=_address(self.times.get("remote")),
            truncated=truncated,
        )

    async def _read(self, response: httpx.Response, sent_at: float) -> tuple[bytes, bool]:
        """The decoded body, at most LIMIT bytes; a stream reader is fed as it comes."""
        reader = self.stream if response.status_code < 300 else None
        self.times["at"] = "body"
        self._wait(reader, sent_at)
        kept, pieces = bytearray(), 0
        try:
            decode = decoder(response.headers.get("content-encoding", ""))
            async for piece in response.stream:  # type: ignore[union-attr]
                pieces += 1
                part = decode.feed(piece, LIMIT - len(kept))
                kept += part
                if reader is not None and part and reader.feed(part, monotonic()):
                    return bytes(kept), False
                if len(kept) > LIMIT or pieces >= PIECES:
                    return bytes(kept[:LIMIT]), True
                if pieces % 32 == 0:
                    await asyncio.sleep(0)
                if self.limits.idle is not None or reader is not None:
                    self._wait(reader, sent_at)
        except Unreadable as error:
            raise Trouble(Failure.GARBAGE, f"the answer of {where(self.place)} cannot be unpacked: {error}") from None
        if unfinished(decode):
            raise Trouble(Failure.TRUNCATED, f"the packed answer of {where(self.place)} broke off")
        return bytes(kept), False

    def _connected(self) -> None:
        """The connection stands and the request is about to leave: the next limit counts from here."""
        self._limit(self.limits.first_byte)

    def _wait(self, reader: StreamReader | None, sent_at: float) -> None:
        """Set the limit of the next piece of the body."""
        if reader is not None and not reader.begun:
            self.times["at"] = "first_token"
            first = self.limits.first_token
            self._limit(None if first is None else max(0.0, first - (monotonic() - sent_at)))
        else:
            self.times["at"] = "body"
            self._limit(self.limits.idle)

    def _limit(self, seconds: float | None) -> None:
        if self.guard is not None and (seconds is not None or self.guard.when() != self.end):
            self.guard.reschedule(self._until(seconds))

    def _until(self, seconds: float | None) -> float | None:
        self.bound = seconds is not None and (self.end is None or monotonic() + seconds < self.end)
        return monotonic() + seconds if self.bound and seconds is not None else self.end

    def _timed_out(self) -> Trouble:
        name, took = where(self.place), monotonic() - self.began
        at = self.times["at"]
        if at == "dns":
            if resolver().waiting(self.place.host):
                return Trouble(Failure.MONITOR_FAULT, "all of showup's lookups hang", "dns")
            return Trouble(Failure.UNREACHABLE, f"the name {self.place.host} was not resolved in {took:.1f} s", "dns")
        if at in ("connect", "tls"):
            what = "did not take the connection" if at == "connect" else "took the connection and did not finish the TLS handshake"
            return Trouble(Failure.TIMEOUT, f"{name} {what} in {took:.1f} s", "connect")
        if at == "first_byte":
            return Trouble(Failure.TIMEOUT, f"{name} took the request and did not answer in {took:.1f} s", "first_byte")
        if at == "first_token":
            return Trouble(Failure.TIMEOUT, f"{name} began to answer and showed no text in {took:.1f} s", "first_token")
        if self.bound:
            return Trouble(Failure.TIMEOUT, f"{name} stopped in the middle of the answer for {self.limits.idle:g} s", "idle")
        return Trouble(Failure.TIMEOUT, f"{name} did not finish its answer in {took:.1f} s", "total")

    def _phases(self, at: float) -> dict[str, int]:
        times = self.times
        phases = {name: int(times[name] * 1e6) for name in ("dns", "connect", "tls", "first_byte") if name in times}
        phases["total"] = int((monotonic() - at) * 1e6)
        return phases

    def _turn(self, answer: Answer) -> None:
        """Aim at where a redirect leads, if the target may lead there; credentials stay behind when the host changes."""
        location = answer.headers["location"]
        try:
            url = urljoin(self.place.url, quote(location, safe="/?:@!$&'()*+,;=%~#[]-._"))
            self.http.target.check(url)
            place = locate(url)
        except Refused as refused:
            hint = f"; {refused.hint}" if refused.hint else ""
            said = f"{where(self.place)} redirects to {self.http.shown(location, 120)}: {refused}{hint}"
            raise Trouble(Failure.CONTRACT_CHANGED, said) from None
        except ValueError:
            raise Trouble(Failure.GARBAGE, f"{where(self.place)} redirects to an address that cannot be read") from None
        if place.host != self.place.host or (self.place.scheme, place.scheme) == ("https", "http"):
            self.extra = {name: value for name, value in self.extra.items() if name.lower() not in _SENSITIVE}
        if answer.status == 303 or (answer.status in (301, 302) and self.method == "POST"):
            self.method, self.body, self.kind = ("HEAD" if self.method == "HEAD" else "GET"), b"", ""
        self.place = place


@lru_cache(maxsize=1024)
def _url(url: str) -> httpx.URL:
    return httpx.URL(url)


def _address(peer: Any) -> str:
    if not peer:
        return ""
    return f"[{peer[0]}]:{peer[1]}" if ":" in peer[0] else f"{peer[0]}:{peer[1]}"


def _with_params(url: str, params: Mapping[str, Any] | None) -> str:
    if not params:
        return url
    pairs = [(name, _written(value)) for name, whole in params.items() for value in _each(whole)]
    return f"{url}{'&' if '?' in url else '?'}{urlencode(pairs, quote_via=quote)}" if pairs else url


def _each(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _encode(json: Any, data: Mapping[str, Any] | None, content: bytes | str | None) -> tuple[bytes, str]:
    """The body and its content type; raises ValueError when two kinds are given."""
    if sum(part is not None for part in (json, data, content)) > 1:
        raise ValueError("give one of json, data and content")
    if json is not None:
        return encode_json(json), "application/json"
    if data is not None:
        pairs = [(name, _written(value)) for name, whole in data.items() for value in _each(whole)]
        return urlencode(pairs).encode(), "application/x-www-form-urlencoded"
    if content is not None:
        return (content.encode() if isinstance(content, str) else content), ""
    return b"", ""
