"""How a value is said in a sentence: short, clean, and so that text and number cannot be taken for each other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from itertools import islice
from typing import Any

from probes.words.text import clean
from probes.words.units import say_duration

LONGEST = 80  # characters of a value in a sentence


def say(value: Any, limit: int = LONGEST, *, depth: int = 4) -> str:
    """Text in quotes, everything else as JSON would write it, cut to `limit` characters and `depth` levels."""
    if isinstance(value, str):
        return f'"{clean(value, limit)}"'
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, timedelta):
        return say_duration(value)
    if isinstance(value, int | float):
        return say_number(value)
    if isinstance(value, Mapping | list | tuple):
        return clean(_json(value, limit, depth), limit) if depth else "…"
    return clean(str(value), limit)


def say_number(value: float, unit: str = "") -> str:
    """A number as people write it, with at most three decimals; with unit `s`, a time."""
    if isinstance(value, int):
        text = str(value) if abs(value) < 10**40 else "a number of over 40 digits"
    else:
        text = f"{value:.3f}".rstrip("0").rstrip(".") if 0.001 <= abs(value) < 1e15 else f"{value:g}"
    return f"{text} {unit}" if unit else text


def _json(value: Any, limit: int, depth: int) -> str:
    """JSON of no more than is shown: a large document is not written out to be thrown away."""
    if isinstance(value, Mapping):
        shown = islice(value.items(), limit // 4)
        return "{" + ", ".join(f"{say(str(key))}: {say(part, limit, depth=depth - 1)}" for key, part in shown) + "}"
    return "[" + ", ".join(say(part, limit, depth=depth - 1) for part in value[: limit // 2]) + "]"


def plain(value: Any) -> str:
    """A value as it goes into other text: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
