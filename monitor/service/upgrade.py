"""`showup upgrade`: after the new version was installed, copy the database, restart, and go back when it fails.

The daemon that runs is still the old version, so it makes the copy. Going back puts that copy in place of the database;
the program itself is put back by pip, and the two commands for it are said. A record in PostgreSQL is not ours to copy:
that is said, and nothing is done until the operator has said that it may.
"""

from __future__ import annotations

import json
import shlex
from importlib.metadata import distribution
from pathlib import Path

from monitor.service import layout
from monitor.service.host import Failed, Host
from monitor.service.install import installed_text, may, put_units, refused
from monitor.service.ready import wait_until_ready
from monitor.service.record import Record, configuration_on, record_on
from probes.words.errors import ShowupError


def run_upgrade(*, dry_run: bool, without_copy: bool = False, host: Host | None = None) -> int:
    """0 when the new version is up, 1 when it was taken back, 3 when a step before the restart failed."""
    host = host or Host(dry=dry_run)
    try:
        may(host, "upgrade")
        old, prefix, source = _installed(host)
        new = distribution("showup").version
        host.step(f"from showup {old or '(unknown)'} to {new}, in {prefix}")
        record = record_on(host)
        copy = None if without_copy else _copy(host, record)
        put_units(host, prefix)
    except (ShowupError, OSError) as error:
        return refused(host, error)
    try:
        host.step("restart, and wait until it is well")
        host.run("systemctl", "restart", layout.SERVICE)
        if host.would("ask the daemon for its status; when it is not well within 90 s, put the copy back"):
            return 0
        found = wait_until_ready(host, good=0)
    except (ShowupError, OSError) as error:
        return _back(host, copy, record, source=source, prefix=prefix, why=str(error))
    if not found.up:
        return _back(host, copy, record, source=source, prefix=prefix, why=found.sentence)
    host.write(layout.INSTALLED, installed_text(prefix))
    host.say(f"showup {new} watches; {f'the copy from before stays: {copy}' if copy else 'no copy was made'}")
    return 0


def _installed(host: Host) -> tuple[str, Path, str]:
    """(version, prefix, what pip takes for it) of what was installed; raises Failed when nothing was, or elsewhere."""
    prefix = host.python()["prefix"]
    try:
        found = json.loads(host.at(layout.INSTALLED).read_text(encoding="utf-8"))
        version, place = str(found["version"]), Path(str(found["prefix"]))
    except (OSError, ValueError, KeyError, TypeError):
        if host.dry:
            return "", prefix, ""
        raise Failed("showup is not installed as a service here", hint="run: sudo showup install") from None
    if place != prefix:
        raise Failed(f"the service runs from {place}, and this is {prefix}", hint=f"run: {place}/bin/showup upgrade")
    source = str(found.get("source", ""))  # a folder holds the new version by now, a file is what it was
    return version, place, source if source.endswith((".whl", ".tar.gz")) else f"showup=={version}"


def _copy(host: Host, record: Record) -> Path | None:
    """The copy that the running daemon made; of a daemon that is stopped, what the backup program makes. None when
    there is no record yet; raises Failed for a database that showup does not copy."""
    if record.file is None:
        what = f"the record is in {record.shown}, and showup makes no copy of that: copy it yourself, with pg_dump"
        raise Failed(what, hint="then run: sudo showup upgrade --without-copy")
    host.step(f"copy the database {record.file} into {layout.STATE / 'backups'}")
    if host.would("have the daemon copy it"):
        return None
    try:
        return _named(host.ask("backup", kind="upgrade")["path"])
    except ShowupError:
        host.say("the running daemon made no copy, so it is stopped for one")
    host.run("systemctl", "stop", layout.SERVICE)
    if not host.exists(record.file):
        host.say(f"there is no record yet at {record.file}, so there is nothing to copy")
        return None
    program = str(host.python()["prefix"] / "bin" / "python")
    places = [f"STATE_DIRECTORY={layout.STATE}", f"SHOWUP_CONFIG={configuration_on(host)}"]
    said = host.run("runuser", "-u", layout.USER, "--", "env", *places,
                    program, "-I", "-m", "monitor.service.backup", "upgrade")  # fmt: skip
    return _named(said.strip().splitlines()[-1])


def _named(told: str) -> Path:
    """The copy of this name: root takes nothing from the daemon's word but a name in its own folder."""
    return layout.STATE / "backups" / Path(told).name


def _back(host: Host, copy: Path | None, record: Record, *, source: str, prefix: Path, why: str) -> int:
    """Stop, put the copy back, and say how to put the program back. The database that failed is kept beside it."""
    host.say(f"the new version does not come up: {why}")
    try:
        host.step("stop, and put the copy of the database back")
        host.run("systemctl", "stop", layout.SERVICE)
        if copy is not None and record.file is not None:
            _restore(host, copy, record.file)
        else:
            host.say(f"there is no copy of ours: {record.shown} is as the new version left it")
    except (ShowupError, OSError) as error:
        host.say(f"the copy could not be put back: {error}; it is {copy}")
    pip = shlex.join([str(prefix / "bin" / "pip"), "install", source])
    host.say("SHOWUP IS STOPPED: nothing is watched. To go back to the version before:")
    host.say(f"    {pip}")
    host.say(f"    {prefix / 'bin' / 'showup'} install")
    return 1


def _restore(host: Host, copy: Path, database: Path) -> None:
    for name in ("", "-wal", "-shm"):
        file = database.with_name(database.name + name)
        if host.exists(file):
            host.move(file, file.with_name(f"failed-upgrade{name or '.db'}"))
    host.copy(copy, database, mode=0o600)
    host.run("chown", "-h", f"{layout.USER}:{layout.USER}", str(database))
