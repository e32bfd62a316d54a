"""Exits that were not meant: how many of late, and whether it is time to page. Pure but for the file that remembers."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from probes.words.units import MINUTE

WINDOW = 5 * MINUTE
ENOUGH = 3  # failed exits within the window
AGAIN = 15 * MINUTE  # between two pages while it goes on
FILE = "failed-exits.json"
DUE = "page-due"
MEANT = "success"  # the $SERVICE_RESULT of a unit that was told to stop
_KEPT = 50


@dataclass(frozen=True, slots=True)
class Exits:
    """When showup failed of late and when that was last paged, µs since the epoch; 0 is never."""

    failed: tuple[int, ...] = ()
    paged: int = 0

    def within(self, now: int) -> int:
        """How many failed exits lie in the window that ends now."""
        return sum(now - WINDOW <= at <= now for at in self.failed)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to remember, and whether to page; `reason` says why or why not."""

    exits: Exits
    page: bool
    reason: str


def decide(exits: Exits, result: str, *, now: int) -> Verdict:
    """What one more exit with this $SERVICE_RESULT means."""
    if result == MEANT:
        return Verdict(exits, False, "showup was told to stop")
    kept = tuple(at for at in exits.failed if now - WINDOW <= at <= now)
    exits = replace(exits, failed=(*kept, now)[-_KEPT:])
    number = exits.within(now)
    if number < ENOUGH:
        return Verdict(exits, False, f"failed exit {number} in 5 minutes; the third pages")
    if 0 <= now - exits.paged < AGAIN and exits.paged:
        return Verdict(exits, False, "paged already; again 15 minutes after that, if it goes on")
    return Verdict(exits, True, f"failed {number} times in 5 minutes")


def read_exits(folder: Path) -> Exits:
    """What is remembered; a file that cannot be read is as good as none."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return Exits(tuple(int(at) for at in found["failed"]), int(found["paged"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Exits()


def keep_exits(folder: Path, exits: Exits) -> None:
    """Remember them; raises OSError."""
    _put(folder / FILE, json.dumps(asdict(exits)))


def leave_due(folder: Path, reason: str) -> None:
    """Leave the page to the unit that has credentials; raises OSError."""
    _put(folder / DUE, reason)


def due(folder: Path) -> str:
    """Why a page is due, or ""."""
    try:
        return (folder / DUE).read_text(encoding="utf-8")[:300] or "it failed"
    except (OSError, UnicodeDecodeError):
        return ""


def settle_due(folder: Path, *, now: int) -> None:
    """The page has left."""
    keep_exits(folder, replace(read_exits(folder), paged=now))
    forget_due(folder)


def forget_due(folder: Path) -> None:
    """No page is due any more: it left, or somebody has stopped showup on purpose."""
    with contextlib.suppress(FileNotFoundError):
        (folder / DUE).unlink()


def _put(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
