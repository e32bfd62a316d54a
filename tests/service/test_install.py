"""Installing on a machine under a temporary folder: what lies where, with which rights, and what is only told."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from monitor.service import layout
from monitor.service.install import put_units, run_install, run_uninstall
from monitor.service.ready import judge
from probes.words.errors import ConfigError
from tests.service.kit import KEY, UNITS, config_text
from tests.service.machine import NIGHT, Machine, machine

SECRETS = {"HOOK": KEY, "FIRST": "first-rings"}


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A configuration with a runbook and secrets in .env."""
    folder = tmp_path / "mine"
    (folder / "runbooks" / "__pycache__").mkdir(parents=True)
    (folder / "runbooks" / "site.md").write_text("1. Look at the site.\n")
    (folder / "runbooks" / "__pycache__" / "x.pyc").write_text("")
    text = config_text("https://hook.example.com").replace("site: {url:", "site: {runbook: runbooks/site.md, url:")
    (folder / "showup.yaml").write_text(text + f"publish: {{to: [{layout.STATE}-pages]}}\n")
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in SECRETS.items()))
    (folder / ".env").chmod(0o600)
    return folder / "showup.yaml"


@pytest.fixture
def host(tmp_path: Path) -> Machine:
    return machine(tmp_path / "machine")


def everything(root: Path) -> set[str]:
    """Every file of the machine, as an absolute path on it."""
    return {f"/{path.relative_to(root)}" for path in root.rglob("*") if path.is_file()}


def mode(host: Machine, path: Path) -> int:
    return stat.S_IMODE(host.at(path).stat().st_mode)


def test_everything_lies_where_the_units_look_for_it(given: Path, host: Machine) -> None:
    assert run_install(given, dry_run=False, host=host) == 0
    assert everything(host.root) == {
        "/etc/showup/showup.yaml",
        "/etc/showup/runbooks/site.md",
        "/etc/showup/installed.json",
        "/etc/showup/credentials/FIRST",
        "/etc/showup/credentials/HOOK",
        *(f"/etc/systemd/system/{unit.name}" for unit in UNITS.iterdir()),
        "/etc/systemd/system/showup.service.d/10-credentials.conf",
        "/etc/systemd/system/showup.service.d/20-folders.conf",
        "/etc/systemd/system/showup-failure@.service.d/10-credentials.conf",
        "/usr/local/bin/showup",
    }
    assert "a first run was good" in host.said[-1]
    assert host.commands[-3:] == [
        "systemctl daemon-reload",
        "systemctl enable showup.service showup-backup.timer",
        "systemctl restart showup.service showup-backup.timer",
    ]


def test_secrets_are_files_for_root_alone_and_nothing_else_holds_them(given: Path, host: Machine) -> None:
    run_install(given, dry_run=False, host=host)
    assert mode(host, layout.CREDENTIALS) == 0o700
    for name, value in SECRETS.items():
        assert mode(host, layout.CREDENTIALS / name) == 0o600
        assert host.at(layout.CREDENTIALS / name).read_text() == value
    others = [path for path in everything(host.root) if "/credentials/" not in path]
    held = [path for path in others for value in SECRETS.values() if value in host.at(path).read_text()]
    assert held == []
    assert [line for line in [*host.said, *host.commands] for value in SECRETS.values() if value in line] == []
    dropin = host.at(layout.dropin("showup.service", "10-credentials")).read_text()
    assert "LoadCredential=HOOK:/etc/showup/credentials/HOOK" in dropin


def test_the_configuration_can_be_read_by_the_service_and_by_no_other(given: Path, host: Machine) -> None:
    run_install(given, dry_run=False, host=host)
    assert (mode(host, layout.CONFIG), mode(host, layout.CONFIG / "runbooks")) == (0o750, 0o750)
    assert mode(host, layout.CONFIG / "showup.yaml") == 0o640
    changes = host.commands
    assert changes.index("chown -R root:showup /etc/showup") < changes.index(
        "chown -R root:root /etc/showup/credentials"
    )


