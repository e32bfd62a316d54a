"""Listening to an answer while it comes: what was said, when the first of it showed, and the longest silence."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from probes.checks.paths import Absent, compile_path
from probes.tools import Missing, Trouble
from probes.tools.answer import Answer
from probes.tools.dialects import CallPart, Piece, Usage
from probes.tools.stream import Endless, Event, Events, Overlong
from probes.tools.toolcalls import Calls
from probes.words.failure import Failure

_SHORT = 100  # characters; an answer this short may well come in one piece
_WHOLE = ("application/json", "text/html", "text/plain", "application/problem+json")  # types of what is no stream
_OPENINGS = (b"data:", b"event:", b": ", b":\n", b":\r", b"id:", b"retry:")


class _Ear:
    """Times of visible text, whatever the format."""

    def __init__(self) -> None:
        self.begun = False
        self.streamed = False
        self.moved = 0.0
        self.chunks = 0
        self.worst_gap = 0.0
        self.ended = 0.0
        self._events = Events()
        self._sent = 0.0
        self._first: float | None = None
        self._latest = 0.0
        self._parts: list[str] = []

    def begin(self, answer: Answer, sent_at: float) -> None:
        """The headers came: is it a stream?"""
        self._sent = self._latest = self.ended = self.moved = sent_at
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        self.streamed = kind not in _WHOLE

    def feed(self, chunk: bytes, at: float) -> bool:
        """Take a piece of the body; True when the answer is complete."""
        self.ended = at
        if not self.streamed:
            if self.begun or not self._is_opening(chunk):
                self.begun, self.moved = True, at
                return False
            self.streamed = True
        complete = False
        for event in self._split(chunk):  # all of them: usage may stand beside the end
            complete = self._event(event, at) or complete
        return complete

    def finish(self, at: float) -> None:
        """The body is over."""
        self.ended = at
        if self.streamed:
            for event in self._events.finish():
                self._event(event, at)

    def _is_opening(self, chunk: bytes) -> bool:
        """True for the beginning of a stream that was said to be something else; what a person wrote is none."""
        return False

    def _split(self, chunk: bytes) -> list[Event]:
        try:
            return self._events.feed(chunk)
        except Endless as error:
            said = f"showup stopped listening after {error}: the answer has no end, or one that is far away"
            raise Trouble(Failure.TRUNCATED, said) from None
        except Overlong as error:
            raise Trouble(Failure.GARBAGE, f"the answer is a stream with {error}") from None

    def _event(self, event: Event, at: float) -> bool:
        raise NotImplementedError

    def hear(self, text: str, at: float) -> None:
        """Something became visible."""
        self.moved = at
        self._parts.append(text)
        if self._first is None:
            if not text.strip():
                return
            self.begun, self._first = True, at
        else:
            self.worst_gap = max(self.worst_gap, at - self._latest)
        self.chunks += 1
        self._latest = at

    @property
    def text(self) -> str:
        """All that became visible."""
        return "".join(self._parts)

    @property
    def first_token(self) -> float:
        """Seconds from the question to the first visible text; of an answer in one document, to its end."""
        return (self.ended if self._first is None else self._first) - self._sent

    @property
    def total(self) -> float:
        """Seconds from the question to the end of the answer."""
        return self.ended - self._sent

    @property
    def buffered(self) -> bool:
        """True when all text came at one moment: someone on the way collects the stream."""
        in_one = self._first is not None and self._latest == self._first
        return self.streamed and in_one and (self.chunks >= 3 or len(self.text) > _SHORT)


class Listener(_Ear):
    """Listens in a dialect, whose `read` turns the data and the name of an event into a Piece."""

    def __init__(self, read: Callable[[str, str], Piece]) -> None:
        super().__init__()
        self._read = read
        self.done = self.reasoned = False
        self.events = 0
        self.finish_reason = self.refusal = self.model = self.fingerprint = ""
        self.usage: Usage | None = None
        self.load: float | None = None
        self.calls = Calls()

    def _event(self, event: Event, at: float) -> bool:
        self.events += 1
        self.take(self._read(event.data, event.name), at)
        return self.done

    def _is_opening(self, chunk: bytes) -> bool:
        return chunk.startswith(_OPENINGS)

    def overhear(self, body: bytes) -> None:
        """Read a body as a stream that was not announced as one; its times are lost, its end is `ended`."""
        self.streamed = True
        for event in (*self._split(body), *self._events.finish()):
            self._event(event, self.ended)

    def take(self, piece: Piece, at: float) -> None:
        """Add what an event says."""
        if piece.text:
            self.hear(piece.text, at)
        if piece.calls:
            self._call(piece.calls, at)
        if piece.hidden:
            self.reasoned, self.moved = True, at
        if piece.model and not self.model:
            self.model = piece.model[:200]
        if piece.fingerprint and not self.fingerprint:
            self.fingerprint = piece.fingerprint[:200]
        if piece.usage is not None:
            self.usage = piece.usage.over(self.usage)
        if piece.refusal:
            self.refusal += piece.refusal if len(self.refusal) < 1_000 else ""
            self.moved = at
        if piece.finish:
            self.finish_reason, self.moved = piece.finish[:100], at
        if piece.load is not None:
            self.load = piece.load
        self.done = self.done or piece.last

    def _call(self, parts: tuple[CallPart, ...], at: float) -> None:
        """What a tool is called with is the answer, though nobody reads it."""
        if not self.calls:
            self.hear("", at)
        self.begun, self.moved = True, at
        self._first = at if self._first is None else self._first
        self.calls.take(parts)


class OwnStream(_Ear):
    """Listens to a workflow's own stream: each event is a document with text at `reply`, or plain text.

    `document` is the last document that was sent, Missing when there was none.
    """

    def __init__(self, reply: str | None) -> None:
        super().__init__()
        self._find = compile_path(reply) if reply else None
        self.document: Any = Missing

    def begin(self, answer: Answer, sent_at: float) -> None:
        super().begin(answer, sent_at)
        kind = answer.headers.get("content-type", "").lower()
        self.streamed = "event-stream" in kind or "ndjson" in kind or "jsonl" in kind

    def _event(self, event: Event, at: float) -> bool:
        if event.data.strip() == "[DONE]":
            return True
        self.moved = at
        try:
            document = json.loads(event.data)
        except (ValueError, RecursionError):
            self.hear(event.data, at)
            return False
        self.document = document
        found = self._find(document) if self._find else document
        if isinstance(found, str) and found:
            self.hear(found, at)
        elif isinstance(document, dict) and document.get("error") and isinstance(found, Absent | dict):
            raise Trouble(Failure.APP_ERROR, f"broke off with an error in the answer: {str(document['error'])[:160]}")
        return False
