"""What docs/delivery.md says of faults is what the channels do."""

from __future__ import annotations

from pathlib import Path

from tests import faults

DOC = Path(__file__).parents[2] / "docs" / "delivery.md"


async def test_the_table_of_faults_is_what_the_channels_do() -> None:
    said = [
        line for line in DOC.read_text().splitlines() if line.startswith(tuple(f"| {row} |" for row in faults.ROWS))
    ]
    found = (await faults.table()).splitlines()[2:]
    assert said == found, "renew it: python -m tests.faults"
