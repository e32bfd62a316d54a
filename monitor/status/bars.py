"""Ninety days as a strip of bars: share and kind of each day, drawn once a day and workflow and then remembered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache

from markupsafe import Markup

from monitor.ledger.uptime import Day, Shares, figures, percent_text
from monitor.status.lengths import length

WIDTH, GAP, HEIGHT = 6, 2, 34
LEAST = 5  # px; a minute of trouble is still seen


@lru_cache(200_000)
def bar(place: int, day: Day) -> str:
    """One day: full when all was well, amber and red by share, blue at the foot, an open outline where nobody
    watched."""
    x = place * (WIDTH + GAP)
    title = f"<title>{say(day)}</title>"
    shares = day.shares
    if shares is None:
        return f'<circle class="none" cx="{x + 3}" cy="{HEIGHT // 2}" r="1">{title}</circle>'
    whole = shares.up + shares.degraded + shares.down + shares.maintenance + shares.unknown
    known = shares.up + shares.degraded + shares.down + shares.maintenance
    if not whole or not known:
        return (
            f'<g>{title}<rect class="open" x="{x + 0.5}" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="2"/></g>'
        )
    parts = [f'<rect class="up" x="{x}" y="0" width="{WIDTH}" height="{HEIGHT}" rx="2"/>']
    foot = HEIGHT
    for kind, share in (("planned", shares.maintenance), ("slow", shares.degraded), ("down", shares.down)):
        if share:
            high = max(LEAST, round(HEIGHT * share / whole))
            foot = max(0, foot - high)
            parts.append(
                f'<rect class="{kind}" x="{x}" y="{foot}" width="{WIDTH}" height="{min(high, HEIGHT)}" rx="1"/>'
            )
            if kind == "down" and high > 2 * LEAST:  # a shape of its own, where there is room for one
                parts.append(f'<path class="notch" d="M{x} {foot}l3 3l3-3z"/>')
    if shares.unknown * 4 > whole:
        high = round(HEIGHT * shares.unknown / whole)
        parts.append(f'<rect class="gap" x="{x}" y="0" width="{WIDTH}" height="{high}"/>')
        parts.append(f'<rect class="open" x="{x + 0.5}" y="0.5" width="{WIDTH - 1}" height="{high}" rx="2"/>')
    return f"<g>{title}{''.join(parts)}</g>"


def strip(days: Sequence[Day]) -> Markup:
    """The whole strip, oldest first."""
    wide = len(days) * (WIDTH + GAP) - GAP
    body = "".join(bar(place, day) for place, day in enumerate(days))
    label = summary(days)
    view = f'viewBox="0 0 {wide} {HEIGHT}" preserveAspectRatio="none"'
    # made of numbers, dates and words of ours alone
    return Markup(f'<svg class="bars" {view} role="img" aria-label="{label}">{body}</svg>')


def summary(days: Sequence[Day]) -> str:
    """The strip in a sentence, for those who cannot see it."""
    seen = [day for day in days if day.shares is not None]
    bad = sum(1 for day in seen if day.shares is not None and day.shares.down)
    slow = sum(1 for day in seen if day.shares is not None and day.shares.degraded and not day.shares.down)
    blind = sum(1 for day in seen if day.shares is not None and not _known(day.shares))
    return f"{len(seen)} days watched: {bad} with an outage, {slow} with slowness, {blind} not seen"


def _known(shares: Shares) -> int:
    return shares.up + shares.degraded + shares.down + shares.maintenance


def say(day: Day) -> str:
    """A day in words."""
    when = _date(day.date)
    if day.shares is None:
        return f"{when}: before the first run"
    if not _known(day.shares):
        return f"{when}: we were not watching"
    found = figures(day.shares)
    text = f"{when}: {percent_text(found.uptime)}"
    for word, share in (
        ("down", day.shares.down),
        ("slow", day.shares.degraded),
        ("maintenance", day.shares.maintenance),
    ):
        if share:
            text += f", {word} {length(share)}"
    if day.shares.unknown > 60_000_000:
        text += f", not seen {length(day.shares.unknown)}"
    return text


@lru_cache(1000)
def _date(day: date) -> str:
    return day.strftime("%-d %b %Y")
