"""What the service says: a line in the journal with its priority, and that it is stopped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.cli import show
from monitor.log import in_journal, journal_line
from tests.cli.test_show import status_of

SPEAK = """
import logging, structlog
from monitor import log
log.set_up(as_json=True)
structlog.get_logger().info("the configuration was taken over", probes=4)
structlog.get_logger().error("a line\\n<0>forged", why="<0>\\nforged")
logging.getLogger("httpx2").info("HTTP Request: POST https://example.com/secret")
"""


def said(tmp_path: Path, *, journal: bool) -> list[str]:
    """What a process writes whose standard error is a file, which it is told is the journal, or is not."""
    with (tmp_path / "said").open("w+") as file:
        there = os.fstat(file.fileno())
        environ = {**os.environ, "JOURNAL_STREAM": f"{there.st_dev}:{there.st_ino}" if journal else "8:1"}
        subprocess.run([sys.executable, "-c", SPEAK], stderr=file, check=True, timeout=60, env=environ)
        file.seek(0)
        return file.read().splitlines()


def test_the_journal_gets_a_priority_and_what_happened_first(tmp_path: Path) -> None:
    first, second = said(tmp_path, journal=True)
    assert first == '<6>the configuration was taken over {"probes": 4}'
    assert second.startswith("<3>a line")  # one line, whatever a target wrote


def test_a_file_gets_json_with_its_time(tmp_path: Path) -> None:
    first, second = said(tmp_path, journal=False)
    assert '"event": "the configuration was taken over"' in first and '"timestamp"' in first
    assert '"level": "error"' in second


def test_nothing_is_a_journal_without_its_word() -> None:
    assert not in_journal({})
    assert not in_journal({"JOURNAL_STREAM": "0:0"}, handle=10_000)
    assert journal_line(None, "", {"event": "x", "level": "unheard of"}) == "<6>x"


def test_what_a_stopped_daemon_knew_is_not_well_now(capsys: pytest.CaptureFixture[str]) -> None:
    show.status(status_of(incidents=[], running=False, health=["the daemon is not running"]))
    assert capsys.readouterr().out.startswith("showup is not running, so nothing is watched.")
