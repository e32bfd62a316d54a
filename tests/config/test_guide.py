"""The guide to the configuration agrees with the models, and what it shows can be read."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from monitor.config import guide
from monitor.config.defaults import SHARED
from monitor.config.load import load_text
from monitor.config.schema import json_schema
from monitor.config.sections import TOP
from monitor.config.words import MEANINGS
from probes import guide as of_probes
from probes.guide import updated

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "config.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


def test_its_tables_are_up_to_date() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert updated(text, guide.TABLES) == text, "run python -m monitor.config.guide docs/config.md"


def test_no_table_is_left_out() -> None:
    shown = re.findall(r"<!-- table: ([a-z-]+) -->", GUIDE.read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(guide.TABLES)


def test_every_section_has_its_chapter() -> None:
    chapters = re.findall(r"^### (.+)$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(chapters) == sorted([*TOP, "probes"])


def test_every_key_of_the_schema_stands_in_it() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    found = {name for part in json_schema()["$defs"].values() for name in part.get("properties", {})}
    of_sections = {name for name in found if f"| `{name}` |" in text}
    assert {
        "url",
        "hours",
        "dead_man",
        "routing_key",
        "endpoints",
        "sign",
        "was",
        "fallback",
        "max_tokens",
    } <= of_sections
    assert all(f"`{name}`" in text for name in SHARED)


def test_no_word_is_for_a_key_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = set[str]()

    class Watched(dict[str, str]):
        def __getitem__(self, name: str) -> str:
            asked.add(name)
            return super().__getitem__(name)

        def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
            asked.add(name)
            return super().get(name, default)

    monkeypatch.setattr(guide, "MEANINGS", Watched(MEANINGS))
    for made in guide.TABLES.values():
        made()
    assert set(MEANINGS) - asked == set()


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_what_it_shows_holds(block: str, tmp_path: Path) -> None:
    secrets = dict.fromkeys(re.findall(r"\$\{secret:(\w+)\}", block), "0123456789abcdef")
    assert load_text(block, secrets=secrets, folder=tmp_path).probes


def test_it_shows_something() -> None:
    assert len(BLOCKS) >= 3
    assert all("workflows" in yaml.safe_load(block) for block in BLOCKS)


def test_what_it_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", GUIDE.read_text(encoding="utf-8"))
    assert links and [link for link in links if not (GUIDE.parent / link).exists()] == []


def test_the_command_renews_it(tmp_path: Path) -> None:
    copy = tmp_path / "config.md"
    shutil.copy(GUIDE, copy)
    copy.write_text(re.sub(r"\| `dead_man` .*\n", "", copy.read_text(encoding="utf-8")), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "monitor.config.guide", str(copy)], cwd=ROOT, check=True, timeout=60)
    assert copy.read_text(encoding="utf-8") == GUIDE.read_text(encoding="utf-8")


def test_a_table_that_there_is_not_is_an_error() -> None:
    with pytest.raises(KeyError, match="nothing"):
        updated("<!-- table: nothing -->\n<!-- end -->", guide.EVERY)


def test_each_table_of_every_page_is_made_by_one_guide_and_shown_once() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md")))
    shown = re.findall(r"<!-- table: ([a-z-]+) -->", pages)
    assert sorted(shown) == sorted(guide.EVERY)
    assert len(guide.EVERY) == len(guide.TABLES) + len(of_probes.TABLES)
