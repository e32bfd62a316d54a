"""What the doctor looks at on this machine, each look a few lines that come back as findings."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alerts.message import Finding
from alerts.people import Person
from alerts.policy import parse_target
from monitor.cli.forecast import warnings
from monitor.cli.paper import ago
from probes.words.units import say_duration

if TYPE_CHECKING:
    from monitor.config.catalog import Catalog

OURS = "showup"
PACKAGES = ("monitor", "probes", "alerts", "templates")
OLDEST_SQLITE = (3, 35, 0)  # before it, no RETURNING
DISK_LOW, DISK_FULL = 1_000_000_000, 100_000_000  # bytes
TESTED_LATELY = 35  # days: a phone that was not tried for longer is worth a word


def ok(what: str) -> Finding:
    """All is well."""
    return Finding(level="ok", what=what)


def warn(what: str, write: str = "") -> Finding:
    """Worth knowing."""
    return Finding(level="warning", what=what, write=write)


def fault(what: str, write: str = "") -> Finding:
    """A page may not reach anybody."""
    return Finding(level="fault", what=what, write=write)


def machine(folder: Path) -> list[Finding]:
    """The state folder, the disk, SQLite and the clock."""
    return [_folder(folder), *_disk(folder), _sqlite(), _clock()]


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def _folder(folder: Path) -> Finding:
    place = _nearest(folder)
    if not place.is_dir():
        return fault(f"{place} is a file, so the state cannot be kept under it", "name a folder with --state")
    if not os.access(place, os.W_OK | os.X_OK):
        return fault(f"the state folder {folder} cannot be written", f"run: sudo chown $USER {place}, or use sudo")
    return ok(f"the state folder {folder} can be written" + ("" if place == folder else " (it is made at the start)"))


def _disk(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(_nearest(folder)).free
    said = f"{free / 1e9:.1f} GB are free for the state"
    if free < DISK_FULL:
        yield fault(said, "free some, or move the state with --state")
    elif free < DISK_LOW:
        yield warn(said, "keep: {disk: 500MB} holds less")
    else:
        yield ok(said)


def _sqlite() -> Finding:
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        return fault(f"SQLite {version} is too old", "use a Python built with SQLite 3.35 or newer")
    return ok(f"SQLite {version}")


def _clock() -> Finding:
    """Plausible when it runs after showup's own files were written, and synchronised as far as systemd knows."""
    now, written = time.clock_gettime(time.CLOCK_REALTIME), Path(__file__).stat().st_mtime
    if now < written - 86_400:
        return fault("the clock runs behind the day on which showup was installed", "run: timedatectl set-ntp true")
    said = _synchronised()
    if said == "no":
        return warn("the clock is not synchronised", "run: timedatectl set-ntp true")
    return ok("the clock is plausible" + (" and synchronised" if said == "yes" else ""))


