"""The units as systemd reads them: silent under verify, hardened, and still letting hosts of scripts do their work."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.service.kit import UNITS

ALL = sorted(path.name for path in UNITS.iterdir())
EXPOSURE = {"showup.service": 1.5, "showup-failure@.service": 1.5, "showup-backup.service": 1.0}
# What the keeper, its hosts and the children of scripts call.
NEEDED = {
    "setsid", "prctl", "setpriority", "sched_setscheduler", "prlimit64", "setrlimit", "clone", "clone3", "fork",
    "execve", "wait4", "waitid", "kill", "flock", "fsync", "pidfd_open",
}  # fmt: skip


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    """Ask systemd's own tool; it needs no running systemd."""
    command = ["systemd-analyze", "--no-pager", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def calls_of(group: str) -> set[str]:
    """The system calls of a group, its groups' too."""
    found: set[str] = set()
    for line in analyze("syscall-filter", group).stdout.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            found |= calls_of(word)
        elif word and not word.startswith("#"):
            found.add(word)
    return found


def settings(name: str) -> list[tuple[str, str]]:
    """Every `Key=value` of a unit, in order; a key may stand twice."""
    lines = (UNITS / name).read_text().splitlines()
    return [(key, value) for key, found, value in (line.partition("=") for line in lines) if found and key[0] != "#"]


def test_the_tool_is_here_and_the_units_are_there() -> None:
    assert shutil.which("systemd-analyze")
    assert {"showup.service", "showup-failure@.service", "showup-backup.service", "showup-backup.timer"} <= set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_verify_has_nothing_to_say(name: str) -> None:
    found = analyze("verify", str(UNITS / name))
    assert (found.stdout, found.stderr) == ("", "")  # its exit code is 0 for an unknown key too


def test_verify_would_speak_up_about_a_wrong_key(tmp_path: Path) -> None:
    text = (UNITS / "showup.service").read_text().replace("WatchdogSec=", "WatchdogSecs=")
    (tmp_path / "showup.service").write_text(text)
    assert "WatchdogSecs" in analyze("verify", str(tmp_path / "showup.service")).stderr


@pytest.mark.parametrize("name", sorted(EXPOSURE))
def test_a_unit_is_as_little_exposed_as_the_docs_say(name: str) -> None:
    told = analyze("security", "--offline=true", str(UNITS / name)).stdout
    figure = re.search(r"Overall exposure level for .*: ([0-9.]+)", told)
    assert figure is not None, told
    assert float(figure[1]) <= EXPOSURE[name]


def test_hosts_of_scripts_may_call_what_they_need() -> None:
    allowed: set[str] = set()
    for key, value in settings("showup.service"):
        if key == "SystemCallFilter":
            groups = set().union(*(calls_of(group) for group in value.removeprefix("~").split()))
            allowed = allowed - groups if value.startswith("~") else allowed | groups
    assert allowed
    assert NEEDED - allowed == set()


def test_the_daemon_is_restarted_for_ever_and_watched() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(UNITS / "showup.service")
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    wanted = {"Type": "notify", "NotifyAccess": "main", "WatchdogSec": "30", "Restart": "always", "RestartSec": "2"}
    assert {key: unit["Service"][key] for key in wanted} == wanted
    assert unit["Service"]["OOMPolicy"] == "continue"


def test_only_the_daemon_is_told_to_end_so_that_it_can_drain() -> None:
    assert ("KillMode", "mixed") in settings("showup.service")


@pytest.mark.parametrize("name", sorted(EXPOSURE))
def test_the_journal_knows_every_line_by_our_name(name: str) -> None:
    assert ("SyslogIdentifier", "showup") in settings(name)


def test_exits_are_counted_before_the_page_is_looked_for() -> None:
    after = [value for key, value in settings("showup.service") if key == "ExecStopPost"]
    assert "monitor.service.stopped count" in after[0]
    assert "showup-failure@%n.service" in after[1]
    assert after[1].startswith("-+")
    assert not after[0].startswith("-+")
