"""What a script gets back from a request or a question: plain values, each remembering where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from probes.checks import Absent
from probes.checks.patterns import compile_pattern
from probes.tools import Missing
from probes.words.failure import Failure

if TYPE_CHECKING:
    from probes.classify import Cause
    from probes.journal import Journal

_TIMES = frozenset({"total", "dns", "connect", "tls", "first_byte", "first_token", "worst_gap", "load"})


class _Reply:
    """What both kinds of reply have in common."""

    __slots__ = ("_journal", "_raw", "_step", "called")

    def __init__(self, raw: Any, journal: Journal, called: str) -> None:
        self._raw = raw
        self._journal = journal
        self._step = journal.step.name
        self.called = called

    @property
    def text(self) -> str:
        """The whole reply as text."""
        text: str = self._raw.text
        self._journal.look(text, "the reply", "reply", self)
        return text

    @property
    def cut(self) -> bool:
        """True when there was more of it than is looked at."""
        return bool(getattr(self._heard, "truncated", False))

    @property
    def part(self) -> str:
        """What of it is looked at, as a check calls it."""
        return f"the first {len(self._heard.body):,} bytes of the reply" if self.cut else "reply"

    @property
    def _heard(self) -> Any:
        return getattr(self._raw, "answer", self._raw)

    @property
    def words(self) -> str:
        """The same text, only looked at."""
        text: str = self._raw.text
        return text

    def json(self, path: str | None = None) -> Any:
        """The reply's document, or the value at a JSONPath (RFC 9535).

        A path that can match several places gives a list. What is not there is a failed check when it is checked, not
        an exception.
        """
        value = self._raw.json(path)
        if value is Missing:
            return self._missing(path or "$")
        self._journal.look(value, path or "$", "", self)
        return value

    @property
    def url(self) -> str:
        """The address that answered, after redirects."""
        return str(self._raw.url)

    @property
    def host(self) -> str:
        """The host that answered."""
        return urlsplit(str(self._raw.url)).hostname or ""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, by name in any case."""
        headers: Mapping[str, str] = self._raw.headers
        return headers

    def raw_json(self) -> Any:
        """The reply's document, only looked at; Missing when there is none."""
        return self._raw.json()

    def header(self, name: str) -> Any:
        """One header's value; an absent header is a failed check when it is checked."""
        headers: Mapping[str, str] = self._raw.headers
        if name not in headers:
            return self._absent(f"header {name}", "no such header")
        value = headers[name]
        self._journal.look(value, f"header {name}", "", self)
        return value

    def find(self, pattern: str) -> Any:
        """The first match of a regular expression in the text: its first group, or all of it without one."""
        match = compile_pattern(pattern).search(self._raw.text)
        if match is None:
            return self._absent(f"/{pattern}/", "no match")
        found = match.group(1) if match.re.groups else match.group()
        self._journal.look(found, f"/{pattern}/", "", self)
        return found

    def value(self, name: str) -> Any:
        """A measured number by its name: total, first_byte, first_token, tokens_out …; times in seconds."""
        values = self._raw.values
        if name not in values:
            return self._absent(name, "not measured" if name != "cost" else "no price, or no count of tokens")
        found = values[name]
        self._journal.look(found, name, "s" if name in _TIMES else "", self)
        return found

    def _missing(self, path: str) -> Absent:
        if self._raw.json() is not Missing:
            return self._absent(path, "nothing")
        if not self._raw.text.strip():
            return self._absent(path, "an empty reply", Failure.EMPTY)
        return self._absent(path, "a reply that is not JSON", Failure.GARBAGE)

    def _absent(self, what: str, why: str, failure: Failure = Failure.CONTRACT_CHANGED) -> Absent:
        return Absent(what, why, failure=failure, use=self._journal.used)

    def __repr__(self) -> str:
        return f"<{self.called}>"


class HttpReply(_Reply):
    """The reply to a request."""

    __slots__ = ("status_seen",)

    def __init__(self, raw: Any, journal: Journal, called: str) -> None:
        super().__init__(raw, journal, called)
        self.status_seen = False

    @property
    def status(self) -> int:
        """The HTTP status. Whoever reads it decides what it means; else it is asked to be below 400."""
        status: int = self._raw.status
        self.status_seen = True
        self._journal.look(status, "status", "status", self)
        return status

    @property
    def code(self) -> int:
        """The HTTP status, only looked at."""
        status: int = self._raw.status
        return status

    def cause(self) -> Cause:
        """What a status of 400 and more says."""
        from probes.classify import Cause, of_status

        return of_status(self.code, self.headers) or Cause(Failure.CONTRACT_CHANGED, f"answered {self.code}")

    def status_failure(self) -> Failure:
        """The failure that an unexpected status means."""
        from probes.classify import of_status

        cause = of_status(self.code, self.headers)
        return cause.failure if cause else Failure.CONTRACT_CHANGED

    def see_status(self) -> None:
        """The status was checked, so nothing is implied about it any more."""
        self.status_seen = True


class ChatReply(_Reply):
    """The answer of an agent or a model to a question. Times are in seconds."""

    __slots__ = ("asked",)

    def __init__(self, raw: Any, journal: Journal, called: str, asked: str) -> None:
        super().__init__(raw, journal, called)
        self.asked = asked

    @property
    def first_token(self) -> Any:
        """Seconds from the question sent to the first visible text."""
        return self.value("first_token")

    @property
    def worst_gap(self) -> Any:
        """The longest silence within the answer, in seconds."""
        return self.value("worst_gap")

    @property
    def total(self) -> Any:
        """Seconds from the question to the end of the answer."""
        return self.value("total")

    @property
    def finished(self) -> str:
        """Why the model stopped, only looked at."""
        return str(getattr(self._raw, "finish_reason", "") or "")

    @property
    def finish_reason(self) -> str:
        """Why the model stopped: `stop`, `length`, `tool_calls` …, "" where the agent does not say."""
        found = self.finished
        self._journal.look(found, "finish reason", "", self)
        return found

    @property
    def called_tools(self) -> list[dict[str, Any]]:
        """The tool calls, only looked at."""
        return [call.said() for call in getattr(self._raw, "tool_calls", ())]

    @property
    def tool_calls(self) -> list[dict[str, Any]]:
        """What the model wanted to have done, in order: {name, arguments, id} of each call."""
        found = self.called_tools
        self._journal.look(found, "tool calls", "", self)
        return found

    @property
    def said(self) -> list[dict[str, Any]]:
        """The messages with which a conversation goes on after this answer."""
        found: list[dict[str, Any]] | None = getattr(self._raw, "said", None)
        return [{"role": "assistant", "content": self.words}] if found is None else found

    @property
    def model(self) -> str:
        """The model that says it answered, "" where it does not."""
        return str(getattr(self._raw, "model", "") or "")


class Sighting(_Reply):
    """What a wait came upon: a row, a mail, an object, a file, a webhook; a mail and a webhook have headers."""

    __slots__ = ()
