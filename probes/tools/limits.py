"""What the headers of an answer say about rate limits: how much there is, what is left of it, and until when.

Understood are those of OpenAI (`x-ratelimit-remaining-tokens`, resets as `6m0s`), of Anthropic
(`anthropic-ratelimit-tokens-remaining`, resets as RFC 3339), the common `X-RateLimit-Remaining`, and the IETF's
`RateLimit` in its old and new forms. A limit of 0 or less, as some gateways send, says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from probes.words.moments import http_date, iso_moment

MOST = 16  # limits taken from one answer
_NAME = re.compile(r"x-ratelimit-(?P<part>limit|remaining|reset|reset-after)(?:-(?P<of>[a-z][a-z-]{0,40}))?\Z")
_ANTHROPIC = re.compile(r"anthropic-ratelimit-(?P<of>[a-z][a-z-]{0,40})-(?P<part>limit|remaining|reset)\Z")
_OLD = re.compile(r"ratelimit-(?P<part>limit|remaining|reset)\Z")
_FORMS = (_NAME, _ANTHROPIC, _OLD)
_NUMBER = re.compile(r"\s*(-?[0-9]{1,15}(?:\.[0-9]{1,6})?)\s*(?:[,;].{0,200})?\Z", re.DOTALL)
_PIECE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|us|µs|ns|h|m|s|d)")
_UNITS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_EPOCH = 1_000_000_000.0  # a larger number is a moment, not a length
_LONGEST = 10_000_000.0  # seconds; what resets later says nothing


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: how much it is, what is left, and in how many seconds it is whole again (None where nobody says)."""

    limit: float
    remaining: float
    reset: float | None = None

    @property
    def headroom(self) -> float:
        """What is left of it, 0 to 1."""
        return min(1.0, max(0.0, self.remaining / self.limit))


def limits(headers: Mapping[str, str], *, now: float | None = None) -> dict[str, Limit]:
    """The limits that headers name: `requests`, `tokens`, `input-tokens` …

    Moments are compared with the answer's own `Date`, else with `now` (seconds since the epoch): clocks need not agree.
    """
    telling = [name for name in headers if "ratelimit" in name.lower()]
    if not telling:  # as most answers: this is asked of every one
        return {}
    named = {name.lower(): headers[name] for name in telling}
    said = http_date(headers.get("date") or headers.get("Date") or "")
    at = said.timestamp() if said is not None else now
    parts: dict[str, dict[str, str]] = {}
    for name, value in named.items():
        found = next((match for form in _FORMS if (match := form.match(name))), None)
        if found is not None:
            of = found.groupdict().get("of") or "requests"
            parts.setdefault(of, {})[found["part"].removesuffix("-after")] = value[:400]
    made = {of: _made(said, at) for of, said in list(parts.items())[:MOST]}
    if "ratelimit" in named:
        made |= _members(named["ratelimit"][:2_000], named.get("ratelimit-policy", "")[:2_000])
    return {of: limit for of, limit in made.items() if limit is not None}


def headroom(found: Mapping[str, Limit]) -> dict[str, float]:
    """The least that is left of any limit on requests and on tokens: `headroom_requests`, `headroom_tokens`, 0 to 1."""
    least: dict[str, float] = {}
    for name, limit in found.items():
        key = "headroom_tokens" if "token" in name else "headroom_requests"
        least[key] = min(least.get(key, 1.0), limit.headroom)
    return least


def _made(said: Mapping[str, str], at: float | None) -> Limit | None:
    whole, left = _number(said.get("limit", "")), _number(said.get("remaining", ""))
    return _sound(whole, left, _wait(said.get("reset", ""), at))


def _sound(whole: float | None, left: float | None, reset: float | None) -> Limit | None:
    """A limit that says something: gateways send 0 and -1 where they do not know."""
    if whole is None or left is None or whole <= 0 or left < 0:
        return None
    return Limit(whole, left, reset)


def _number(text: str) -> float | None:
    found = _NUMBER.match(text)
    return float(found[1]) if found else None


def _wait(text: str, at: float | None) -> float | None:
    """Seconds until it is whole again: written as a length (`6m0s`, `30`) or as a moment (epoch, RFC 3339)."""
    text = text.strip()
    number = _number(text)
    if number is None:
        pieces = _PIECE.findall(text)
        if pieces and "".join(size + unit for size, unit in pieces) == text:
            return _bounded(sum(float(size) * _UNITS[unit] for size, unit in pieces))
        moment = iso_moment(text)
        number = moment.timestamp() if moment is not None else None
    elif number < _EPOCH:
        return _bounded(number)
    elif number > _EPOCH * 1_000:
        number /= 1_000  # milliseconds
    return _bounded(number - at) if number is not None and at is not None else None


def _bounded(seconds: float) -> float | None:
    return max(0.0, seconds) if seconds < _LONGEST else None


def _members(said: str, policy: str) -> dict[str, Limit | None]:
    """`RateLimit: "default";r=50;t=30` with its `RateLimit-Policy: "default";q=100`, and `limit=100, remaining=50`."""
    plain = dict(pair.strip().split("=", 1) for pair in said.split(",") if "=" in pair and ";" not in pair)
    if "remaining" in plain:
        return {"requests": _made(plain, None)}
    quotas = dict(_listed(policy))
    found: dict[str, Limit | None] = {}
    for name, given in _listed(said)[:MOST]:
        kind = "tokens" if "token" in name.lower() else "requests"
        whole = _number(quotas.get(name, given).get("q", ""))
        made = _sound(whole, _number(given.get("r", "")), _wait(given.get("t", ""), None))
        known = found.get(kind)
        if made is not None and (known is None or made.headroom < known.headroom):
            found[kind] = made
    return found


def _listed(text: str) -> list[tuple[str, dict[str, str]]]:
    """The members of a structured list, each with its parameters."""
    found = []
    for member in text.split(",")[:MOST]:
        name, *given = (part.strip() for part in member.split(";"))
        pairs = (part.partition("=") for part in given[:MOST])
        found.append((name.strip('"'), {key.strip(): value.strip() for key, _, value in pairs}))
    return found
