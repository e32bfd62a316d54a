"""What docs/providers.md shows holds as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitor.config.load import load_text

GUIDE = Path(__file__).parents[2] / "docs" / "providers.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_what_it_shows_holds(block: str, tmp_path: Path) -> None:
    secrets = dict.fromkeys(re.findall(r"\$\{secret:(\w+)\}", block), "0123456789abcdef")
    assert load_text(block, secrets=secrets, folder=tmp_path).probes


def test_the_first_has_a_canary_and_a_status_page() -> None:
    catalog = load_text(BLOCKS[0], secrets={"OPENAI": "0123456789abcdef"})
    assert "provider:openai/production/canary" in catalog.probes
    assert catalog.providers["openai"].status_page == "https://status.openai.com"
    assert catalog.probes["intake/production/books"].depends_on == ("openai",)
