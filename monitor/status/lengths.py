"""Lengths and sentences as the page says them. Pure."""

from __future__ import annotations

from probes.words.units import HOUR, SECOND


def length(micros: int) -> str:
    """A length for people: 38 s, 1 min 43 s, 2 h 5 min, 3 d 4 h."""
    seconds = max(0, micros) // SECOND
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min" + (f" {seconds % 60} s" if seconds % 60 and seconds < 600 else "")
    if micros < 24 * HOUR:
        rest = seconds % 3600 // 60
        return f"{seconds // 3600} h" + (f" {rest} min" if rest else "")
    rest = seconds % 86_400 // 3600
    return f"{seconds // 86_400} d" + (f" {rest} h" if rest else "")


def window(micros: int) -> str:
    """The window of a promise: whole days as days, 30 days, else as any length."""
    whole, rest = divmod(micros, 24 * HOUR)
    return f"{whole} days" if whole > 1 and not rest else length(micros)


def speed(micros: int) -> str:
    """How long an answer took: 1.4 s, 12 ms, never 0."""
    return f"{micros / SECOND:.1f} s" if micros >= SECOND else f"{max(1, micros // 1000)} ms"


def sentence(text: str) -> str:
    """What was seen, with the full stop that it may lack."""
    return text if not text or text.rstrip('"”’)').endswith((".", "!", "?", "…")) else f"{text}."
