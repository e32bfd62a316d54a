"""Keys, slugs, ids and the nearest right name."""

from __future__ import annotations

import re
from collections.abc import Iterable

KEY = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base 32: no I, L, O, U to misread
_VALUE = {letter: number for number, letter in enumerate(_ALPHABET)} | {"I": 1, "L": 1, "O": 0}


def is_key(text: str) -> bool:
    """True when `text` can name a workflow, probe, person or rotation: a-z, 0-9 and inner dashes, at most 63."""
    return KEY.match(text) is not None


def slug(text: str) -> str:
    """The nearest key to any text: `Books a cleaning` → `books-a-cleaning`; never empty."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63].strip("-") or "x"


def nearest(word: str, choices: Iterable[str], *, cutoff: float = 60.0) -> str | None:
    """The choice a person most likely meant by `word`, or None when nothing is near (0 to 100, rapidfuzz ratio)."""
    from rapidfuzz import fuzz, process

    found = process.extractOne(word, list(choices), scorer=fuzz.WRatio, score_cutoff=cutoff)
    return str(found[0]) if found else None


def encode_id(number: int) -> str:
    """A non-negative integer in Crockford base 32, without padding."""
    if number < 0:
        raise ValueError("an id is never negative")
    text = ""
    while True:
        number, rest = divmod(number, 32)
        text = _ALPHABET[rest] + text
        if number == 0:
            return text


def decode_id(text: str) -> int:
    """The integer behind `encode_id`; raises ValueError on anything else."""
    number = 0
    if not 0 < len(text) <= 40:
        raise ValueError("not an id")
    for letter in text.upper():
        if letter not in _VALUE:
            raise ValueError("not an id")
        number = number * 32 + _VALUE[letter]
    return number


def run_id(started: int, ledger: int) -> str:
    """The public id of a run: its start (µs since the epoch) and its ledger number (under 2**20), reversible by
    `run_key`."""
    return encode_id(started << 20 | ledger)


def run_key(text: str) -> tuple[int, int]:
    """(started µs, ledger number) of a public run id; raises ValueError."""
    number = decode_id(text)
    return number >> 20, number & 0xFFFFF
