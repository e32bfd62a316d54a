"""Hostile targets: the figures and the table."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

from bench.figure import Figure
from tests.conformance.hostile import ATTACKS, DEADLINE, GRACE, MEMORY, Arena, Survived, unsafe_in
from tests.conformance.page import Page, cell, seconds, table

ABOUT = f"""\
Each of these tries to hurt whoever asks. Attempts had {DEADLINE:g} s; memory is by how much the probe host grew at its
worst moment.
"""


async def look() -> list[Survived]:
    """Every attack, one after another."""
    async with Arena() as arena:
        return [await arena.face(attack) for attack in ATTACKS]


def figures(page: Page) -> Iterator[Figure]:
    """How many were survived as they have to be, the latest end, the most memory, and what was shown unencoded."""
    seen = asyncio.run(look())
    page.add("Hostile targets", ABOUT + "\n" + _table(seen))
    for one in seen:
        for fault in one.faults():
            print(f"{one.attack.name}: {fault} ({one.reply.sentence})", file=sys.stderr)
    yield Figure("hostile_right", sum(not one.faults() for one in seen), least=len(seen))
    yield Figure("hostile_latest_end", max(one.seconds for one in seen), "s", most=DEADLINE + GRACE)
    yield Figure("hostile_memory", max(one.grown for one in seen) / 1e6, "MB", most=MEMORY / 1e6)
    unsafe = sum(bool(unsafe_in([one.reply.evidence, one.reply.sentence])) for one in seen)
    yield Figure("hostile_shown_unencoded", unsafe, most=0)


def _table(seen: list[Survived]) -> str:
    rows = [
        [
            one.attack.name,
            f"`{one.reply.failure}`",
            seconds(one.seconds),
            f"{max(0.0, one.grown) / 1e6:.1f} MB",
            cell(_without_port(one.reply.sentence)[:120]),
        ]
        for one in seen
    ]
    return table(["the target sends", "showup says", "ends after", "memory", "in words"], rows)


def _without_port(text: str) -> str:
    head, found, rest = text.partition("127.0.0.1:")
    return f"{head}the target{rest.lstrip('0123456789')}" if found else text
