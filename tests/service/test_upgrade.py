"""A new version: a copy of the record first, then the restart, and the way back when it does not come up."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest

from monitor.service import layout
from monitor.service.upgrade import run_upgrade
from tests.service.machine import Machine, machine

CONFIG = layout.CONFIG / "showup.yaml"
COPY = layout.STATE / "backups" / "upgrade-20261123T040000Z.db"


@pytest.fixture
def host(tmp_path: Path) -> Machine:
    """A machine on which version 0.0.9 runs, with a record."""
    host = machine(tmp_path)
    host.write(layout.INSTALLED, json.dumps({"version": "0.0.9", "prefix": "/opt/showup"}))
    host.write(CONFIG, "workflows: {}\n")
    host.write(layout.STATE / "showup.db", "the record, version 9")

    def copy() -> str:
        host.write(COPY, host.at(layout.STATE / "showup.db").read_bytes())
        return str(COPY)

    host.copies = copy
    return host


def test_a_version_that_comes_up_is_written_down(host: Machine) -> None:
    assert run_upgrade(dry_run=False, host=host) == 0
    assert host.commands == ["systemctl daemon-reload", "systemctl restart showup.service"]
    assert json.loads(host.at(layout.INSTALLED).read_text())["version"] == version("showup")
    assert str(COPY) in host.said[-1]
    assert host.exists(layout.SYSTEMD / "showup.service")


def test_a_version_that_does_not_come_up_is_taken_back(host: Machine) -> None:
    host.status = {"health": ["the engine does not beat"], "workflows": []}
    record = host.at(layout.STATE / "showup.db")

    def restart(command: str) -> int:
        if command == "systemctl restart showup.service":
            record.write_text("migrated by the new version")
            record.with_name("showup.db-wal").write_text("more of it")
        return 0

    host.answers = restart
    assert run_upgrade(dry_run=False, host=host) == 1
    assert record.read_text() == "the record, version 9"
    assert not record.with_name("showup.db-wal").exists()
    assert record.with_name("failed-upgrade.db").read_text() == "migrated by the new version"
    assert host.commands[-2:] == [
        "systemctl stop showup.service",
        "chown -h showup:showup /var/lib/showup/showup.db",
    ]
    assert any("SHOWUP IS STOPPED" in line for line in host.said)
    assert any("pip install showup==0.0.9" in line for line in host.said)
    assert json.loads(host.at(layout.INSTALLED).read_text())["version"] == "0.0.9"


def test_a_version_that_came_from_a_file_goes_back_to_that_file(host: Machine) -> None:
    known = {"version": "0.0.9", "prefix": "/opt/showup", "source": "file:///srv/showup-0.0.9-py3-none-any.whl"}
    host.write(layout.INSTALLED, json.dumps(known))
    host.status = None
    assert run_upgrade(dry_run=False, host=host) == 1
    assert "    /opt/showup/bin/pip install file:///srv/showup-0.0.9-py3-none-any.whl" in host.said


def test_a_restart_that_fails_is_taken_back_too(host: Machine) -> None:
    host.answers = lambda command: int(command == "systemctl restart showup.service")
    assert run_upgrade(dry_run=False, host=host) == 1
    assert host.at(layout.STATE / "showup.db").read_text() == "the record, version 9"


def test_without_a_copy_nothing_is_restarted(host: Machine) -> None:
    host.copies = None
    host.answers = lambda command: int(command.startswith("runuser"))
    assert run_upgrade(dry_run=False, host=host) == 3
    assert "systemctl restart showup.service" not in host.commands


def test_the_daemons_word_names_a_file_and_never_a_place(host: Machine) -> None:
    host.status = None
    host.copies = lambda: "/etc/shadow"
    assert run_upgrade(dry_run=False, host=host) == 1
    assert any("could not be put back" in line for line in host.said)
    assert not any("/etc/shadow" in line for line in [*host.said, *host.commands])


def test_a_dry_run_changes_nothing(host: Machine, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    host.dry = True
    assert run_upgrade(dry_run=True, host=host) == 0
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert host.commands == []


def test_a_dry_run_tells_the_same_steps(host: Machine) -> None:
    host.dry = True
    run_upgrade(dry_run=True, host=host)
    told, host.steps, host.dry = host.steps, [], False
    run_upgrade(dry_run=False, host=host)
    assert host.steps == told


def test_another_copy_of_the_program_is_sent_to_the_right_one(tmp_path: Path) -> None:
    host = machine(tmp_path, prefix=Path("/usr/local/venv"))
    host.write(layout.INSTALLED, json.dumps({"version": "0.0.9", "prefix": "/opt/showup"}))
    assert run_upgrade(dry_run=False, host=host) == 3
    assert "/opt/showup/bin/showup upgrade" in host.said[-1]


def test_where_nothing_is_installed_nothing_is_upgraded(tmp_path: Path) -> None:
    host = machine(tmp_path)
    assert run_upgrade(dry_run=False, host=host) == 3
    assert "sudo showup install" in host.said[-1]


@pytest.fixture
def elsewhere(host: Machine) -> Path:
    """A record on a disk of its own, and an old one that was left behind in the state folder."""
    place = Path("/srv/record/showup.db")
    host.write(CONFIG, f"store: sqlite:///{place}\nworkflows: {{}}\n")
    host.write(place, "the record elsewhere, version 9")
    host.write(layout.STATE / "showup.db", "left behind")

    def copy() -> str:
        host.write(COPY, host.at(place).read_bytes())
        return str(COPY)

    host.copies = copy
    return place


def test_a_record_elsewhere_is_taken_back_there(host: Machine, elsewhere: Path) -> None:
    record = host.at(elsewhere)

    def restart(command: str) -> int:
        if command == "systemctl restart showup.service":
            record.write_text("migrated by the new version")
        return 0

    host.answers, host.status = restart, None
    assert run_upgrade(dry_run=False, host=host) == 1
    assert record.read_text() == "the record elsewhere, version 9"
    assert record.with_name("failed-upgrade.db").read_text() == "migrated by the new version"
    assert host.commands[-1] == f"chown -h showup:showup {elsewhere}"
    assert host.at(layout.STATE / "showup.db").read_text() == "left behind"


def test_a_record_elsewhere_is_copied_while_the_daemon_is_stopped(host: Machine, elsewhere: Path) -> None:
    host.copies = None
    host.at(layout.STATE / "showup.db").unlink()
    host.prints = lambda command: f"{COPY}\n" if command.startswith("runuser") else ""
    assert run_upgrade(dry_run=False, host=host) == 0
    copying = next(line for line in host.commands if line.startswith("runuser"))
    assert f"SHOWUP_CONFIG={host.at(CONFIG)}" in copying  # and never one that lies where the operator stands
    assert str(COPY) in host.said[-1]


@pytest.fixture
def postgres(host: Machine) -> Machine:
    host.write(CONFIG, "store: postgresql://showup@db.example.com/showup\nworkflows: {}\n")
    host.copies = None
    return host


def test_a_record_in_postgresql_waits_for_a_word(postgres: Machine) -> None:
    assert run_upgrade(dry_run=False, host=postgres) == 3
    assert postgres.commands == []
    for words in ("postgresql+psycopg://showup@db.example.com/showup", "pg_dump", "--without-copy"):
        assert words in postgres.said[-1]


def test_a_record_in_postgresql_is_upgraded_when_told(postgres: Machine) -> None:
    assert run_upgrade(dry_run=False, without_copy=True, host=postgres) == 0
    assert postgres.commands == ["systemctl daemon-reload", "systemctl restart showup.service"]
    assert "no copy was made" in postgres.said[-1]


def test_what_is_left_of_a_database_without_a_copy_is_said(postgres: Machine) -> None:
    postgres.status = None
    assert run_upgrade(dry_run=False, without_copy=True, host=postgres) == 1
    assert any("there is no copy of ours" in line for line in postgres.said)
    assert postgres.at(layout.STATE / "showup.db").read_text() == "the record, version 9"


def test_a_configuration_that_is_no_yaml_says_as_the_last_good_one_did(host: Machine, elsewhere: Path) -> None:
    good = host.at(CONFIG).read_bytes()
    host.write(layout.STATE / "last-good" / "showup.yaml", good)
    host.write(CONFIG, "workflows: [\n")
    host.status = None
    assert run_upgrade(dry_run=False, host=host) == 1
    assert host.at(elsewhere).with_name("failed-upgrade.db").exists()
