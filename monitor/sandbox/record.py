"""What came in, in the order it came: kept in memory, and appended to a file for whoever watches from outside."""

from __future__ import annotations

import json
import os
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from probes.words.clock import moment

KEPT = 20_000  # requests kept in memory; the file keeps all
SECRET_FIELDS = frozenset({"token", "routing_key", "api_key", "password"})


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came in (`at`, ISO 8601 in UTC), and what became of it; secrets are left out.

    `accepted` means that it took effect here, whether or not the sender ever heard so (`fault` tells).
    """

    server: str
    number: int
    at: str
    what: str
    body: Any
    accepted: bool
    status: int
    fault: str
    answer: Any


class Record:
    """Numbered lines; the file gets each with one append and no fsync: it outlives our death, not the machine's."""

    def __init__(self, server: str, path: Path | str | None) -> None:
        self.entries: deque[Received] = deque(maxlen=KEPT)
        self._server = server
        self._path = Path(path) if path else None
        self._file: int | None = None
        self._number = 0

    def open(self) -> None:
        """Create the file, or go on at its end."""
        if self._path is not None and self._file is None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def close(self) -> None:
        """Let the file go."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def keep(
        self, what: str, *, at: int, body: Any, accepted: bool, status: int = 0, fault: str = "", answer: Any = None
    ) -> Received:
        """Add one line; `at` in µs since the epoch."""
        self._number += 1
        arrived = moment(at).isoformat(timespec="microseconds")
        kept = hide_secrets(body)
        entry = Received(self._server, self._number, arrived, what, kept, accepted, status, fault, answer)
        self.entries.append(entry)
        if self._file is not None:
            os.write(self._file, json.dumps(asdict(entry), default=str).encode() + b"\n")
        return entry


def hide_secrets(body: Any) -> Any:
    """The body without the values of fields that are known to be secret."""
    if not isinstance(body, dict):
        return body
    return {key: "***" if str(key).lower() in SECRET_FIELDS else value for key, value in body.items()}


async def read_body(request: web.Request) -> Any:
    """The body as JSON, else as form fields, else as text; never an error."""
    raw = await request.read()
    if request.content_type == "application/x-www-form-urlencoded":
        return dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))
    try:
        return json.loads(raw) if raw else None
    except (ValueError, RecursionError):
        return raw.decode("utf-8", "replace")


def read_answer(response: web.StreamResponse) -> Any:
    """What was answered, when it is short and JSON or text."""
    body = response.body if isinstance(response, web.Response) else None
    if not isinstance(body, bytes) or len(body) > 16_384:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")[:500]
