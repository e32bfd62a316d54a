"""Numbers, money and dates as people and models write them, read from text. What can be read in two ways is said so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation

LONGEST = 80  # characters of a number or a date

_SIGNS = {
    "€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR", "₽": "RUB", "₩": "KRW", "₪": "ILS", "₺": "TRY",
    "zł": "PLN", "kč": "CZK", "us$": "USD", "a$": "AUD", "c$": "CAD", "r$": "BRL", "fr.": "CHF", "sfr.": "CHF",
}  # fmt: skip
_CODES = re.compile(
    r"AED|AUD|BGN|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EUR|GBP|HKD|HUF|IDR|ILS|INR|JPY|KRW|MXN|MYR|NOK|NZD|PEN|PHP|PLN|RON"
    r"|RUB|SAR|SEK|SGD|THB|TRY|TWD|UAH|USD|VND|ZAR"
)
_DIGITS = re.compile(r"[+-]?\d[\d.,'\u2019 ]{0,60}\Z|[+-]?\d\Z|[+-]?[.,]\d{1,30}\Z")
_PLAIN = re.compile(r"[+-]?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?\Z")
_GROUPED = re.compile(r"\d{1,40}\Z|\d{1,3}(?:(?:,\d{3})+|(?:\.\d{3})+|(?: \d{3})+|(?:'\d{3})+)\Z")


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount and its currency, "" when none was named."""

    number: Decimal
    currency: str = ""


class TwoWays(ValueError):
    """The text can be read in two ways; the message says which and what to declare."""


def read_number(text: str, decimals: str = "") -> Decimal | None:
    """The number that `text` is, None when it is none.

    Of a point and a comma the later one divides the decimals; a comma alone does unless three digits follow it
    (1,234 is over a thousand); a point alone always does. `decimals`, comma or point, settles it.
    """
    text = text.strip().replace("\u00a0", " ").replace("\u202f", " ").replace("\u2212", "-").replace("\u2019", "'")
    if not text or len(text) > LONGEST or not text.isascii():
        return None
    if decimals != "comma" and _PLAIN.match(text):
        return _decimal(text)
    negative = text.startswith("-") or text.endswith("-") or (text[0] == "(" and text[-1] == ")")
    text = text.strip("()").removesuffix("-").lstrip("+-").strip()
    if not _DIGITS.match(text):
        return None
    whole, mark, rest = _divided(text, decimals)
    if (whole and not _GROUPED.match(whole)) or (mark and not rest.isdigit()):
        return None
    number = _decimal(f"{re.sub('[^0-9]', '', whole) or '0'}.{rest or '0'}")
    return -number if negative and number is not None else number


def _divided(text: str, decimals: str) -> tuple[str, str, str]:
    """(whole, mark, decimals) of a number without its sign."""
    if decimals:
        mark = "," if decimals == "comma" else "."
        return text.rpartition(mark) if mark in text else (text, "", "")
    point, comma = text.rfind("."), text.rfind(",")
    if point >= 0 and comma >= 0:
        mark = "." if point > comma else ","
        return text.rpartition(mark) if text.count(mark) == 1 else (text, "", "")
    mark = "." if point >= 0 else ","
    if text.count(mark) != 1:
        return text, "", ""
    whole, _, rest = text.partition(mark)
    if mark == "," and len(rest) == 3 and whole.isdigit() and not whole.startswith("0"):
        return text, "", ""
    return whole, mark, rest


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def read_money(text: str, decimals: str = "") -> Amount | None:
    """The amount that `text` is, with a sign or code of its currency before or after it; None when it is none."""
    text = text.strip().replace("\u00a0", " ")
    if not text or len(text) > LONGEST:
        return None
    negative = text[0] in "-\u2212" or (text[0] == "(" and text[-1] == ")")
    bare = text.strip("()").lstrip("-\u2212+").strip()
    start = next((place for place, letter in enumerate(bare) if letter.isdigit()), -1)
    if start < 0:
        return None
    if start and bare[start - 1] in "-\u2212.,":  # €-5, $.50
        start -= 1
    end = max(place for place, letter in enumerate(bare) if letter.isdigit()) + 1
    if bare[end:].startswith("-"):
        end += 1
    before, after = bare[:start].strip(), bare[end:].strip(" .,-\u2013")
    if before and after:
        return None
    currency = _currency(before or after)
    number = read_number(bare[start:end], decimals)
    if currency is None or number is None:
        return None
    return Amount(-abs(number) if negative else number, currency)


