"""What came back: the answer as checks ask it, and the exchange as evidence keeps it. Worked out when asked."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from probes.checks.paths import Absent, compile_path
from probes.tools import Missing
from probes.tools.charset import decode
from probes.words.secret import HIDDEN, Redactor
from probes.words.text import clean

Raw = list[tuple[bytes, bytes]]
"""Headers as they travel."""
EXCERPT = 2_000  # characters of a body kept in evidence
END = 600  # characters of the end of a stream
_PRIVATE = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "api-key",
        "x-auth-token",
        "x-csrf-token",
        "x-amz-security-token",
    }
)
_HEADERS_KEPT = 40


class Headers(Mapping[str, str]):
    """Headers by name in any case; several of one name are joined by a comma."""

    __slots__ = ("_found", "_raw")

    def __init__(self, raw: Sequence[tuple[bytes, bytes]]) -> None:
        self._raw = raw
        self._found: dict[str, str] | None = None

    def _all(self) -> dict[str, str]:
        if self._found is None:
            self._found = {}
            for name, value in self._raw:
                key, text = name.decode("latin-1").lower(), value.decode("latin-1")
                self._found[key] = f"{self._found[key]}, {text}" if key in self._found else text
        return self._found

    def __getitem__(self, name: str) -> str:
        return self._all()[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return f"Headers({', '.join(self)})"


class Heard(Protocol):
    """Whoever understood a stream."""

    @property
    def text(self) -> str: ...


_UNREAD = object()


class Answer:
    """One answer. `phases` are µs (dns, connect, tls, first_byte, first_token, total; only those there were).

    `body` is decoded and capped (`truncated` tells); `remote` is ip:port; `certificate_begins` and
    `certificate_expires` are µs since the epoch, 0 without a certificate.
    """

    __slots__ = (
        "_document",
        "_extra",
        "_text",
        "body",
        "certificate_begins",
        "certificate_expires",
        "headers",
        "method",
        "phases",
        "remote",
        "status",
        "truncated",
        "url",
    )

    def __init__(
        self,
        status: int,
        raw_headers: Sequence[tuple[bytes, bytes]],
        body: bytes = b"",
        *,
        url: str,
        method: str = "GET",
    ) -> None:
        self.status = status
        self.headers = Headers(raw_headers)
        self.body = body
        self.url = url
        self.method = method
        self.phases: dict[str, int] = {}
        self.remote = ""
        self.truncated = False
        self.certificate_begins = self.certificate_expires = 0
        self._text: str | None = None
        self._document: Any = _UNREAD
        self._extra: dict[str, float] = {}

    @property
    def text(self) -> str:
        """The body as text: in its declared character set where Python knows it, else UTF-8, � for what is wrong."""
        if self._text is None:
            self._text = decode(self.body, self.headers.get("content-type", ""))
        return self._text

    def json(self, path: str | None = None) -> Any:
        """The document, or the value at a JSONPath; Missing when there is none; ValueError for what is no path."""
        find = compile_path(path) if path is not None else None
        if self._document is _UNREAD:
            self._document = read_json(self.body)
        if self._document is Missing or find is None:
            return self._document
        found = find(self._document)
        return Missing if isinstance(found, Absent) else found

    @property
    def values(self) -> dict[str, float]:
        """Measured numbers by name: the phases in seconds, `size` in bytes, and what a stream adds."""
        timed = {name: micros / 1e6 for name, micros in self.phases.items()}
        return {**timed, "status": float(self.status), "size": float(len(self.body)), **self._extra}

    def measure(self, **values: float) -> None:
        """Add measured numbers; times in seconds."""
        self._extra.update(values)

    def __repr__(self) -> str:
        return f"<Answer {self.status} from {self.url.partition('?')[0]}>"


class Exchange:
    """One request and what came of it, kept by reference; `evidence()` makes the record, redacted and cut."""

    __slots__ = (
        "answer",
        "at",
        "failure",
        "heard",
        "method",
        "phases",
        "redactors",
        "remote",
        "sent",
        "sent_headers",
        "url",
    )

    def __init__(
        self,
        method: str,
        url: str,
        *,
        sent: bytes,
        sent_headers: Sequence[tuple[bytes, bytes]],
        redactors: tuple[Redactor, ...],
        at: float,
    ) -> None:
        self.method = method
        self.url = url
        self.sent = sent
        self.sent_headers = sent_headers
        self.redactors = redactors
        self.at = at  # monotonic seconds when it began
        self.answer: Answer | None = None
        self.heard: Heard | None = None  # what a stream was understood to say
        self.failure = ""  # the sentence of what went wrong instead of an answer
        self.phases: dict[str, int] = {}
        self.remote = ""

    @property
    def status(self) -> int | None:
        """The status code, None when there was no answer."""
        return self.answer.status if self.answer else None

    def evidence(self) -> dict[str, Any]:
        """method, url, status, phases (µs), request and response excerpts, headers, remote; without secrets.

        The response of a stream is the text that was heard, with `stream_end` as it was on the wire.
        """
        answer = self.answer
        record: dict[str, Any] = {
            "method": self.method,
            "url": self._shown(self.url, 1_000),
            "status": self.status,
            "phases": dict(self.phases),
            "remote": self.remote,
            "request_headers": self._headers(Headers(self.sent_headers)),
            "request": self._shown(self.sent.decode("utf-8", "replace"), EXCERPT, lines=True),
        }
        if answer is not None:
            record["headers"] = self._headers(answer.headers)
            heard = self.heard.text if self.heard is not None else ""
            record["response"] = self._shown(heard or answer.text, EXCERPT, lines=True)
            if heard:
                record["stream_end"] = excerpt_end(answer.text, redactors=self.redactors)
            record["truncated"] = answer.truncated
        if self.failure:
            record["failure"] = self._shown(self.failure, 400)
        return record

    def _headers(self, headers: Headers) -> dict[str, str]:
        names = list(headers)[:_HEADERS_KEPT]
        return {clean(name, 80): HIDDEN if name in _PRIVATE else self._shown(headers[name], 300) for name in names}

    def _shown(self, text: str, limit: int, *, lines: bool = False) -> str:
        return excerpt(text, limit, redactors=self.redactors, lines=lines)


def excerpt(text: str, limit: int = EXCERPT, *, redactors: tuple[Redactor, ...] = (), lines: bool = False) -> str:
    """The beginning of a text for people: secrets go before it is cut, so that no half of one is left at the edge."""
    for redactor in redactors:
        text = redactor.start(text, limit * 4 + 64)
    return clean(text, limit, lines=lines)


def excerpt_end(text: str, limit: int = END, *, redactors: tuple[Redactor, ...] = ()) -> str:
    """The end of a text for people: where a stream broke off is where the reason is."""
    for redactor in redactors:
        text = redactor.text(text)
    return clean(text[-limit:], limit, lines=True)


def read_json(body: bytes | str) -> Any:
    """The document in `body`, or Missing when it is not JSON (or nested beyond reason)."""
    try:
        return _JSON.decode(body if isinstance(body, str) else body.decode(jsonlib.detect_encoding(body)))
    except (ValueError, RecursionError):
        return Missing


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is Python's, not JSON's")


_JSON = jsonlib.JSONDecoder(parse_constant=_refuse)


def encode_json(value: Any) -> bytes:
    """Compact UTF-8 JSON of a request body; raises ValueError or TypeError for what JSON cannot say."""
    return jsonlib.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
