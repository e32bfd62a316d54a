"""What is drawn on: 80 columns, harmless without colour, and no text from outside that could steer the terminal."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from textwrap import wrap
from typing import TYPE_CHECKING, Any, TextIO

from probes.words.text import for_terminal
from probes.words.units import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDTH = 80
WIDEST = 100


def paper(file: TextIO | None = None) -> Console:
    """A console that takes every text as it stands: no markup, no emoji codes, no guessed colours."""
    from rich.console import Console

    out = file or sys.stdout
    seen = Console(file=out)
    width = min(max(seen.width, WIDTH), WIDEST) if seen.is_terminal else WIDTH
    return Console(file=out, width=width, markup=False, emoji=False, highlight=False)


def plain(value: Any, limit: int = 300) -> str:
    """Any value on one line, without a character that could steer the terminal; "" for nothing."""
    return "" if value is None else " ".join(for_terminal(str(value), limit).split())


def table(
    *heads: str, right: tuple[int, ...] = (), wide: int | None = None, whole: tuple[int, ...] = ()
) -> Table:
    """A table of hairlines alone; the columns in `right` hold figures, the one at `wide` takes what room is left, those
    in `whole` are copied by people and never broken."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False, show_edge=False, header_style="bold")
    for number, head in enumerate(heads):
        made.add_column(
            head,
            justify="right" if number in right else "left",
            overflow="fold",
            ratio=1 if number == wide else None,
            no_wrap=number in right or number in whole,
        )
    return made


def row(made: Table, *cells: Any) -> None:
    """One row, every cell made harmless."""
    made.add_row(*(plain(cell) for cell in cells))


def hung(head: str, text: str, width: int) -> list[str]:
    """The lines of a text behind its head; what does not fit goes on under its beginning."""
    parts = wrap(text, max(20, width - len(head))) or [""]
    return [(" " * len(head) if number else head) + part for number, part in enumerate(parts)]


def took(micros: float) -> str:
    """How long, as a person says it: 2.31 s, 10 s, 45 ms, 3 min, 2 h 5 min."""
    if micros < SECOND:
        return f"{micros / 1000:.0f} ms"
    if micros < MINUTE:
        return f"{micros / SECOND:.2f} s".replace(".00 s", " s")
    if micros < HOUR:
        minutes, rest = divmod(round(micros / SECOND), 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    if micros < 2 * DAY:
        hours, rest = divmod(round(micros / MINUTE), 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{micros / DAY:.1f} days"


def at(text: Any) -> str:
    """A time as services give it (ISO 8601, or µs), in the reader's own zone; "never" for none."""
    if text is None or text == "":
        return "never"
    try:
        moment = (
            datetime.fromtimestamp(text / SECOND, UTC)
            if isinstance(text, int | float)
            else datetime.fromisoformat(str(text))
        )
        return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return plain(text, 40)


def ago(text: Any, now: Any) -> str:
    """How long before `now` a time was, as `5 min ago`; "" when either is unknown."""
    try:
        length = datetime.fromisoformat(str(now)) - datetime.fromisoformat(str(text))
    except (ValueError, TypeError):
        return ""
    seconds = round(length.total_seconds())
    said = f"{abs(seconds)} s" if abs(seconds) < 60 else took(abs(seconds) * SECOND)
    return f"{said} ago" if seconds >= 0 else f"in {said}"


def percent(figure: Any) -> str:
    """A share that was floored already, or a dash where nothing is known."""
    return "–" if figure is None else f"{figure:.3f} %"


def count(number: int, word: str) -> str:
    """`1 probe`, `2 probes`."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")
