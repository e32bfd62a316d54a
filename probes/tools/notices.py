"""What an interface announces of its own end: `Deprecation` (RFC 9745) and `Sunset` (RFC 8594)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from probes.words.clock import micros
from probes.words.moments import http_date, iso_moment
from probes.words.units import SECOND

_STRUCTURED = re.compile(r"@(-?[0-9]{1,11})\Z")
_LAST = 253_402_300_799  # s; the end of the year 9999


@dataclass(frozen=True, slots=True)
class Notice:
    """`deprecated`: it should not be used any more, `since` when (µs, 0: not said); `sunset` is when it ends (µs, 0:
    not said)."""

    deprecated: bool = False
    since: int = 0
    sunset: int = 0


def notice_in(headers: Mapping[str, str]) -> Notice:
    """What the headers of an answer announce; a date that cannot be read announces nothing."""
    said, ends = headers.get("deprecation", "").strip(), headers.get("sunset", "").strip()
    if not said and not ends:
        return Notice()
    since = _structured(said) or _date(said)
    deprecated = bool(since) or said.lower() in ("true", "?1")  # `true` is from before it was a standard
    return Notice(deprecated, since, _date(ends) or _structured(ends))


def _structured(text: str) -> int:
    found = _STRUCTURED.match(text)
    return int(found[1]) * SECOND if found and 0 < int(found[1]) <= _LAST else 0


def _date(text: str) -> int:
    found = http_date(text) or iso_moment(text)
    return max(0, micros(found)) if found is not None else 0
