"""`showup ack` and `resolve` without an id, where nothing is open."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.target import configure
from tests.cli.test_main import showup


@pytest.mark.parametrize("command", ["ack", "resolve"])
def test_with_nothing_open_there_is_nothing_to_answer(command: str, tmp_path: Path) -> None:
    configure(tmp_path, "http://127.0.0.1:9")
    done = showup(command, folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "showup: no incident is open; see those that are over: showup incidents\n"
