"""No file tells where it was written, and the README stays one that is read."""

from __future__ import annotations

import re
from pathlib import Path

from tests.house.ground import ROOT, text_of, tracked

# Put together here, so that this file passes its own test.
REGISTRIES = tuple(f"{host}.org" for host in ("pypi", "files.pythonhosted", "registry.npmjs", "deb.debian"))
# A checkout right under one of these says nothing about the machine: files may name such a folder for good reasons.
EVERYBODYS = {Path("/"), Path("/home"), Path("/opt"), Path("/root"), Path("/srv"), Path("/tmp"), Path("/var/tmp")}


def machine_path(root: Path) -> str:
    """The path that gives the author's machine away: the folder above the checkout, or the checkout's own."""
    return str(root if root.parent in EVERYBODYS else root.parent)


def _mentions(pattern: str) -> list[str]:
    found = []
    for path in tracked():
        for number, line in enumerate((text_of(path) or "").splitlines(), start=1):
            if re.search(pattern, line):
                found.append(f"{path}:{number}: {line.strip()[:100]}")
    return found


def test_no_file_carries_a_path_of_the_machine_it_was_written_on() -> None:
    assert _mentions(rf"(?<![\w.]){re.escape(machine_path(ROOT))}(?![\w.-])") == []


def test_the_machine_path_is_the_folder_above_unless_everybody_has_it() -> None:
    assert machine_path(Path("/data/ana/showup")) == "/data/ana"
    assert machine_path(Path("/opt/showup")) == "/opt/showup"


def test_no_file_names_the_host_of_a_package_registry() -> None:
    assert _mentions("|".join(re.escape(host) for host in REGISTRIES)) == []


def test_the_readme_is_at_most_two_hundred_lines() -> None:
    readme = text_of(Path("README.md")) if (ROOT / "README.md").exists() else ""
    assert readme is not None
    assert len(readme.splitlines()) <= 200


def test_nothing_waits_in_a_way_that_may_swallow_its_cancellation() -> None:
    """Before Python 3.12 `asyncio.wait_for` does when both come at once, and a stop then waits for ever."""
    ours = [line for line in _mentions(r"asyncio\.wait_for\(") if line.startswith(("monitor/", "alerts/", "probes/"))]
    assert ours == []
