"""A lock file beside the database: one keeper, and a sentence for the second."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from probes.words.errors import StoreLocked


class LockFile:
    """An advisory lock with its owner's process number inside; it ends with the process, however that ends."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle = handle

    @classmethod
    def take(cls, path: Path, *, guards: Path) -> LockFile:
        """Lock `path` on behalf of the database `guards`; raises StoreLocked naming the process that has it."""
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(handle, 20).decode("ascii", "replace").strip()
            os.close(handle)
            raise StoreLocked(
                f"another showup{f' (process {owner})' if owner.isdigit() else ''} has {guards} open",
                hint="stop it first (systemctl stop showup); commands need no stop: they go through the one that runs",
            ) from None
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        return cls(path, handle)

    def release(self) -> None:
        """Let the next one in. The file stays: removing it could unlock a newcomer's."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
