"""`python -m bench [NAME…] [--rounds N] [--quick]`: each figure on a line with its aim; 1 when any is short."""

from __future__ import annotations

import argparse
import signal
import time
from collections.abc import Mapping
from importlib import import_module

from bench.figure import Measure, Scale

MEASURES: Mapping[str, str] = {
    "cost": "bench.load:cost",
    "lateness": "bench.load:lateness",
    "slow": "bench.load:slow_target",
    "overload": "bench.overload:overload",
    "memory": "bench.scripts:memory",
    "loops": "bench.scripts:loops",
    "record": "bench.record:record",
    "pages": "bench.pages:pages",
    "paging": "bench.paging:paging",
    "storm": "bench.storm:storm",
    "overdue": "bench.storm:overdue",
    "slack": "bench.storm:slack_slow",
    "chat": "bench.streams:chat",
    "streams": "bench.streams:streams",
    "start": "bench.start:start",
    "peers": "bench.peers:peers",
}


def main() -> int:
    """Run what is named, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASURES))
    parser.add_argument("--rounds", type=int, default=3, help="rounds of what is compared side by side (3)")
    parser.add_argument("--quick", action="store_true", help="short windows and one round: a glance, not a judgement")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was started is stopped
    if unknown := sorted(set(given.names) - MEASURES.keys()):
        parser.error(f"there is no figure {unknown[0]}; write {', '.join(MEASURES)}")
    scale = Scale(1, 8.0, quick=True) if given.quick else Scale(max(1, given.rounds))
    short = 0
    for name in given.names or MEASURES:
        module, _, function = MEASURES[name].partition(":")
        measure: Measure = getattr(import_module(module), function)
        began = time.monotonic()
        try:
            for figure in measure(scale):
                short += figure.is_short
                print(figure.line(), flush=True)
        except (RuntimeError, OSError, AssertionError) as error:
            short += 1
            print(f"{name:<34} could not be measured: {error}", flush=True)
        print(f"  {name} took {time.monotonic() - began:.0f} s", flush=True)
    print(f"{short} short" if short else "all as aimed")
    return 1 if short else 0


if __name__ == "__main__":
    raise SystemExit(main())
