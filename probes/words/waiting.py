"""How long is waited between the attempts of a run: 5 s, doubled, with jitter."""

from __future__ import annotations

from probes.words.units import SECOND

FIRST_WAIT = 5 * SECOND
JITTER = 0.2  # share of the wait, either way


def wait_after(made: int, chance: float) -> int:
    """µs to wait after attempt number `made`; `chance` is uniform in 0..1."""
    return int(FIRST_WAIT * 2 ** (made - 1) * (1 + JITTER * (2 * chance - 1)))


def waits(attempts: int) -> int:
    """The longest that all waits of a run can take, µs."""
    return sum(wait_after(made, 1.0) for made in range(1, attempts))
