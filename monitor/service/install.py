"""`showup install` and `showup uninstall`: a service of the machine, step by step, told before or while it is done."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from monitor.config.catalog import Catalog
from monitor.config.secrets import Secrets
from monitor.service import layout
from monitor.service.host import Failed, Host
from monitor.service.ready import wait_until_ready
from monitor.service.record import record_at, record_on
from probes.words.errors import ConfigError, ShowupError, StoreError
from probes.words.secret import names_in

ALONG = ("journeys", "runbooks")  # folders that go with the configuration
TRASH = frozenset({"__pycache__"})


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be installed: a configuration that holds, from `place`, with the names of all its secrets."""

    place: Path
    catalog: Catalog
    secrets: Secrets
    names: tuple[str, ...]


def run_install(config: Path | None, *, dry_run: bool, host: Host | None = None) -> int:
    """0 when showup runs and a first run was good, 1 when it runs and none was yet, 3 when a step failed; raises
    ConfigError."""
    host = host or Host(dry=dry_run)
    try:
        may(host, "install")
        plan = look(config)
        prefix = program(host)
        _user(host)
        _configuration(host, plan)
        _credentials(host, plan)
        _folders(host, plan)
        put_units(host, prefix)
        _command(host, prefix)
        return _start(host)
    except ConfigError:
        raise
    except (ShowupError, OSError) as error:
        return refused(host, error)


def may(host: Host, what: str) -> None:
    """Raise Failed unless we are root (a dry run needs no rights) and systemd runs this machine."""
    host.step("look: systemd, and the rights to change it")
    if not host.dry and not host.is_root():
        raise Failed(f"showup {what} changes the system", hint=f"run: sudo showup {what}; or add --dry-run")
    if not host.dry and (host.which("systemctl") is None or not host.exists("/run/systemd/system")):
        raise Failed("systemd does not run this machine", hint="start showup run from the supervisor that does")


def refused(host: Host, error: Exception) -> int:
    """Say why, and what stands."""
    hint = getattr(error, "hint", "")
    host.say(f"showup: {error}{hint and f'; {hint}'}")
    return 3


def look(config: Path | None) -> Plan:
    """The configuration to install, checked as a whole; raises ConfigError."""
    from monitor.config.load import find, load
    from monitor.config.read import read_file
    from monitor.service.contacts import files_of

    place = find(config).resolve()
    files = files_of(place)
    names = {name for file in files for name in names_in(read_file(file, str(file))[0].data)}
    secrets = _secrets(place if place.is_dir() else place.parent, names)
    catalog = load(place, secrets=secrets)
    names |= {name for probe in catalog.probes.values() for name in probe.secrets}
    return Plan(place, catalog, secrets, tuple(sorted(names)))


def _secrets(folder: Path, names: set[str]) -> Secrets:
    """What is given now; what is not, as an earlier installation holds it."""
    environ = {name: value for name, value in os.environ.items() if name != "CREDENTIALS_DIRECTORY"}
    given = Secrets.from_environment(folder, environ)
    held = Secrets({}, credentials=layout.CREDENTIALS)
    kept = {name: held.get(name) or "" for name in names if given.get(name) is None}
    return Secrets.from_environment(folder, {**environ, **{name: value for name, value in kept.items() if value}})


