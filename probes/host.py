"""The process that makes attempts: `python -I -m probes.host --role shared|script`, frames on standard input and
output.

What a probe prints never reaches the pipe: the two ends are moved away first. Heartbeats are lines that begin with `!`.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import sys


def take_pipe() -> tuple[int, int]:
    """(read, write) ends of the keeper's pipe, moved where no print can find them; 0 and 1 lead nowhere and to
    standard error."""
    reading, writing = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)
    os.close(nowhere)
    for end in (reading, writing):
        os.set_blocking(end, False)
        os.set_inheritable(end, False)
    return reading, writing


def die_with_parent() -> None:
    """Ask the kernel to end this process when the keeper does (Linux; elsewhere the closed pipe does it)."""
    try:
        import ctypes
        import signal

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    except (OSError, AttributeError):
        return


def main() -> None:
    """Serve until the pipe closes."""
    parser = argparse.ArgumentParser(prog="python -m probes.host")
    parser.add_argument("--role", choices=("shared", "script"), required=True)
    parser.add_argument("--scripts", type=int, default=16)
    given = parser.parse_args()
    faulthandler.enable(file=sys.stderr, all_threads=True)
    reading, writing = take_pipe()
    die_with_parent()
    if given.role == "shared":
        from probes.shared import serve

        serve(reading, writing)
    else:
        from probes.zygote import Zygote

        Zygote(reading, writing, most=given.scripts).serve()


if __name__ == "__main__":
    main()
