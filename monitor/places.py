"""Where things stand on this machine: the state folder and the socket in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

SOCKET = "showup.sock"


def state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the database and the pages live: what systemd gives, $SHOWUP_STATE, or the user's own state folder."""
    given = environ.get("SHOWUP_STATE") or environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    base = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "showup"