def _currency(text: str) -> str | None:
    if not text:
        return ""
    return text.upper() if _CODES.fullmatch(text.upper()) else _SIGNS.get(text.lower())


# -- dates

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar januari janvier janv enero ene gennaio gen janeiro",
            "february feb februar februari février fevrier févr fev febrero febbraio fevereiro",
            "march mar märz maerz mrz maart mrt mars marzo março marco",
            "april apr avril avr abril abr aprile",
            "may mai mei mayo maggio mag maio",
            "june jun juni juin junio giugno giu junho",
            "july jul juli juillet juil julio luglio lug julho",
            "august aug augustus août aout agosto ago",
            "september sep sept septembre septiembre settembre set setembro",
            "october oct oktober okt octobre octubre ottobre ott outubro out",
            "november nov novembre noviembre novembro",
            "december dec dezember dez décembre decembre déc diciembre dic dicembre dezembro",
        ),
        start=1,
    )
    for name in names.split()
}
_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?\s?(?:Z|[+-]\d{2}:?\d{2})?))?\Z", re.ASCII
)
_YEAR_FIRST = re.compile(r"(\d{4})[./](\d{1,2})[./](\d{1,2})\Z")
_NUMERIC = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})\Z")
_WORDS = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th|\.|º|er)? ?(?:de |of )?-?([^\W\d_]{3,12})\.?,? ?(?:de )?-?(\d{4}|\d{2})\Z"
)
_MONTH_FIRST = re.compile(r"([^\W\d_]{3,12})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})\Z")
_SPACED = re.compile(r" (Z|[+-]\d\d:?\d\d\Z)")
_WEEKDAY = re.compile(r"[^\W\d_]{2,12}\.?,\s+")


def read_date(text: str, order: str = "") -> datetime | None:
    """The instant or day (midnight) that `text` is, None when it is none; it has a zone only where the text names one.

    `order` is day-first or month-first, for dates of numbers alone; without it, one that can be read both ways raises
    TwoWays.
    """
    text = " ".join(text.split())
    if not text or len(text) > LONGEST:
        return None
    if found := _ISO.match(text):
        return _iso(text) if found[4] else _day(found[1], found[2], found[3])
    if found := _YEAR_FIRST.match(text):
        return _day(*found.groups())
    if found := _NUMERIC.match(text):
        return _numeric(text, order, found[1], found[3], found[4], found[2])
    low = text.casefold()
    if found := _WEEKDAY.match(low):
        low = low[found.end() :]
    if found := _WORDS.match(low):
        return _day(found[3], _MONTHS.get(found[2], 0), found[1])
    if found := _MONTH_FIRST.match(low):
        return _day(found[3], _MONTHS.get(found[1], 0), found[2])
    return None


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(_SPACED.sub(r"\1", text.replace(",", ".")))
    except ValueError:
        return None


def _numeric(text: str, order: str, first: str, second: str, year: str, mark: str) -> datetime | None:
    by_day, by_month = _day(year, second, first), _day(year, first, second)
    if order or mark == ".":  # with points it is written day first wherever it is written at all
        return by_month if order == "month-first" else by_day
    if by_day and by_month and by_day != by_month:
        raise TwoWays(f"{text} can be read in two ways; write dates: day-first or dates: month-first")
    return by_day or by_month


def _day(year: str | int, month: str | int, day: str | int) -> datetime | None:
    number = int(year)
    if number < 100:
        number += 2000 if number < 70 else 1900
    try:
        return datetime.combine(date(number, int(month), int(day)), time())  # a day, without a zone
    except ValueError:
        return None


def apart(left: datetime, right: datetime) -> float:
    """Seconds between two dates; one without a zone is read in that of the other."""
    if left.tzinfo is None and right.tzinfo is not None:
        left = left.replace(tzinfo=right.tzinfo)
    elif right.tzinfo is None and left.tzinfo is not None:
        right = right.replace(tzinfo=left.tzinfo)
    if left.tzinfo is not None:
        left, right = left.astimezone(UTC), right.astimezone(UTC)
    return abs((left - right).total_seconds())
