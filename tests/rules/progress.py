"""What a long run says while it runs, and the table at its end."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass

AT_A_TERMINAL, IN_A_FILE = 1.0, 60.0  # seconds between two lines


class Progress:
    """Says how far a part has come, where the screen is, from whatever process."""

    def __init__(self, what: str) -> None:
        self.what, self._terminal = what, sys.stderr.isatty()
        self._screen, self._spoke = os.dup(2), time.monotonic()

    def say(self, text: str) -> None:
        """At most once in a second; where nobody looks, in a minute."""
        now = time.monotonic()
        if now - self._spoke < (AT_A_TERMINAL if self._terminal else IN_A_FILE):
            return
        self._spoke = now
        start, end = ("\r\033[K", "") if self._terminal else ("", "\n")
        os.write(self._screen, f"{start}{self.what}: {text}{end}".encode())

    def end(self) -> None:
        """Nothing more is said; the line is free."""
        if self._terminal:
            os.write(self._screen, b"\r\033[K")
        os.close(self._screen)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `well`: it is as aimed."""

    name: str
    value: str
    aim: str = "-"
    well: bool = True


def table(figures: list[Figure]) -> bool:
    """Print `name value aim`; True when all are as aimed."""
    width, values = (max((len(text) for text in column), default=0) for column in (
        [each.name for each in figures], [each.value for each in figures],
    ))  # fmt: skip
    for each in figures:
        print(f"{each.name:{width}}  {each.value:{values}}  {each.aim}{'' if each.well else '  SHORT'}")
    return all(each.well for each in figures)
