"""The process that makes attempts: `python -I -m probes.host --role shared|script`, frames on its standard ends.

What a probe prints never reaches the frames: both ends are moved away first. How the host is stands on its board.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

from probes.board import Board
from probes.maker import Maker, real_maker
from probes.processes import die_with

FILES = 65_536  # descriptors a host asks for, as far as it may have them


def take_ends() -> tuple[int, int]:
    """(read, write) ends of the way to the keeper, moved where no print finds them; 1 then leads to the errors."""
    reading, writing = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)
    os.close(nowhere)
    return reading, writing


def main(arguments: list[str] | None = None, *, maker: Callable[[], Maker] = real_maker) -> None:
    """Serve until the keeper closes its end."""
    parser = argparse.ArgumentParser(prog="python -m probes.host")
    parser.add_argument("--role", choices=("shared", "script"), required=True)
    parser.add_argument("--board", type=int, required=True, help="descriptor of the shared memory")
    parser.add_argument("--parent", type=int, required=True, help="process id of the keeper")
    parser.add_argument("--scripts", type=int, default=16, help="scripts that run at once")
    given = parser.parse_args(arguments)
    faulthandler.enable(file=sys.stderr, all_threads=False)
    reading, writing = take_ends()
    board = Board(given.board)
    os.set_inheritable(given.board, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the keeper, which drains
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, FILES), hard))
    if given.role == "shared":
        from probes.shared import serve

        die_with(given.parent)
        serve(reading, writing, board, maker=maker())
    else:
        from probes.zygote import Zygote

        Zygote(reading, writing, board, maker=maker(), most=given.scripts).serve()


if __name__ == "__main__":
    main()
