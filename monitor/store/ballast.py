"""A file that takes up space on purpose: deleting it is what still works when the disk is full."""

from __future__ import annotations

import os
from pathlib import Path

SIZE = 32 * 1024 * 1024
ROOM = 2  # the ballast is laid in when the disk has this many times its size to spare


class Ballast:
    """`size` bytes at `path`, dropped to keep writing and laid in again when there is room. Size 0 is none."""

    def __init__(self, path: Path, *, size: int = SIZE) -> None:
        self.path = path
        self.size = size

    @property
    def aboard(self) -> bool:
        """True when it is there in full, or none is wanted."""
        try:
            return self.size == 0 or self.path.stat().st_size >= self.size
        except OSError:
            return False

    def drop(self) -> bool:
        """Delete it; True when that freed anything."""
        if self.size == 0:
            return False
        try:
            self.path.unlink()
        except OSError:
            return False
        return True

    def lay_in(self) -> bool:
        """Make it when it is missing and there is room; True when it is aboard."""
        if self.aboard:
            return True
        try:
            disk = os.statvfs(self.path.parent)
            if disk.f_bavail * disk.f_frsize < ROOM * self.size:
                return False
            with self.path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self.size)
        except OSError:
            self.drop()
            return False
        return True
