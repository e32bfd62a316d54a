"""What Linux offers for keeping processes together: they die with their parent, orphans are adopted, none gets away."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator
from pathlib import Path

_PDEATHSIG, _SUBREAPER = 1, 36
_prctl = ctypes.CDLL(None, use_errno=True).prctl


def die_with(parent: int) -> None:
    """Be killed when `parent` ends; end now when it has already ended."""
    _prctl(_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def adopt_orphans() -> None:
    """From now on the orphans among all descendants become children of this process, whatever session they hide in."""
    _prctl(_SUBREAPER, 1, 0, 0, 0)


def kill(pid: int, number: int = signal.SIGKILL, *, group: bool = False) -> bool:
    """Send a signal to a process, or to its process group; False when nobody is there."""
    try:
        (os.killpg if group else os.kill)(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def children(pid: int) -> list[int]:
    """The children of a process, zombies too."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
        listed = [Path(f"/proc/{pid}/task/{thread}/children").read_text() for thread in threads]
    except ProcessLookupError:
        return []
    except OSError:  # no such process, or a kernel that does not list children
        return [other for other in _all() if _parent(other) == pid]
    return [int(word) for line in listed for word in line.split()]


def descendants(pid: int, *, most: int = 1_000) -> list[int]:
    """The children of a process, theirs, and so on; not more than `most`."""
    found: list[int] = []
    ahead = children(pid)
    while ahead and len(found) < most:
        one = ahead.pop()
        found.append(one)
        ahead += children(one)
    return found


def bearing(mark: str) -> list[int]:
    """The living processes whose environment holds `mark`, so far as they may be looked at."""
    sought = mark.encode()
    found = []
    for pid in _all():
        with contextlib.suppress(OSError):
            if sought in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.append(pid)
    return found


def count_of_user() -> int:
    """How many processes and threads this user has: what the limit on processes counts."""
    mine, count = os.getuid(), 0
    for pid in _all():
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{pid}").st_uid == mine:
                count += len(os.listdir(f"/proc/{pid}/task"))
    return count


def _all() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _parent(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0
    return int(fields[1]) if len(fields) > 1 else 0
