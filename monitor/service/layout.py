"""Where everything lies on a machine that runs showup as a service, and where its units come from."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from probes.words.errors import ShowupError

USER = "showup"
CONFIG = Path("/etc/showup")
CREDENTIALS = CONFIG / "credentials"
INSTALLED = CONFIG / "installed.json"
STATE = Path("/var/lib/showup")
OPT = Path("/opt/showup")
SYSTEMD = Path("/etc/systemd/system")
COMMAND = Path("/usr/local/bin/showup")
SERVICE, FAILURE = "showup.service", "showup-failure@.service"
BACKUP, TIMER = "showup-backup.service", "showup-backup.timer"
RUN = (SERVICE, TIMER)
WITH_SECRETS = (SERVICE, FAILURE)
WITH_PROGRAM = (SERVICE, FAILURE, BACKUP)
DROPINS = ("05-program", "10-credentials", "20-folders")
_HIDDEN = tuple(map(Path, ("/home", "/root", "/tmp", "/var/tmp", "/run/user")))  # noqa: S108 - where nothing may lie


def units() -> tuple[Path, ...]:
    """The unit files, from the installed wheel's data or else from the checkout; raises ShowupError."""
    installed = Path(sysconfig.get_path("data")) / "share" / "showup" / "systemd"
    checkout = Path(__file__).resolve().parents[2] / "systemd"
    for folder in (installed, checkout):
        found = tuple(sorted([*folder.glob("showup*.service"), *folder.glob("showup*.timer")]))
        if found:
            return found
    raise ShowupError("the systemd units were not installed with showup", hint="install showup again, from its wheel")


def hidden(path: Path) -> bool:
    """True for a place that the hardened service cannot see."""
    return any(path.is_relative_to(place) for place in _HIDDEN)


def dropin(unit: str, name: str) -> Path:
    """The path of a drop-in of ours."""
    return SYSTEMD / f"{unit}.d" / f"{name}.conf"


def credentials_text(names: list[str]) -> str:
    """The drop-in that hands the secrets of these names to a unit."""
    lines = [f"LoadCredential={name}:{CREDENTIALS / name}" for name in sorted(names)]
    return "\n".join(["# Written by showup install.", "[Service]", *lines, ""])


def program_text(prefix: Path) -> str:
    """The drop-in for a program that lies elsewhere than in /opt/showup."""
    path = f"{prefix / 'bin'}:/usr/local/bin:/usr/bin:/bin"
    return f"# Written by showup install.\n[Service]\nEnvironment=PATH={path}\n"


def folders_text(folders: list[Path]) -> str:
    """The drop-in that lets a unit write where pages and records lie."""
    lines = [f"ReadWritePaths=-{folder}" for folder in folders]
    return "\n".join(["# Written by showup install.", "[Service]", *lines, ""])


def command_text(prefix: Path) -> str:
    """The command for administrators: as root it speaks to the service, with the service's secrets at hand."""
    return f"""#!/bin/sh
# Written by showup install. The service's own folders, unless told otherwise.
if [ "$(id -u)" = 0 ]; then
    : "${{SHOWUP_STATE:={STATE}}}" "${{CREDENTIALS_DIRECTORY:={CREDENTIALS}}}"
    export SHOWUP_STATE CREDENTIALS_DIRECTORY
fi
exec {prefix}/bin/showup "$@"
"""