def test_a_dry_run_tells_the_same_steps_and_changes_nothing(given: Path, host: Machine, tmp_path: Path) -> None:
    dry = machine(tmp_path / "other", dry=True, root_user=False)
    assert run_install(given, dry_run=True, host=dry) == 0
    run_install(given, dry_run=False, host=host)
    assert dry.steps == host.steps
    assert everything(dry.root) == set()
    assert dry.changed == []
    told = [line.strip().removeprefix("$ ") for line in dry.said]
    assert [command for command in host.changed if command not in told] == []
    assert [value for value in SECRETS.values() if any(value in line for line in dry.said)] == []


def test_a_record_elsewhere_gets_its_folder_and_both_units_may_write_there(given: Path, host: Machine) -> None:
    given.write_text(given.read_text() + "store: sqlite:////srv/record/showup.db\n")
    assert run_install(given, dry_run=False, host=host) == 0
    assert mode(host, Path("/srv/record")) == 0o700
    assert "chown showup:showup /srv/record" in host.commands
    for unit in (layout.SERVICE, layout.BACKUP):
        assert "ReadWritePaths=-/srv/record" in host.at(layout.dropin(unit, "20-folders")).read_text()
    given.write_text(given.read_text().replace("store:", "# store:").replace("publish:", "# publish:"))
    assert run_install(given, dry_run=False, host=host) == 0
    assert not any("20-folders" in path for path in everything(host.root))


def test_who_is_not_root_is_told_what_to_write(given: Path, tmp_path: Path) -> None:
    host = machine(tmp_path / "m", root_user=False)
    assert run_install(given, dry_run=False, host=host) == 3
    assert "sudo showup install" in host.said[-1]
    assert everything(host.root) == set()


def test_a_machine_without_systemd_is_left_alone(given: Path, tmp_path: Path) -> None:
    host = Machine(tmp_path)
    host.systemd = False
    before = everything(tmp_path)
    assert run_install(given, dry_run=False, host=host) == 3
    assert "systemd does not run this machine" in host.said[-1]
    assert everything(tmp_path) == before


def test_a_missing_secret_stops_it_before_anything_is_done(given: Path, host: Machine) -> None:
    (given.parent / ".env").unlink()
    with pytest.raises(ConfigError, match="secret HOOK is not set"):
        run_install(given, dry_run=False, host=host)
    assert host.commands == []


def test_a_command_that_fails_is_told_in_a_sentence(given: Path, host: Machine) -> None:
    host.answers = lambda command: 1 if command.startswith(("useradd", "getent")) else 0
    assert run_install(given, dry_run=False, host=host) == 3
    assert "useradd says no" in host.said[-1]


def test_a_program_that_the_service_cannot_see_is_put_into_opt(given: Path, tmp_path: Path) -> None:
    host = machine(tmp_path / "m", prefix=Path("/home/ana/venv"))
    run_install(given, dry_run=False, host=host)
    assert "/usr/bin/python3 -m venv /opt/showup" in host.commands
    assert any(line.startswith("/opt/showup/bin/pip install") for line in host.commands)
    assert "exec /opt/showup/bin/showup" in host.at(layout.COMMAND).read_text()


def test_installing_again_keeps_what_was_changed_by_hand(given: Path, host: Machine) -> None:
    run_install(given, dry_run=False, host=host)
    host.at(layout.CONFIG / "showup.yaml").write_text("# by hand\n")
    host.answers = lambda command: 0
    assert run_install(given, dry_run=False, host=host) == 0
    assert host.at(layout.CONFIG / "showup.yaml.old").read_text() == "# by hand\n"
    assert sum(line.startswith("useradd") for line in host.commands) == 1


def test_a_daemon_that_never_answers_is_said_to_be_silent(given: Path, host: Machine) -> None:
    host.status = None
    assert run_install(given, dry_run=False, host=host) == 1
    assert "does not answer" in host.said[-1]
    assert host.waited == 90


