"""The stack that a stopped process left behind, read back from what faulthandler wrote."""

from __future__ import annotations

import os
import re
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass

_FRAME = re.compile(r'^ {2}File "(?P<file>[^"\n]*)", line (?P<line>\d+) in (?P<function>.*)$', re.MULTILINE)
_DEEPEST = 40  # frames shown
_OURS = os.path.dirname(os.path.abspath(__file__))
_LIBRARIES = tuple(
    os.path.join(path, "")
    for path in {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    if path
)


@dataclass(frozen=True, slots=True)
class Frame:
    """One call on a stack."""

    file: str
    line: int
    function: str

    def said(self, folder: str = "") -> str:
        """`journeys/x.py:12 in books`, relative to `folder` where the file is in it."""
        return f"{self.place(folder)} in {self.function}"

    def place(self, folder: str = "") -> str:
        """`journeys/x.py:12`."""
        return f"{shorten(self.file, folder)}:{self.line}"


def read_stack(dump: str) -> list[Frame]:
    """The frames of the last stack in a dump, most recent call first; [] when there is none."""
    last = max(dump.rfind("Current thread 0x"), dump.rfind("Stack (most recent call first):"))
    part = dump[last:].split("\n\n", 1)[0] if last >= 0 else ""
    return [Frame(found["file"], int(found["line"]), found["function"]) for found in _FRAME.finditer(part)][:_DEEPEST]


def author_frame(frames: Sequence[Frame], file: str = "") -> Frame | None:
    """The call in the author's own file, or the nearest to it that is neither ours nor a library's."""
    wanted = _as_dumped(os.path.abspath(file)) if file else ""
    for frame in frames:
        if wanted and frame.file == wanted:
            return frame
    for frame in frames:
        if not frame.file.startswith(("<", _OURS, *_LIBRARIES)):
            return frame
    return None


def shorten(file: str, folder: str) -> str:
    """A path relative to `folder` where it is in it."""
    inside = os.path.join(os.path.abspath(folder), "") if folder else ""
    return file[len(inside) :] if inside and file.startswith(inside) else file


def _as_dumped(file: str) -> str:
    """A path as faulthandler writes it: ASCII, cut at 500 characters."""
    return file.encode("ascii", "backslashreplace").decode()[:500]
