"""When a token says that it ends: the claims of a JWT, read without its key and shown to nobody."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from probes.words.units import SECOND

LARGEST = 16_384  # characters of a token that is looked at
_LAST = 253_402_300_799  # s; the end of the year 9999


@dataclass(frozen=True, slots=True)
class Life:
    """When a token ends and when it began (µs since the epoch); `begins` is 0 where it does not say."""

    ends: int
    begins: int = 0


def life_of(text: str) -> Life | None:
    """The life of a JWT by its `exp` and `iat` (or `nbf`), None for what is no JWT or has no end. Nothing is verified:
    only whoever issued it can, and a wrong end would be their mistake.
    """
    token = text.strip().removeprefix("Bearer ").strip()
    parts = token.split(".")
    if len(token) > LARGEST or len(parts) != 3 or not all(parts[:2]):
        return None
    head, claims = _document(parts[0]), _document(parts[1])
    if "alg" not in head:
        return None
    ends = _seconds(claims.get("exp"))
    if ends is None:
        return None
    begins = _seconds(claims.get("iat")) or _seconds(claims.get("nbf")) or 0
    return Life(ends * SECOND, begins * SECOND if begins < ends else 0)


def ends_of(text: str) -> int | None:
    """When a JWT ends (µs since the epoch), None for what is no JWT or has no end."""
    life = life_of(text)
    return life.ends if life is not None else None


def _document(part: str) -> dict[str, object]:
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LAST:
        return None
    return int(value)