def program(host: Host) -> Path:
    """Where the service's program lies: where it is, when root alone may change it and the service can see it; else
    a fresh environment in /opt/showup."""
    found = host.python()
    prefix, base = found["prefix"], found["base"]
    if prefix == layout.OPT or not (layout.hidden(prefix) or layout.hidden(base) or _editable() or _open(prefix)):
        host.step(f"use the program in {prefix}")
        return prefix
    host.step(f"put the program into {layout.OPT}, as the service cannot or should not use the one in {prefix}")
    python = "/usr/bin/python3"
    if not host.dry and not host.succeeds(python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"):
        raise Failed(
            f"{python} is not Python 3.11 or newer", hint=f"install showup into {layout.OPT} yourself, as root"
        )
    host.run(python, "-m", "venv", str(layout.OPT))
    host.run(str(layout.OPT / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", _source())
    return layout.OPT


def _open(prefix: Path) -> bool:
    there = prefix.stat()
    return there.st_uid != 0 or bool(there.st_mode & 0o022)


def _direct() -> dict[str, object]:
    found = json.loads(distribution("showup").read_text("direct_url.json") or "{}")
    return found if isinstance(found, dict) else {}


def _editable() -> bool:
    about = _direct().get("dir_info")
    return isinstance(about, dict) and bool(about.get("editable"))


def _source() -> str:
    """What pip is given: the checkout or file that we came from, else our own version by name."""
    url = str(_direct().get("url", ""))
    return url if url.startswith("file://") else f"showup=={distribution('showup').version}"


def _user(host: Host) -> None:
    host.step(f"a system user {layout.USER} without a login")
    if host.succeeds("getent", "passwd", layout.USER):
        host.would("there already")
        return
    home = str(layout.STATE)
    host.run("useradd", "--system", "--user-group", "--no-create-home", "--home-dir", home,
             "--shell", "/usr/sbin/nologin", layout.USER)  # fmt: skip


def _configuration(host: Host, plan: Plan) -> None:
    host.step(f"the configuration in {layout.CONFIG}, which {layout.USER} may read")
    host.folder(layout.CONFIG, mode=0o750)
    if not plan.place.is_relative_to(host.at(layout.CONFIG)):
        for source, target in sorted(_copies(plan).items()):
            _copy(host, source, target)
    host.run("chown", "-R", f"root:{layout.USER}", str(layout.CONFIG))


def _copies(plan: Plan) -> dict[Path, Path]:
    """Which file goes where: the configuration, its scripts and its runbooks."""
    folder, home = plan.catalog.folder, layout.CONFIG
    if plan.place.is_dir():
        home = layout.CONFIG / "showup.d"
        copies = {file: home / file.name for file in plan.catalog.files}
    else:
        copies = {plan.place: home / "showup.yaml"}
    files = [file for name in ALONG if (folder / name).is_dir() for file in (folder / name).rglob("*")]
    files += [folder / workflow.runbook for workflow in plan.catalog.workflows.values() if workflow.runbook]
    for file in files:
        if file.is_file() and file.resolve().is_relative_to(folder) and not TRASH & set(file.parts):
            copies[file] = home / file.relative_to(folder)
    return copies


def _copy(host: Host, source: Path, target: Path) -> None:
    content = source.read_bytes()
    there = host.at(target)
    if there.exists() and there.read_bytes() == content:
        return
    if there.exists():
        host.move(target, target.with_name(target.name + ".old"))
    host.write(target, content, mode=0o640)
    for folder in list(target.relative_to(layout.CONFIG).parents)[:-1]:
        host.folder(layout.CONFIG / folder, mode=0o750)


def _credentials(host: Host, plan: Plan) -> None:
    host.step(f"{len(plan.names)} secrets in {layout.CREDENTIALS}, for root's eyes alone")
    host.folder(layout.CREDENTIALS, mode=0o700)
    for name in plan.names:
        host.write(layout.CREDENTIALS / name, plan.secrets.need([name])[name], mode=0o600)
    host.run("chown", "-R", "root:root", str(layout.CREDENTIALS))
    for unit in layout.WITH_SECRETS:
        host.write(layout.dropin(unit, "10-credentials"), layout.credentials_text(list(plan.names)))


def _folders(host: Host, plan: Plan) -> None:
    """The state, where pages are published, and the folder of a record that lies elsewhere, for its copies too."""
    pages = [Path(to) for to in plan.catalog.publish.to if to.startswith("/")]
    file = record_at(plan.catalog.store, layout.STATE).file
    records = [file.parent] if file and not file.is_relative_to(layout.STATE) else []
    host.step("folders: the state, and where pages are published")
    host.folder(layout.STATE, mode=0o700)
    host.run("chown", f"{layout.USER}:{layout.USER}", str(layout.STATE))
    for folder in [*pages, *records]:
        if host.exists(folder):
            continue
        host.folder(folder, mode=0o700 if folder in records else 0o755)
        host.run("chown", f"{layout.USER}:{layout.USER}", str(folder))
    for unit, folders in ((layout.SERVICE, [*pages, *records]), (layout.BACKUP, records)):
        if folders:
            host.write(layout.dropin(unit, "20-folders"), layout.folders_text(folders))
        elif host.exists(layout.dropin(unit, "20-folders")):
            host.remove(layout.dropin(unit, "20-folders"))


def put_units(host: Host, prefix: Path) -> None:
    """The units of the version that runs us, told where the program lies."""
    host.step(f"units in {layout.SYSTEMD}")
    for unit in layout.units():
        host.write(layout.SYSTEMD / unit.name, unit.read_bytes())
    for name in layout.WITH_PROGRAM:
        if prefix != layout.OPT:
            host.write(layout.dropin(name, "05-program"), layout.program_text(prefix))
        elif host.exists(layout.dropin(name, "05-program")):
            host.remove(layout.dropin(name, "05-program"))
    host.run("systemctl", "daemon-reload")


def _command(host: Host, prefix: Path) -> None:
    host.step(f"the command {layout.COMMAND}")
    if prefix / "bin" / "showup" != layout.COMMAND:
        host.write(layout.COMMAND, layout.command_text(prefix), mode=0o755)
    host.write(layout.INSTALLED, installed_text(prefix), mode=0o644)


def installed_text(prefix: Path) -> str:
    """What is installed, for the upgrade after this one: `source` is what pip was given."""
    return json.dumps({"version": distribution("showup").version, "prefix": str(prefix), "source": _source()})


def _start(host: Host) -> int:
    host.step("start, now and at every boot")
    host.run("systemctl", "enable", *layout.RUN)
    host.run("systemctl", "restart", *layout.RUN)
    host.step("wait for the first good run")
    if host.would("ask the daemon for its status until a probe has passed"):
        return 0
    found = wait_until_ready(host)
    host.say(found.sentence)
    return 0 if found.good else 1


def _written() -> list[Path]:
    """Units and drop-ins that are ours; what an administrator put beside them stays."""
    units = [unit.name for unit in layout.units()]
    dropins = [layout.dropin(unit, name) for unit in units for name in layout.DROPINS]
    return [*(layout.SYSTEMD / unit for unit in units), *dropins]


def _take_away(host: Host) -> None:
    for path in _written():
        if host.dry or host.exists(path):
            host.remove(path)
    for folder in sorted({path.parent for path in _written()} - {layout.SYSTEMD}):
        if host.exists(folder) and not any(host.at(folder).iterdir()):
            host.remove(folder)


def _kept(host: Host) -> str:
    """Where the record stays, for people; a configuration that names none we know keeps nobody from leaving."""
    try:
        record = record_on(host)
    except StoreError:
        return str(layout.STATE)
    here = record.file is not None and record.file.is_relative_to(layout.STATE)
    return str(layout.STATE) if here else f"{record.shown}, its copies in {layout.STATE}"


def run_uninstall(*, dry_run: bool, host: Host | None = None) -> int:
    """0 when the service is gone; data and configuration stay, and it says where. 3 when a step failed."""
    host = host or Host(dry=dry_run)
    try:
        may(host, "uninstall")
        place = _kept(host)
        host.step("stop, now and at every boot")
        for name in layout.RUN:
            if host.dry or host.exists(layout.SYSTEMD / name):
                host.run("systemctl", "disable", "--now", name)
        host.step(f"units out of {layout.SYSTEMD}")
        _take_away(host)
        host.run("systemctl", "daemon-reload")
        host.step(f"the command {layout.COMMAND}")
        if host.exists(layout.COMMAND) and b"Written by showup install" in host.at(layout.COMMAND).read_bytes():
            host.remove(layout.COMMAND)
    except (ShowupError, OSError) as error:
        return refused(host, error)
    host.say(f"kept: the record in {place}, the configuration and its secrets in {layout.CONFIG}, "
             f"the user {layout.USER}, and the program")  # fmt: skip
    host.say(f"to remove them too: rm -r {layout.STATE} {layout.CONFIG} {layout.OPT}; userdel {layout.USER}")
    return 0
