"""Every command stands in docs/cli.md, and none that does not exist."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest
import typer.main

from monitor.cli.commands import app
from monitor.cli.options import GROUPS

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


def test_help_has_the_headings_of_the_page_and_the_same_commands_under_each() -> None:
    parts = [part.partition("\n")[::2] for part in re.split(r"^## ", TEXT, flags=re.M)[1:]]
    titles = {heading: " ".join(re.findall(r"^### .*", text, re.M)) for heading, text in parts}
    page = {heading: set(re.findall(r"`showup ([a-z]+)", found)) for heading, found in titles.items() if found}
    assert {heading: set(names) for heading, names in GROUPS.items()} == page
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(COMMANDS)


def test_every_answer_of_the_daemon_has_its_drawing() -> None:
    folder = Path(__file__).parents[2] / "monitor" / "cli"
    named = {name for file in folder.glob("commands*.py") for name in re.findall(r'"(show\w*\.\w+)"', file.read_text())}
    assert len(named) > 20
    for name in named:
        module, _, draw = name.partition(".")
        assert callable(getattr(import_module(f"monitor.cli.{module}"), draw)), name


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_is_told(name: str) -> None:
    options = [opt for one in COMMANDS[name].params for opt in getattr(one, "opts", ()) if opt.startswith("--")]
    told = _sections()[name] + TEXT.partition("\n## ")[0]
    assert [opt for opt in options if opt not in told] == []
