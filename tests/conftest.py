"""What every test of the house may count on.

Tests are imported by their path from the top (`from tests.wire.helpers import …`), so two folders may hold files of one
name. `@pytest.mark.serial` keeps a test alone: while it runs, no other worker of the suite runs one. (A group of xdist
would only keep such tests on one worker, with the other still busy beside it.)
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# The machines that run this share their cores: how long one example takes says nothing.
settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")

_QUIET = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """One folder of locks per run, made by the controller and handed to its workers."""
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        config.stash[_QUIET] = Path(worker["quiet"])
    elif config.getoption("numprocesses", default=None):
        config.stash[_QUIET] = Path(tempfile.mkdtemp(prefix="showup-quiet-"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Called by xdist for each worker it starts."""
    node.workerinput["quiet"] = str(node.config.stash[_QUIET])


def pytest_unconfigure(config: pytest.Config) -> None:
    """The controller takes the locks away."""
    if not hasattr(config, "workerinput") and _QUIET in config.stash:
        shutil.rmtree(config.stash[_QUIET], ignore_errors=True)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Outermost of all wrappers: waiting for quiet must not count against the test's own time limit."""
    quiet = item.config.stash.get(_QUIET, None)
    if quiet is None:
        return (yield)
    with _room(quiet, alone=item.get_closest_marker("serial") is not None):
        return (yield)


@contextmanager
def _room(quiet: Path, *, alone: bool) -> Iterator[None]:
    """Share the machine, or have it alone; who waits to be alone is not overtaken, as all enter through one door."""
    with (quiet / "door").open("a") as door, (quiet / "room").open("a") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(room, fcntl.LOCK_UN)  # not left to close(): a forked child may still hold the descriptor
