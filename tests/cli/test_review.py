"""A flagged answer becomes a case only where the configuration still holds with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from monitor.cli import review
from monitor.config.load import load
from probes.words.errors import Refused

CONFIG = """\
web: {listen: ""}
workflows:
  intake:
    url: https://intake.example.com
    chat: {post: /chat, send: {message: "${ask}"}, reply: $.intent}
    probes:
      knows: {cases: cases.csv, labels: [book, cancel], target: 95%, floor: 50%}
"""
FLAG = {"id": 7, "state": "open", "subject": "intake/production", "asked": "Cancel it", "expected": "cancel"}


@pytest.fixture(name="file")
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with one flag that waits, and a daemon that would take its review."""
    file = tmp_path / "showup.yaml"
    file.write_text(CONFIG)
    rows = "".join(f"c{number},Cancel {number},cancel\n" for number in range(40))
    (tmp_path / "cases.csv").write_text(f"name,ask,expect\n{rows}")

    def answer(name: str, **_: Any) -> dict[str, Any]:
        return FLAG if name == "flag_of" else {"flag": 7, "state": "accepted", "by": "ana"}

    monkeypatch.setattr(review, "call", answer)
    return file


def accept(file: Path, *, expect: str = "", name: str = "") -> dict[str, Any]:
    return review.accept_flag(7, probe="knows", expect=expect, name=name, by="ana", config=file, state=None)


def test_what_is_right_becomes_the_last_case(file: Path) -> None:
    assert accept(file)["state"] == "accepted"
    assert (file.parent / "cases.csv").read_text().endswith("\nflag 7,Cancel it,cancel\n")
    load(file)


@pytest.mark.parametrize("wrong", [{"expect": "nonsense"}, {"name": "c3"}])
def test_what_would_break_the_configuration_is_refused_and_leaves_the_file_as_it_was(
    file: Path, wrong: dict[str, str]
) -> None:
    before = (file.parent / "cases.csv").read_bytes()
    with pytest.raises(Refused, match="this cannot be a case there: "):
        accept(file, **wrong)
    assert (file.parent / "cases.csv").read_bytes() == before
