"""HTTP as a probe needs it: one deadline, each part timed, every address checked, nothing unbounded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from urllib.parse import quote, urlencode

from probes.target import Place, Target, checked_headers, locate
from probes.tools import Missing, Timeouts, Trouble
from probes.tools.answer import Answer, Exchange, Headers, Raw, encode_json, excerpt
from probes.tools.cookies import Jar
from probes.tools.fetch import Fetch, StreamReader
from probes.tools.multipart import Upload, multipart
from probes.tools.resolver import Resolver
from probes.tools.wire import Transport
from probes.words.errors import Refused
from probes.words.failure import Failure
from probes.words.secret import NOTHING, Redactor

__all__ = ["Answer", "Exchange", "Headers", "Http", "Missing", "StreamReader", "Timeouts", "Trouble"]


@lru_cache(maxsize=1)
def shared_resolver() -> Resolver:
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


_KEY = "authorization"


class Http:
    """The requests of one attempt to one target. `deadline` is in seconds of `time.monotonic()`, the loop's own clock.

    `record` gets an Exchange for each request, those that came to nothing and each hop of a redirect included. Cookies
    are kept for the attempt. Use it as `async with Http(...) as http:` or call `aclose()`; nothing outlives that.
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
        resolver: Resolver | None = None,
    ) -> None:
        self.target = target
        self.run_id = run_id
        self.deadline = deadline
        self.resolver = resolver or shared_resolver()
        self.transport = Transport(target, self.resolver)
        self.jar = Jar()
        self._record = record
        self._redactors = (redactor, target.redactor)
        trace = blake2b(f"{run_id}/{attempt}".encode(), digest_size=24).hexdigest()
        self._own: Raw = [
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
        """End the attempt's use of the network."""
        await self.transport.aclose()

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
        files: Sequence[Upload] = (),
        timeout: Timeouts | float | None = None,
        stream: StreamReader | None = None,
        follow: bool = True,
    ) -> Answer:
        """The answer, whatever its status; raises Trouble when there is none.

        `path` continues the target's url; a whole address must be within its `allow`, as must redirects (five at most).
        `stream` is fed the body of a 2xx answer as it comes. `timeout` is a total in seconds or a limit for each part.
        With `files` the body is a form of several parts, `data` its fields.
        """
        try:
            place = locate(_with_params(self.target.join(path), params))
            if self.target.params and place.host == self.target.host:
                place = locate(_with_params(place.url, self.target.params))
            extra = checked_headers(headers) if headers else {}
            body, kind = _encode(json, data, content, files)
        except Refused as refused:
            raise Trouble(Failure.PROBE_BUG, f"{refused}" + (f"; {refused.hint}" if refused.hint else "")) from None
        except (TypeError, ValueError) as error:
            raise Trouble(Failure.PROBE_BUG, f"the body cannot be sent: {self.shown(str(error))}") from None
        if kind and not any(name.lower() == "content-type" for name in extra):
            extra = {**extra, "Content-Type": kind}
        limits = timeout if isinstance(timeout, Timeouts) else Timeouts(total=timeout)
        fetch = Fetch(self, method.upper(), place, headers=extra, body=body, limits=limits, stream=stream)
        return await fetch.run(follow=follow)

    def head(self, method: str, place: Place, *, extra: Mapping[str, str], body: bytes) -> Raw:
        """The headers of a request: our own, the target's if this is its host, then the request's; the last wins."""
        raw = [(b"Host", place.netloc.encode()), *self._own]
        named: dict[str, str] = {}
        if place.host == self.target.host:
            named.update(self.target.headers)
            named.update(self.target.credentials)
        if self.jar and (cookies := self.jar.line(place)):
            named["Cookie"] = cookies
        named.update(extra)
        if named:
            last = {name.lower(): (name, value) for name, value in named.items()}
            raw = [pair for pair in raw if pair[0].decode().lower() not in last]
            raw += [
                (name.encode(), value.encode()) for key, (name, value) in last.items() if value or key != _KEY
            ]  # an empty key: it is said in another header
        if body or method in ("POST", "PUT", "PATCH"):
            raw.append((b"Content-Length", str(len(body)).encode()))
        return raw

    def exchange(self, method: str, place: Place, *, sent: bytes, headers: Raw, at: float) -> Exchange:
        """The record of one request, still empty."""
        return Exchange(method, place.url, sent=sent, sent_headers=headers, redactors=self._redactors, at=at)

    def recorded(self, exchange: Exchange) -> None:
        """Hand a finished record on."""
        if self._record is not None:
            self._record(exchange)

    def shown(self, text: str, limit: int = 200) -> str:
        """A text of the target's for a sentence: cleaned, without secrets, cut."""
        return excerpt(text, limit, redactors=self._redactors)


def _with_params(url: str, params: Mapping[str, Any] | None) -> str:
    pairs = _pairs(params) if params else []
    return f"{url}{'&' if '?' in url else '?'}{urlencode(pairs, quote_via=quote)}" if pairs else url


def _pairs(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values as a form has them: lists repeat their name, None is left out, booleans are true and false."""
    pairs: list[tuple[str, str]] = []
    for name, whole in fields.items():
        for value in whole if isinstance(whole, list | tuple) else [whole]:
            if value is not None:
                pairs.append((name, str(value).lower() if isinstance(value, bool) else str(value)))
    return pairs


def _encode(
    json: Any, data: Mapping[str, Any] | None, content: bytes | str | None, files: Sequence[Upload]
) -> tuple[bytes, str]:
    """The body and its content type; raises ValueError when two kinds are given."""
    if sum(part is not None for part in (json, data, content)) > 1:
        raise ValueError("give one of json, data and content")
    if files:
        if json is not None or content is not None:
            raise ValueError("files go with data, not with json or content")
        return multipart(_pairs(data or {}), files)
    if json is not None:
        return encode_json(json), "application/json"
    if data is not None:
        return urlencode(_pairs(data)).encode(), "application/x-www-form-urlencoded"
    if content is not None:
        return (content.encode() if isinstance(content, str) else content), ""
    return b"", ""
