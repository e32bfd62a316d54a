"""One request with its redirects, under one limit in time that moves from part to part."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from time import monotonic
from typing import Protocol, cast
from urllib.parse import quote, urljoin

import httpcore
import httpx

from probes import classify
from probes.target import Place, Target, locate
from probes.tools import Timeouts, Trouble
from probes.tools.answer import Answer, Exchange, Raw
from probes.tools.body import LIMIT, PIECES, Unreadable, decoder, is_cut_short
from probes.tools.cookies import Jar
from probes.tools.framing import Body
from probes.tools.line import HEAD_LIMIT
from probes.tools.resolver import Resolver
from probes.tools.wire import Passage, Transport, trouble
from probes.words.errors import Refused
from probes.words.failure import Failure

REDIRECTS = 5  # followed before it is called a loop
_EARLY = 0.005  # s by which a request ends before its attempt, so that the part that hung is named
_REDIRECTING = frozenset({301, 302, 303, 307, 308})
_STAYS_HOME = frozenset({"authorization", "cookie", "proxy-authorization"})
_BREATH = 32  # pieces after which others get a turn
_SLACK, _SHARE = 0.2, 0.05  # s, and share of a limit, by which the wait for a piece may end late


class StreamReader(Protocol):
    """Reads the body of a successful answer as it comes. `begun` turns true with the first visible text; `moved` is
    when it last got further, which a ping or the comment of a gateway is not.

    Times are monotonic seconds. It may raise Trouble; what came until then is kept in the record.
    """

    begun: bool
    moved: float

    @property
    def text(self) -> str:
        """What became visible so far."""
        ...

    def begin(self, answer: Answer, sent_at: float) -> None:
        """The headers came; the request had left at `sent_at`."""
        ...

    def feed(self, chunk: bytes, at: float) -> bool:
        """Take a piece of the body; True when nothing more is wanted."""
        ...

    def finish(self, at: float) -> None:
        """The body is over, by itself."""
        ...


class Sender(Protocol):
    """What one request needs of the attempt it belongs to."""

    target: Target
    deadline: float | None
    resolver: Resolver
    transport: Transport
    jar: Jar

    def head(self, method: str, place: Place, *, extra: Mapping[str, str], body: bytes) -> Raw: ...
    def exchange(self, method: str, place: Place, *, sent: bytes, headers: Raw, at: float) -> Exchange: ...
    def recorded(self, exchange: Exchange) -> None: ...
    def shown(self, text: str, limit: int = 200) -> str: ...


class Fetch:
    """What one call of Http.request does: at each moment it waits for one part, and knows until when."""

    def __init__(
        self,
        http: Sender,
        method: str,
        place: Place,
        *,
        headers: Mapping[str, str],
        body: bytes,
        limits: Timeouts,
        stream: StreamReader | None,
    ) -> None:
        self._http, self._method, self._place = http, method, place
        self._headers, self._body = headers, body
        self._limits, self._stream = limits, stream
        self._began = monotonic()
        ends = [http.deadline - _EARLY] if http.deadline is not None else []
        ends += [self._began + limits.total] if limits.total is not None else []
        self._end = min(ends, default=None)
        self._bound: float | None = None  # the limit of the part that is waited for, when it comes before the end
        self._set_for = 0.0  # from when on the limit between two pieces has to be set anew
        self._guard = asyncio.timeout(None)

    async def run(self, *, follow: bool) -> Answer:
        """The answer at the end of the redirects; raises Trouble."""
        for _ in range(REDIRECTS + 1):
            answer = await self._exchange()
            if not follow or answer.status not in _REDIRECTING or "location" not in answer.headers:
                return answer
            self._turn(answer)
        raise Trouble(Failure.APP_ERROR, f"{self._place.netloc} redirects for ever (more than {REDIRECTS} times)")

    async def _exchange(self) -> Answer:
        """One hop, recorded whatever comes of it."""
        began = monotonic()
        if self._end is not None and began >= self._end:
            raise Trouble(Failure.TIMEOUT, f"no time was left to ask {self._place.netloc}", "total")
        headers = self._http.head(self._method, self._place, extra=self._headers, body=self._body)
        passage = Passage(self._place, self._sending)
        exchange = self._http.exchange(self._method, self._place, sent=self._body, headers=headers, at=began)
        failed: Trouble | None = None
        try:
            self._guard = asyncio.timeout_at(self._until(self._limits.connect))
            async with self._guard:
                return await self._make(passage, headers, exchange)
        except TimeoutError:
            failed = self._timed_out(passage)
        except asyncio.CancelledError:
            if self._bound is not None or not self._guard.expired():
                raise  # else a busy loop came to our end and to the attempt's at once, and only we know what hung
            failed = self._timed_out(passage)
        except Trouble as raised:
            failed = raised
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            begun, line = passage.at != "first_byte", passage.line
            opening = line.opening if line is not None else b""
            failed = trouble(classify.of_exchange(error, self._place.netloc, begun=begun, opening=opening))
        finally:
            if passage.line is not None:
                passage.line.close()
            _finish(exchange, passage, began)
            exchange.failure = failed.sentence if failed is not None else ""
            self._http.recorded(exchange)
        raise failed

    async def _make(self, passage: Passage, headers: Raw, exchange: Exchange) -> Answer:
        request = httpx.Request(
            self._method,
            _url(self._place.url),
            headers=headers,
            stream=httpx.ByteStream(self._body),
            extensions={"passage": passage},
        )
        response = await self._http.transport.handle_async_request(request)
        raw = response.headers.raw
        if sum(len(name) + len(value) for name, value in raw) > HEAD_LIMIT:
            said = f"{self._place.netloc} sent headers of more than {HEAD_LIMIT // 1024} KB"
            raise Trouble(Failure.GARBAGE, said)
        answer = Answer(response.status_code, raw, url=self._place.url, method=self._method)
        if any(name.lower() == b"set-cookie" for name, _ in raw):
            self._http.jar.take(self._place, response.headers.get_list("set-cookie"))
        exchange.answer, exchange.heard = answer, self._stream if response.is_success else None
        kept = bytearray()
        try:
            answer.truncated = await self._read(response, passage, answer, kept)
        except Unreadable as error:
            said = f"the answer of {self._place.netloc} cannot be unpacked: {error}"
            raise Trouble(Failure.GARBAGE, said) from None
        finally:
            answer.body = bytes(kept[:LIMIT])  # what came before it broke off is evidence
        return answer

    async def _read(self, response: httpx.Response, passage: Passage, answer: Answer, kept: bytearray) -> bool:
        """Fill `kept` with the decoded body, a little over LIMIT at most; True when there was more than is kept."""
        reader, pieces = self._stream if response.is_success else None, 0
        if reader is not None:
            reader.begin(answer, passage.sent_at)
        self._next_piece(passage, reader)
        decode = decoder(answer.headers.get("content-encoding", ""))
        body = cast(Body, response.stream)
        async for piece in body:
            part = decode.feed(piece, LIMIT - len(kept))
            kept += part
            if reader is not None and part and reader.feed(part, monotonic()):
                return False
            pieces += 1
            if len(kept) > LIMIT or max(pieces, body.chunks) >= PIECES:
                return True
            if pieces % _BREATH == 0:
                await asyncio.sleep(0)
            self._next_piece(passage, reader)
        if is_cut_short(decode):
            raise Trouble(Failure.TRUNCATED, f"the packed answer of {self._place.netloc} broke off")
        if reader is not None:
            reader.finish(monotonic())
        return False

    # limits in time

    def _until(self, seconds: float | None) -> float | None:
        """When the part that begins now must be over."""
        limit = None if seconds is None else monotonic() + seconds
        if limit is None or (self._end is not None and self._end <= limit):
            self._bound = None
            return self._end
        self._bound = seconds
        return limit

    def _limit(self, seconds: float | None) -> None:
        # Moving a timeout costs as much as making one: leave it where it is when nothing changes.
        if seconds is not None or self._bound is not None:
            self._guard.reschedule(self._until(seconds))

    def _sending(self) -> None:
        self._limit(self._limits.first_byte)

    def _next_piece(self, passage: Passage, reader: StreamReader | None) -> None:
        """Limit the wait for the next piece: from the request until text shows in a stream, then from the last."""
        if reader is None or reader.begun:
            self._wait_for_more(passage, reader)
            return
        if passage.at != "first_token":  # the moment does not change with what comes before it
            passage.at, first = "first_token", self._limits.first_token
            self._limit(None if first is None else max(0.0, first - (monotonic() - passage.sent_at)))

    def _wait_for_more(self, passage: Passage, reader: StreamReader | None) -> None:
        """Limit the silence since the answer last got further. Setting a timer costs as much as reading a token, so it
        is set a little late and left alone for as long.
        """
        passage.at, idle = "total", self._limits.idle
        if idle is None:
            self._limit(None)
            return
        now = monotonic()
        if now < self._set_for:
            return
        slack = min(_SLACK, idle * _SHARE)
        silent = now - reader.moved if reader is not None else 0.0
        self._limit(max(0.0, idle + slack - silent))
        self._set_for = now + slack - silent

    def _timed_out(self, passage: Passage) -> Trouble:
        name, took = self._place.netloc, f"{monotonic() - self._began:.1f} s"
        if passage.at == "dns" and self._http.resolver.is_waiting(self._place.host):
            return Trouble(Failure.MONITOR_FAULT, "all of showup's own lookups hang", "dns")
        if passage.at == "dns":
            return Trouble(Failure.UNREACHABLE, f"the name {self._place.host} was not resolved in {took}", "dns")
        if passage.at == "total" and self._bound is not None:
            said = f"{name} stopped in the middle of its answer for {self._limits.idle or self._bound:g} s"
            return Trouble(Failure.TIMEOUT, said, "idle")
        said, phase = _LATE[passage.at]
        return Trouble(Failure.TIMEOUT, f"{name} {said} in {took}", phase)

    # redirects

    def _turn(self, answer: Answer) -> None:
        """Aim at where a redirect leads, if `allow` has it; credentials stay behind when the host changes."""
        location = answer.headers["location"]
        try:
            place = locate(urljoin(self._place.url, quote(location, safe=_AS_WRITTEN)))
            self._http.target.check(place.url)
        except Refused as refused:
            hint = f"; {refused.hint}" if refused.hint else ""
            said = f"{self._place.netloc} redirects to {self._http.shown(location, 120)}: {refused}{hint}"
            raise Trouble(Failure.CONTRACT_CHANGED, said) from None
        except ValueError:
            said = f"{self._place.netloc} redirects to an address that cannot be read"
            raise Trouble(Failure.CONTRACT_CHANGED, said) from None
        drop: set[str] = set()
        if place.host != self._place.host or (self._place.scheme, place.scheme) == ("https", "http"):
            drop |= _STAYS_HOME
        if answer.status == 303 or (answer.status in (301, 302) and self._method == "POST"):
            self._method, self._body = "HEAD" if self._method == "HEAD" else "GET", b""
            drop.add("content-type")
        self._headers = {name: value for name, value in self._headers.items() if name.lower() not in drop}
        self._place = place


_AS_WRITTEN = "/?:@!$&'()*+,;=%~#[]-._\\"  # a backslash stays, to be refused
_LATE = {
    "connect": ("did not take the connection", "connect"),
    "tls": ("took the connection and did not finish the TLS handshake", "connect"),
    "first_byte": ("took the request and did not answer", "first_byte"),
    "first_token": ("began to answer and showed no text", "first_token"),
    "total": ("did not finish its answer", "total"),
}


def _finish(exchange: Exchange, passage: Passage, began: float) -> None:
    phases = passage.phases()
    phases["total"] = int((monotonic() - began) * 1e6)
    exchange.phases, exchange.remote = phases, passage.remote
    if exchange.answer is not None:
        exchange.answer.phases, exchange.answer.remote = phases, passage.remote
        exchange.answer.certificate_begins, exchange.answer.certificate_expires = passage.life


@lru_cache(maxsize=1024)
def _url(url: str) -> httpx.URL:
    return httpx.URL(url)
