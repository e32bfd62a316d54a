"""What a user installs is whole: every file of the four packages, the systemd units, the command, and nothing else."""

from __future__ import annotations

import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.ground import PACKAGES, ROOT, tracked


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel as hatchling builds it here, from what is installed."""
    place = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=90)
    assert built.returncode == 0, built.stderr
    return zipfile.ZipFile(next(place.glob("showup-*.whl")))


def _files_of(folder: str) -> set[str]:
    return {path.as_posix() for path in tracked() if path.parts[0] == folder}


def test_the_wheel_carries_every_file_of_the_four_packages(wheel: zipfile.ZipFile) -> None:
    wanted = set().union(*(_files_of(package) for package in PACKAGES))
    assert wanted - set(wheel.namelist()) == set()


def test_the_wheel_carries_the_systemd_units_as_shared_data(wheel: zipfile.ZipFile) -> None:
    shared = {name.partition(".data/data/")[2] for name in wheel.namelist() if ".data/data/" in name}
    assert {f"share/showup/{name}" for name in _files_of("systemd")} - shared == set()


def test_the_wheel_carries_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {Path(name).parts[0] for name in wheel.namelist()}
    ours = {*PACKAGES, *(top for top in tops if top.startswith("showup-") and top.endswith((".dist-info", ".data")))}
    assert tops - ours == set()
    assert [name for name in wheel.namelist() if name.endswith((".pyc", ".db", ".env"))] == []


def test_the_wheel_installs_the_showup_command(wheel: zipfile.ZipFile) -> None:
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt"))
    entries = configparser.ConfigParser()
    entries.read_string(wheel.read(name).decode())
    assert entries["console_scripts"]["showup"] == "monitor.cli:main"
