"""What a patient's sentence asks for, by plain rules, and what the receptionist says back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october")
MONTHS = (*_MONTHS, "november", "december")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTH = "|".join(f"{m[:3]}(?:{m[3:]})?" if len(m) > 3 else m for m in MONTHS)
_ISO = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_DAY_FIRST = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)? (?:of )?({_MONTH})\b(?:,? (\d{{4}}))?", re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"\b({_MONTH}) (\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (\d{{4}}))?", re.IGNORECASE)
_CLOCK = r"(?:\bat )?(?<![\d-])\b(\d{1,2})(?::(\d{2}))?(?: ?(am|pm|a\.m\.|p\.m\.|o'clock))?(?![\w:-])"
_TIME = re.compile(_CLOCK, re.IGNORECASE)
_NAME = re.compile(r"\b(?:i am|i'm|my name is|this is|name:) +([\w'.-]+(?: [\w'-]+){0,3})", re.IGNORECASE)
_SERVICES = {"clean": "cleaning", "check": "check-up", "fill": "filling", "crown": "crown", "white": "whitening"}
_BOOKS = ("book", "appointment", "come in", "see a dentist", *_SERVICES)
HOURS = "We are open Monday to Friday from 8:00 to 18:00."


@dataclass(frozen=True, slots=True)
class Request:
    """What was understood; an empty word was not said."""

    intent: str
    name: str = ""
    date: str = ""
    time: str = ""
    service: str = "cleaning"

    @property
    def missing(self) -> list[str]:
        """What has to be asked before a booking can be made."""
        return [word for word in ("date", "time", "name") if not getattr(self, word)]


def understand(message: str, today: date) -> Request:
    """The request in a sentence: who, which day, what time, what for."""
    text = message[:2000]
    lowered = text.lower()
    day, rest = _find_date(text, today)
    at = _find_time(rest)
    if day or any(word in lowered for word in _BOOKS):
        named = _NAME.search(text)
        name = re.split(r" (?:and|please|at|on)\b", named[1], maxsplit=1)[0].rstrip(".'-") if named else ""
        service = next((s for stem, s in _SERVICES.items() if stem in lowered), "cleaning")
        return Request("book_appointment", name, day, at, service)
    if "hour" in lowered or "open" in lowered:
        return Request("opening_hours")
    return Request("other")


def receptionist(messages: Sequence[Mapping[str, Any]]) -> str:
    """The rule of the clinic's model: the facts it was given, said kindly."""
    system = next((str(m.get("content")) for m in messages if m.get("role") == "system"), "")
    try:
        facts = json.loads(system.partition("FACTS: ")[2] or "{}")
    except ValueError:
        facts = {}
    if facts.get("booked"):
        booked = facts["booked"]
        spoken = say_date(date.fromisoformat(booked["date"]))
        return f"Thank you, {booked['name']}. You are booked for a {booked['service']} on {spoken} at {booked['time']}."
    if facts.get("taken"):
        return "I am sorry, that time is taken. Which other time would suit you?"
    if facts.get("missing"):
        return f"Gladly. Please tell me the {' and the '.join(facts['missing'])}, and I will book it."
    if facts.get("intent") == "opening_hours":
        return HOURS
    return "I can book an appointment for you, or tell you when we are open."


def say_date(day: date) -> str:
    """A date as it is spoken: Wednesday, 23 December 2026."""
    return f"{DAYS[day.weekday()].title()}, {day.day} {MONTHS[day.month - 1].title()} {day.year}"


def _find_date(text: str, today: date) -> tuple[str, str]:
    """The day as ISO 8601, and the text without it, so that its numbers are not taken for a time."""
    for pattern, order in ((_ISO, (1, 2, 3)), (_DAY_FIRST, (3, 2, 1)), (_MONTH_FIRST, (3, 1, 2))):
        found = pattern.search(text)
        if found is not None:
            year, month, day = (found[n] for n in order)
            return _make_date(year, month, day, today), text[: found.start()] + " " + text[found.end() :]
    for word, days in (("today", 0), ("tomorrow", 1)):
        if re.search(rf"\b{word}\b", text, re.IGNORECASE):
            return (today + timedelta(days=days)).isoformat(), text
    for number, word in enumerate(DAYS):
        if re.search(rf"\b{word}\b", text, re.IGNORECASE):
            return (today + timedelta(days=(number - today.weekday() - 1) % 7 + 1)).isoformat(), text
    return "", text


def _make_date(year: str | None, month: str, day: str, today: date) -> str:
    number = int(month) if month.isdecimal() else 1 + [m[:3] for m in MONTHS].index(month.lower()[:3])
    try:
        made = date(int(year) if year else today.year, number, int(day))
        if year is None and made < today:
            made = made.replace(year=made.year + 1)
    except ValueError:
        return ""
    return made.isoformat()


def _find_time(text: str) -> str:
    """The first time of day: `10:30`, `at 10`, `2 pm`; a bare number without `at` is none."""
    for found in _TIME.finditer(text):
        hour, minute, half = int(found[1]), int(found[2] or 0), (found[3] or "").lower().replace(".", "")
        if not (found[2] or half or found[0].lower().startswith("at ")):
            continue
        if half in ("am", "pm") and 1 <= hour <= 12:
            hour = hour % 12 + (12 if half == "pm" else 0)
        if hour < 24 and minute < 60:
            return f"{hour:02d}:{minute:02d}"
    return ""