def test_uninstalling_takes_the_service_and_keeps_the_data(given: Path, host: Machine) -> None:
    run_install(given, dry_run=False, host=host)
    host.at(layout.STATE / "showup.db").write_text("the record")
    own = host.at(layout.SYSTEMD / "showup.service.d" / "50-memory.conf")
    own.write_text("[Service]\nMemoryMax=1G\n")
    assert run_uninstall(dry_run=False, host=host) == 0
    left = everything(host.root)
    assert {path for path in left if path.startswith("/etc/systemd")} == {
        "/etc/systemd/system/showup.service.d/50-memory.conf"
    }
    assert {"/var/lib/showup/showup.db", "/etc/showup/showup.yaml", "/etc/showup/credentials/HOOK"} <= left
    assert not any(host.exists(f"{layout.SYSTEMD / unit}.d") for unit in (layout.FAILURE, layout.BACKUP))
    assert "/usr/local/bin/showup" not in left
    assert any("/var/lib/showup" in line and "kept" in line for line in host.said)


def test_uninstalling_says_where_a_record_elsewhere_stays(given: Path, host: Machine) -> None:
    given.write_text(given.read_text() + "store: sqlite:////srv/record/showup.db\n")
    run_install(given, dry_run=False, host=host)
    assert run_uninstall(dry_run=False, host=host) == 0
    assert any("the record in /srv/record/showup.db" in line for line in host.said)
    assert not host.exists(f"{layout.SYSTEMD / layout.BACKUP}.d")
    host.write(layout.CONFIG / "showup.yaml", "store: oracle://nowhere\n")
    assert run_uninstall(dry_run=False, host=host) == 0


@pytest.mark.parametrize(
    ("state", "started", "good"),
    [
        ("up", "2026-11-23T04:00:00+00:00", True),
        ("degraded", "2026-11-23T04:00:01+00:00", True),
        ("down", "2026-11-23T04:00:01+00:00", False),
        ("up", "2026-11-23T03:59:59+00:00", False),
    ],
)
def test_only_a_run_that_passed_since_the_start_is_a_good_first_run(state: str, started: str, good: bool) -> None:
    last = {"started": started, "state": state}
    found = judge({"health": [], "workflows": [{"probes": [{"last": last}, {"last": None}]}]}, since=NIGHT)
    assert (found.up, found.good) == (True, good)


def test_a_daemon_that_is_not_well_is_not_up() -> None:
    found = judge({"health": ["no probe host runs"], "workflows": []}, since=NIGHT)
    assert (found.up, found.sentence) == (False, "the daemon answers and is not well: no probe host runs")


def test_the_units_are_found_from_a_checkout() -> None:
    assert {unit.name for unit in layout.units()} == {path.name for path in UNITS.iterdir()}
    assert os.access(layout.units()[0], os.R_OK)


def test_systemd_has_nothing_to_say_about_units_with_the_drop_ins_that_were_written(
    given: Path, tmp_path: Path
) -> None:
    host = machine(tmp_path / "m")
    run_install(given, dry_run=False, host=host)
    put_units(host, Path("/usr/local"))  # a program elsewhere than in /opt: the third drop-in
    units = host.at(layout.SYSTEMD)
    assert (units / "showup.service.d" / "05-program.conf").exists()
    for unit in sorted(units.glob("showup*.*")):
        if unit.is_file():
            command = ["systemd-analyze", "--no-pager", "verify", str(unit)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
            assert (done.stdout, done.stderr) == ("", "")
    dropin = units / "showup.service.d" / "10-credentials.conf"
    dropin.write_text(dropin.read_text().replace("LoadCredential=", "LoadCredentials="))
    command = ["systemd-analyze", "--no-pager", "verify", str(units / "showup.service")]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stderr
    assert "LoadCredentials" in said  # so the drop-ins were really read
