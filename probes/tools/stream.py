"""Events out of a stream of bytes: SSE as it is really sent, and one JSON document a line; everything bounded."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_LINE = 256 * 1024  # bytes; a longer line is no event of a chat
MOST_EVENTS = 20_000


class Overlong(Exception):
    """A line or the number of events is beyond all reason."""


class Endless(Overlong):
    """More events than any answer has."""


@dataclass(slots=True)
class Event:
    """One event: `name` is "" unless the stream says otherwise, `data` what stood in its data lines."""

    data: str
    name: str = ""


class Events:
    """Feed it bytes as they come, take the events that are complete.

    Forgiven are a missing space after `data:`, comments (keep-alives of gateways), CRLF, CR, a byte-order mark, data in
    several lines, unknown fields, and a last event without its blank line. A line that is a JSON object is an event.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._name = ""
        self._data: list[str] = []
        self._seen = 0
        self._begun = False

    def feed(self, chunk: bytes) -> list[Event]:
        """The events completed by `chunk`; raises Overlong."""
        if self._begun and not self._rest and chunk.endswith(b"\n") and b"\r" not in chunk:
            return self._whole(chunk)
        if not self._begun and chunk:
            self._begun = True
            chunk = chunk.removeprefix(b"\xef\xbb\xbf")
        ends_before = self._rest.endswith(b"\r")
        self._rest += chunk
        found: list[Event] = []
        if ends_before or b"\n" in chunk or b"\r" in chunk:
            lines, self._rest = _lines(self._rest)
            found = [event for line in lines if (event := self._line(_text(line))) is not None]
            self._seen += len(found)
        self._check()
        return found

    def _whole(self, chunk: bytes) -> list[Event]:
        """The same for the usual piece: whole lines, and nothing of one before it."""
        lines = _text(chunk).split("\n")
        lines.pop()
        if len(chunk) > LONGEST_LINE and max(map(len, lines)) > LONGEST_LINE:
            raise Overlong(f"a line of more than {LONGEST_LINE // 1024} KB")
        found = [event for line in lines if (event := self._line(line)) is not None]
        self._seen += len(found)
        self._check()
        return found

    def finish(self) -> list[Event]:
        """What was still open when the stream ended."""
        last = [self._line(_text(self._rest.removesuffix(b"\r"))), self._line("")]
        self._rest = bytearray()
        return [event for event in last if event is not None]

    def _check(self) -> None:
        if len(self._rest) > LONGEST_LINE:
            raise Overlong(f"a line of more than {LONGEST_LINE // 1024} KB")
        if self._seen > MOST_EVENTS:
            raise Endless(f"more than {MOST_EVENTS:,} events")

    def _line(self, line: str) -> Event | None:
        if not line:
            event = Event("\n".join(self._data), self._name) if self._data else None
            self._name, self._data = "", []
            return event
        if line[0] == "{" and not self._data:
            return Event(line)
        field, _, value = line.partition(":")
        if field == "data":
            self._data.append(value.removeprefix(" "))
        elif field == "event":
            self._name = value.removeprefix(" ")[:100]
        return None


def _text(raw: bytes | bytearray) -> str:
    return raw.decode("utf-8", "replace")


def _lines(raw: bytearray) -> tuple[list[bytearray], bytearray]:
    """Whole lines and the rest. A CR at the very end waits, as its LF may be on the way."""
    waits = raw.endswith(b"\r")
    if b"\r" in raw:
        raw = raw.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    *lines, rest = raw.split(b"\n")
    return lines, rest + b"\r" if waits else rest
