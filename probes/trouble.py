"""An exception in an author's code, as a sentence with the author's own line in it."""

from __future__ import annotations

import linecache
import traceback
from pathlib import Path

from probes.calls import say_place
from probes.words.errors import ProbeBug
from probes.words.text import clean

_OURS = str(Path(__file__).parent)
_TOOLS = str(Path(__file__).parent / "tools")


def in_tools(error: BaseException) -> bool:
    """True when it was raised in showup's own instruments, so that no author is to blame."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].filename.startswith(_TOOLS)


def say_bug(bug: ProbeBug) -> str:
    """What is wrong, where, and what to write instead."""
    where = f" at {bug.where}" if bug.where else ""
    return f"{bug}{where}" + (f"; {bug.hint}" if bug.hint else "")


def cause_of(error: BaseException, file: str) -> str:
    """`KeyError: 'time' at journeys/books.py:12: day = found["time"]`: the innermost line that is in `file`, or
    not ours.
    """
    name = type(error).__name__
    said = clean(str(error), 120)
    if isinstance(error, SyntaxError):
        place = say_place((error.filename or file, error.lineno or 0))
        return clean(f"{name}: {error.msg} at {place}", 280)
    if isinstance(error, SystemExit):
        name, said = "the script ended itself", "exit() was called"
    if isinstance(error, MemoryError):
        name, said = "MemoryError", "the script used more memory than it may"
    frames = traceback.extract_tb(error.__traceback__)
    chosen = next((frame for frame in reversed(frames) if frame.filename == file), None)
    chosen = chosen or next((frame for frame in reversed(frames) if not frame.filename.startswith(_OURS)), None)
    chosen = chosen or (frames[-1] if frames else None)
    if chosen is None:
        return clean(f"{name}: {said}", 280)
    line = (chosen.line or linecache.getline(chosen.filename, chosen.lineno or 0)).strip()
    place = say_place((chosen.filename, chosen.lineno or 0))
    return clean(f"{name}: {said} at {place}" + (f": {line}" if line else ""), 280)
