"""Webhooks on their way to the attempt that waits for them: what arrived, and the inbox of one attempt."""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Any

LARGEST = 64 << 10  # bytes of a body
KEPT = 32  # arrivals of one attempt
ROOM = 1 << 20  # bytes of them together
_MARKER = re.compile(r"showup-[0-9A-Z]{8,32}-[0-9a-f]\b")


def marker_of(run_id: str, attempt: int) -> str:
    """The text by which everything that comes of an attempt is known: no attempt's is the beginning of another's."""
    return f"showup-{run_id}-{attempt:x}"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One webhook as it came in: `at` is µs since the epoch, header names are in lower case."""

    at: int
    method: str
    query: str
    headers: Mapping[str, str]
    body: str

    def holds(self, text: str) -> bool:
        """True when the text stands in it anywhere."""
        return text in self.body or text in self.query or any(text in value for value in self.headers.values())

    def is_for(self, marker: str) -> bool:
        """True when it bears this marker, or none at all: then it is for whoever waits."""
        return self.holds(marker) or not any(map(_MARKER.search, (self.body, self.query, *self.headers.values())))

    def pack(self) -> bytes:
        """It as one line of JSON, without a line break."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()


def unpack(data: bytes | str) -> Arrival:
    """The arrival in a line; raises ValueError on anything malformed."""
    found: Any = json.loads(data)
    kinds = {"at": int, "method": str, "query": str, "headers": dict, "body": str}
    if not isinstance(found, dict) or found.keys() != kinds.keys():
        raise ValueError("not an arrival")
    if not all(isinstance(found[name], kind) for name, kind in kinds.items()):
        raise ValueError("not an arrival")
    return Arrival(**found)


ARRIVED = b"!arrived "  # how a line begins that brings one to a host


def line_of(number: int, arrival: Arrival) -> bytes:
    """The line that brings an arrival to the host of attempt `number`."""
    return b"%s%d %s\n" % (ARRIVED, number, arrival.pack())


def read_line(line: bytes) -> tuple[int, Arrival]:
    """(the attempt's number, what arrived); raises ValueError."""
    number, _, packed = line.removeprefix(ARRIVED).partition(b" ")
    return int(number), unpack(packed)


class Inbox:
    """What arrived for one attempt since it began, oldest first; the oldest goes when there is too much."""

    def __init__(self) -> None:
        self.arrivals: deque[Arrival] = deque()
        self.came = asyncio.Event()  # set by each arrival, cleared by whoever looks
        self._size = 0

    def take(self, arrival: Arrival) -> None:
        """Keep one."""
        self.arrivals.append(arrival)
        self._size += len(arrival.body)
        while len(self.arrivals) > KEPT or self._size > ROOM:
            self._size -= len(self.arrivals.popleft().body)
        self.came.set()


here: ContextVar[Inbox | None] = ContextVar("here", default=None)
"""The inbox of the attempt that is being made, where webhooks can reach it."""
