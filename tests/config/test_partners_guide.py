"""The guide to partners agrees with the models, and what it shows can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitor.config.load import load_text
from probes import guide

GUIDE = Path(__file__).parents[2] / "docs" / "partners.md"
TEXT = GUIDE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def test_its_tables_are_up_to_date() -> None:
    assert guide.updated(TEXT) == TEXT, "run python -m probes.guide docs/partners.md"


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_what_it_shows_holds(block: str, tmp_path: Path) -> None:
    secrets = dict.fromkeys(re.findall(r"\$\{secret:(\w+)\}", block), "0123456789abcdef")
    assert load_text(block, secrets=secrets, folder=tmp_path).probes


def test_what_it_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert links and [link for link in links if not (GUIDE.parent / link).exists()] == []
