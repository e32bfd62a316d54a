"""One parser for durations, percentages, money and sizes, and the pydantic types made of them."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_MICROSECOND = timedelta(microseconds=1)
SECOND = 1_000_000  # microseconds
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_UNITS = {"us": 1, "ms": 1_000, "s": SECOND, "m": MINUTE, "min": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_PART = re.compile(r"(\d+(?:\.\d+)?)(us|ms|min|s|m|h|d|w)")
_SIZES = {"B": 1, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
DURATION_PATTERN = r"^\s*(\d+(\.\d+)?(us|ms|min|s|m|h|d|w)\s*)+$"


def parse_duration(text: object) -> timedelta:
    """`30s`, `5m`, `1h30m`, `500ms`, `2d`, `1.5s`; raises ValueError with what to write instead. A bare number is
    refused."""
    if isinstance(text, timedelta):
        return text
    if text == 0 or (isinstance(text, str) and text.strip() == "0"):
        return timedelta(0)
    compact = "".join(str(text).split()) if isinstance(text, str) else ""
    parts = _PART.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        hint = f"{text}s" if isinstance(text, int | float) and not isinstance(text, bool) else "30s, 5m or 1h30m"
        raise ValueError(f"not a duration; write {hint}")
    micros = sum(Decimal(number) * _UNITS[unit] for number, unit in parts)
    if micros > 3660 * DAY:
        raise ValueError("longer than ten years; write a shorter duration")
    return timedelta(microseconds=int(micros))


def say_duration(length: timedelta | int) -> str:
    """The shortest exact way to write a duration (timedelta, or µs): 90 s is `1m30s`, 1.5 s is `1.5s`; never lossy
    below 1 ms."""
    micros = length if isinstance(length, int) else micros_of(length)
    if micros == 0:
        return "0s"
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    if micros < SECOND:
        return sign + (f"{micros / 1000:g}ms" if micros >= 1000 else f"{micros}us")
    text = ""
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE)):
        count, micros = divmod(micros, size)
        text += f"{count}{unit}" if count else ""
    if micros:
        text += (
            f"{Decimal(micros) / SECOND:f}".rstrip("0").rstrip(".") + "s" if micros % SECOND else f"{micros // SECOND}s"
        )
    return sign + text


def micros_of(length: timedelta) -> int:
    """Whole microseconds of a timedelta, exact."""
    return length // _MICROSECOND


def parse_percent(text: object) -> Decimal:
    """`99.5%` or `99.5 %` → Decimal('99.5'); raises ValueError. A bare number is refused: 0.995 and 99.5 look alike."""
    if isinstance(text, Decimal):
        return text
    found = re.fullmatch(r"\s*(\d{1,3}(?:\.\d+)?)\s*%\s*", text) if isinstance(text, str) else None
    if not found or Decimal(found[1]) > 100:
        raise ValueError(f"not a percentage; write {_meant(text)}%")
    return Decimal(found[1])


def _meant(text: object) -> str:
    """The percentage that a bare number looks like; 1 and what is under it may be a share."""
    if isinstance(text, bool) or not isinstance(text, int | float) or not 0 <= text <= 100:
        return "99.5"
    return f"{text * 100 if text <= 1 else text:g}"


def parse_size(text: object) -> int:
    """`2 GB`, `512KiB` → bytes; raises ValueError."""
    if isinstance(text, int) and not isinstance(text, bool) and text >= 0:
        return text
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|KiB|MiB|GiB)\s*", text) if isinstance(text, str) else None
    if not found:
        raise ValueError("not a size; write 2GB or 512KiB")
    return int(Decimal(found[1]) * _SIZES[found[2]])


def parse_money(text: object) -> Decimal:
    """`1`, `0.25` → Decimal US dollars; raises ValueError."""
    try:
        amount = Decimal(str(text))
    except InvalidOperation:
        raise ValueError("not an amount of money; write 1 or 0.25 (US dollars)") from None
    if isinstance(text, bool) or not amount.is_finite() or amount < 0:
        raise ValueError("not an amount of money; write 1 or 0.25 (US dollars)")
    return amount


def _schema(**keys: Any) -> WithJsonSchema:
    return WithJsonSchema(keys)


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(say_duration, return_type=str),
    _schema(type="string", pattern=DURATION_PATTERN, examples=["30s", "5m", "1h30m"]),
]
Percent = Annotated[
    Decimal,
    BeforeValidator(parse_percent),
    PlainSerializer(lambda number: f"{number}%", return_type=str),
    _schema(type="string", pattern=r"^\s*\d{1,3}(\.\d+)?\s*%\s*$", examples=["99.5%"]),
]
Size = Annotated[int, BeforeValidator(parse_size), _schema(type=["string", "integer"], examples=["2GB", "512KiB"])]
Money = Annotated[
    Decimal,
    BeforeValidator(parse_money),
    PlainSerializer(str, return_type=str),
    _schema(type=["number", "string"], examples=[1, 0.25]),
]
