"""Events out of a stream of bytes: SSE as it is really sent, and one JSON document a line; everything bounded."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_LINE = 256 * 1024  # bytes; a longer line is no event of a chat
MOST_EVENTS = 20_000


class Overlong(Exception):
    """A line or the number of events is beyond all reason."""


@dataclass(frozen=True, slots=True)
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
        self._rest = b""
        self._scanned = 0  # how much of the rest is known to hold no line end
        self._name = ""
        self._data: list[str] = []
        self._seen = 0
        self._begun = False

    def feed(self, chunk: bytes) -> list[Event]:
        """The events completed by `chunk`; raises Overlong."""
        if not self._begun and chunk:
            self._begun = True
            chunk = chunk.removeprefix(b"\xef\xbb\xbf")
        if b"\n" not in chunk and b"\r" not in chunk:
            self._rest += chunk
            self._check()
            return []
        *lines, self._rest = (self._rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        if b"\r" in self._rest[:-1] or any(b"\r" in line for line in lines):
            lines, self._rest = _split_at_returns(lines, self._rest)
        found = [event for line in lines if (event := self._line(line)) is not None]
        self._seen += len(found)
        self._check()
        return found

    def finish(self) -> list[Event]:
        """What was still open when the stream ended."""
        last = [self._line(self._rest), self._line(b"")]
        self._rest = b""
        return [event for event in last if event is not None]

    def _check(self) -> None:
        if len(self._rest) > LONGEST_LINE:
            raise Overlong(f"a line of more than {LONGEST_LINE // 1024} KB")
        if self._seen > MOST_EVENTS:
            raise Overlong(f"more than {MOST_EVENTS:,} events")

    def _line(self, raw: bytes) -> Event | None:
        if not raw:
            event = Event("\n".join(self._data), self._name) if self._data else None
            self._name, self._data = "", []
            return event
        line = raw.decode("utf-8", "replace")
        if line[0] == "{" and not self._data:
            return Event(line)
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value[:100]
        return None


def _split_at_returns(lines: list[bytes], rest: bytes) -> tuple[list[bytes], bytes]:
    """Lines that end with a lone CR; a CR at the very end waits, as its LF may be on the way."""
    waiting = b"\r" if rest.endswith(b"\r") else b""
    whole = [part for line in lines for part in line.split(b"\r")]
    *more, rest = rest.removesuffix(b"\r").split(b"\r")
    return whole + more, rest + waiting
