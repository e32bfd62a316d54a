"""`make dst`: every zone whose clocks change × handoff times × shift lengths; `name value aim`, 1 when short."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor

from tests.dst.matrix import Checked, check, zones


def main() -> int:
    """Check all zones, on all cores; 0 when there was one primary at every instant."""
    total = Checked()
    names = zones()
    with ProcessPoolExecutor() as pool:
        for number, found in enumerate(pool.map(check, names, chunksize=4), start=1):
            total.add(found)
            if sys.stderr.isatty():
                print(f"\r{number} of {len(names)} zones", end="", file=sys.stderr, flush=True)
    for name in ("zones", "combinations", "instants", "handoffs"):
        print(f"{name} {getattr(total, name)} -")
    for said, found in (
        ("without_a_primary", total.nobody),
        ("two_primaries", total.unlike),
        ("handed_over_wrong", total.late),
    ):
        print(f"{said} {len(found)} 0")
        print(*found[:20], sep="\n", end="\n" if found else "", file=sys.stderr)
    return 1 if total.nobody or total.unlike or total.late else 0


if __name__ == "__main__":
    raise SystemExit(main())
