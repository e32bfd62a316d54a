"""A look at a place that is no web server: what was seen there, and the record of it."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any

from probes.checks.paths import Absent, compile_path
from probes.tools import Missing
from probes.tools.answer import excerpt, read_json
from probes.words.secret import Redactor

EXCERPT = 2_000  # characters
_UNREAD = object()


class Seen:
    """What a look came upon: a row, a mail, an object, a file, a webhook. `document` is read from its text unless
    given; `headers` are by lower-case name.
    """

    __slots__ = ("_document", "headers", "text", "url", "values")

    def __init__(
        self,
        text: str,
        *,
        url: str,
        document: Any = _UNREAD,
        headers: Mapping[str, str] | None = None,
        values: Mapping[str, float] | None = None,
    ) -> None:
        self.text = text
        self.url = url
        self.headers: Mapping[str, str] = headers or {}
        self.values = dict(values or {})
        self._document = document

    def json(self, path: str | None = None) -> Any:
        """The document, or the value at a JSONPath; Missing when there is none."""
        if self._document is _UNREAD:
            self._document = read_json(self.text)
        if self._document is Missing or path is None:
            return self._document
        found = compile_path(path)(self._document)
        return Missing if isinstance(found, Absent) else found


class Look:
    """The record of one look, as evidence keeps it beside requests; `look` in it tells them apart. `method` is a word
    such as MAIL or ROW.
    """

    __slots__ = ("asked", "at", "failure", "method", "phases", "redactors", "remote", "said", "url")

    def __init__(self, method: str, url: str, *, redactors: tuple[Redactor, ...], asked: str = "") -> None:
        self.method, self.url, self.asked = method, url, asked
        self.redactors = redactors
        self.at = monotonic()
        self.said = ""
        self.failure = ""
        self.remote = ""
        self.phases: dict[str, int] = {}

    def done(self, said: str = "", *, failure: str = "") -> None:
        """It is over: what was seen, or why nothing could be."""
        self.said, self.failure = said, failure
        self.phases = {"total": int((monotonic() - self.at) * 1e6)}

    def evidence(self) -> dict[str, Any]:
        """The same keys as those of a request."""
        record: dict[str, Any] = {
            "method": self.method,
            "url": self._shown(self.url, 1_000),
            "status": None,
            "phases": dict(self.phases),
            "remote": self.remote,
            "request_headers": {},
            "request": self._shown(self.asked, EXCERPT),
            "headers": {},
            "response": self._shown(self.said, EXCERPT),
            "truncated": False,
            "look": True,
        }
        if self.failure:
            record["failure"] = self._shown(self.failure, 400)
        return record

    def _shown(self, text: str, limit: int) -> str:
        return excerpt(text, limit, redactors=self.redactors, lines=True)
