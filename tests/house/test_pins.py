"""What is installed is named by name and version alone, and all of it is named."""

from __future__ import annotations

import re
import tomllib
from collections import Counter

from tests.house.ground import ROOT

PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([0-9][A-Za-z0-9.!+_-]*)")


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _lines() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_pins_carry_no_address() -> None:
    assert "://" not in (ROOT / "constraints.txt").read_text()


def test_a_pin_is_a_name_and_a_version_and_nothing_else() -> None:
    assert [line for line in _lines() if not PIN.fullmatch(line)] == []


def test_nothing_is_pinned_twice() -> None:
    names = Counter(_plain(line.partition("==")[0]) for line in _lines())
    assert [name for name, times in names.items() if times > 1] == []


def test_everything_the_project_asks_for_is_pinned() -> None:
    pinned = {_plain(line.partition("==")[0]) for line in _lines()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = list(project["build-system"]["requires"]) + list(project["project"]["dependencies"])
    for extra in project["project"]["optional-dependencies"].values():
        asked += extra
    names = {_plain(re.split(r"[\[<>=!~; ]", one, maxsplit=1)[0]) for one in asked}
    assert names - pinned == set()