def _synchronised() -> str:
    command = ["timedatectl", "show", "--property=NTPSynchronized", "--value"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=3.0, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def packages() -> list[Finding]:
    """Whether another distribution has put its files over ours: their names are generic."""
    found = []
    for name, package in foreign(metadata.distributions()):
        what = f"the distribution {name} has its own package {package}, which may have overwritten showup's"
        found.append(fault(what, f"run: pip uninstall {name} && pip install --force-reinstall {OURS}"))
    return found or [ok("no other distribution stands in showup's packages")]


def foreign(distributions: Any) -> list[tuple[str, str]]:
    """(distribution, package) of every one that is not ours and owns `PACKAGE/__init__.py`."""
    taken = {f"{package}/__init__.py": package for package in PACKAGES}
    found = []
    for one in distributions:
        name = str(one.metadata["Name"] or "")
        if name.lower() == OURS:
            continue
        found += [(name, taken[file.as_posix()]) for file in one.files or () if file.as_posix() in taken]
    return sorted(found)


def people(catalog: Catalog) -> list[Finding]:
    """Everybody has something that can ring at night, and so has every level."""
    found = []
    wanted = called(catalog)
    for key, person in catalog.book.people.items():
        if catalog.book.wakes(key):
            found.append(ok(f"{person.name} can be rung at night, by {_by(person) if person.rings else 'PagerDuty'}"))
        else:
            say = fault if key in wanted else warn
            found.append(say(f"{person.name} has nothing that rings at night", 'add phone: ["ntfy:${secret:NAME}"]'))
    used = {entry.partition(":")[0] for key in wanted for entry in catalog.book.people[key].phone}
    found += [ok(f"{name}, through Do Not Disturb: {how}") for name, how in SILENCES.items() if name in used]
    if "ntfy" in used and not catalog.web.url:
        what = "a page by ntfy cannot be acknowledged on the phone, as nothing of showup can be reached from outside"
        found.append(warn(what, "add web: {url: https://…} with the address that leads to its port"))
    if not catalog.book.people:
        found.append(fault("there is nobody to wake", "add people: and a policy that names one of them"))
    for line in warnings(catalog):
        what, _, write = line.partition("; ")
        found.append(warn(what, write))
    return found


SILENCES = {
    "pushover": "iPhone: allow Critical Alerts in the app's settings; Android: let its emergency channel override it",
    "ntfy": "Android: Override Do Not Disturb for maximum priority; iPhone: allow Time Sensitive, add it to Focus",
    "slack": "no app can ring through it there, so Slack is never a phone",
}  # what a person has to allow, once, on their own phone


def called(catalog: Catalog) -> set[str]:
    """Everybody whom a policy that is used, or a rotation in it, may wake."""
    book = catalog.book
    names = {catalog.monitor_policy, *(probe.policy for probe in catalog.probes.values() if probe.scheduled)}
    targets = [parse_target(target) for name in names & book.policies.keys() for target in book.policies[name].targets]
    found = {target.name for target in targets if target.kind == "person"}
    turns = [target.name for target in targets if target.kind in ("on-call", "next")]
    found |= {key for name in turns if name in book.rotations for key in book.rotations[name].everybody}
    return found & book.people.keys()


def _by(person: Person) -> str:
    """Its phones, in order, with how long each waits."""
    said = []
    for number, entry in enumerate(person.phone):
        wait = person.waits(number)
        said.append(entry.partition(":")[0] + (f" after {say_duration(wait)}" if wait else ""))
    return ", ".join(said)


def outside(catalog: Catalog) -> list[Finding]:
    """Who notices when this whole machine is gone."""
    if catalog.dead_man:
        return [ok("an outside dead-man's switch is configured")]
    return [
        warn("nobody notices when this machine is gone", "add monitor: {dead_man: ${secret:PING}} with its address")
    ]


def daemon(folder: Path, ask: Callable[[], Mapping[str, Any]]) -> list[Finding]:
    """Whether the daemon answers, how it is, and when a phone was last tried; without it, nothing is opened."""
    from monitor.client import alive
    from probes.words.errors import ShowupError

    if not alive(folder):
        return [fault("the daemon does not run", "run: showup run, or sudo showup install")]
    try:
        found = ask()
    except ShowupError as error:
        return [fault(f"the daemon does not answer: {error}", "see: journalctl -u showup")]
    lines = [ok("the daemon answers")] + [fault(str(reason)) for reason in found.get("health") or ()]
    lines += _phones(found.get("phone_tests") or {}, found.get("at"))
    lines += _proved(found)
    waiting = found.get("undelivered") or []
    if waiting:
        lines.append(fault(f"{len(waiting)} messages are not delivered", "see: showup status"))
    return lines


def _proved(found: Mapping[str, Any]) -> list[Finding]:
    """The last self-test of each channel, the daily canary page, and runbooks that nobody rehearsed."""
    lines = []
    for name, one in (found.get("self_tests") or {}).items():
        when = ago(one.get("at"), found.get("at"))
        if one.get("ok"):
            lines.append(ok(f"the daemon spoke to {name} {when}"))
        else:
            lines.append(fault(f"the daemon cannot speak to {name}: {one.get('said')}", "see its lines above"))
    page = found.get("canary_page") or {}
    if page.get("configured") and page.get("outcome") == "failed":
        lines.append(fault(f"the canary page failed: {page.get('why')}", f"look at {page.get('through')}"))
    elif page.get("configured") and page.get("outcome") == "passed":
        lines.append(ok(f"the canary page came through {ago(page.get('at'), found.get('at'))}"))
    for one in found.get("rehearsed") or ():
        if one.get("due"):
            since = f"since {str(one['at'])[:10]}" if one.get("at") else "ever"
            what = f"the runbook of {one['title']} was not rehearsed {since}"
            lines.append(warn(what, f"run: showup drill {one['workflow']}"))
    return lines


def _phones(tests: Mapping[str, str], now: Any) -> list[Finding]:
    if not tests:
        return [warn("no phone was ever tried", "run: showup notify PERSON --test")]
    found = []
    for person, when in tests.items():
        said = ago(when, now) or when
        late = said.endswith("days ago") and float(said.partition(" ")[0]) > TESTED_LATELY
        write = f"run: showup notify {person} --test"
        found.append(warn(f"{person} was last tried {said}", write) if late else ok(f"{person} was tried {said}"))
    return found
