"""Every command stands in docs/cli.md, and none that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from monitor.cli.commands import app

TEXT = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def _sections() -> dict[str, str]:
    found = {}
    for part in re.split(r"^### ", TEXT, flags=re.M)[1:]:
        for name in re.findall(r"`showup ([a-z]+)", part.partition("\n")[0]):
            found[name] = part.partition("\n## ")[0]
    return found


def test_every_command_has_its_section_and_every_section_its_command() -> None:
    assert set(_sections()) == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_is_told(name: str) -> None:
    options = [opt for one in COMMANDS[name].params for opt in getattr(one, "opts", ()) if opt.startswith("--")]
    told = _sections()[name] + TEXT.partition("\n## ")[0]
    assert [opt for opt in options if opt not in told] == []
