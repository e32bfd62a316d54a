"""A probe tried by hand: what is drawn, and what the exit code says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

from monitor.cli.try_out import run_preflight, run_test
from probes.words.errors import ConfigError, Refused
from tests.cli.target import Workflow, configure, workflow


@pytest.fixture(name="target")
def _target() -> Iterator[Workflow]:
    with workflow() as served:
        yield served


def test_a_probe_that_passes_is_drawn_and_answers_0(
    target: Workflow, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_test("books", configure(tmp_path, target.url), env="", as_json=False) == 0
    drawn = capsys.readouterr().out
    lines = drawn.splitlines()
    assert lines[0].startswith("books · intake · production")
    assert "passed" in lines[0] and lines[0].endswith("of 30 s")
    assert '✓ $.time equals "10:00"' in drawn
    assert "clean up  DELETE /appointments/8812" in drawn
    assert "passed: every check held." in lines
    assert lines[-1] == "nothing was recorded · runbook: https://wiki.example.com/intake"
    assert max(cell_len(line) for line in lines) <= 80
    assert target.asked == 3


def test_a_wrong_answer_names_check_and_blame_and_answers_1(
    target: Workflow, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target.body = '{"id": "8812", "time": "22:00"}'
    assert run_test("intake/production/books", configure(tmp_path, target.url), env="", as_json=False) == 1
    drawn = capsys.readouterr().out
    assert '✗ $.time should equal "10:00", got "22:00"' in drawn
    assert "wrong: the workflow answered, and the answer was not right. Blame: the workflow." in drawn
    assert "wrong" in drawn.splitlines()[0]


def test_for_programs_there_is_the_whole_reply(
    target: Workflow, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_test("home", configure(tmp_path, target.url), env="staging", as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["probe"], found["state"]) == ("intake/staging/home", "up")
    assert found["evidence"]["steps"][0]["requests"][0]["status"] == 200


def test_a_workflow_that_is_not_there_is_unreachable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with workflow() as gone:
        path = configure(tmp_path, gone.url)
    assert run_test("home", path, env="", as_json=False) == 1
    assert "unreachable: no connection could be made. Blame: the workflow." in capsys.readouterr().out


def test_a_script_is_tried_in_a_host_of_its_own(
    target: Workflow, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = configure(tmp_path, target.url)
    (tmp_path / "journeys").mkdir()
    (tmp_path / "journeys" / "own.py").write_text(
        "from probes import Context, probe\n\n\n"
        "@probe(workflow='intake')\nasync def says_it(ctx: Context) -> None:\n"
        "    found = await ctx.http.get('/')\n    ctx.check(found).contains('Book online')\n"
    )
    assert run_test("says-it", path, env="", as_json=False) == 0
    assert "passed: every check held." in capsys.readouterr().out


@pytest.mark.parametrize(("name", "hint"), [("hom", "did you mean home?"), ("boks", "did you mean books?")])
def test_a_name_that_is_none_is_answered_with_the_nearest(tmp_path: Path, name: str, hint: str) -> None:
    with pytest.raises(Refused) as refused:
        run_test(name, configure(tmp_path, "http://127.0.0.1:9"), env="", as_json=False)
    assert refused.value.hint == hint


def test_a_broken_configuration_is_no_try(tmp_path: Path) -> None:
    (tmp_path / "showup.yaml").write_text("workflows: {intake: {url: 7}}\n")
    with pytest.raises(ConfigError):
        run_test("home", tmp_path / "showup.yaml", env="", as_json=False)


def test_a_preflight_is_go_when_every_run_passed(
    target: Workflow, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_preflight(["intake"], configure(tmp_path, target.url), times=2, env="", as_json=False) == 0
    said = capsys.readouterr()
    assert "GO: 2 probes passed every run." in said.out
    assert len(said.err.splitlines()) == 4
    assert target.asked == 8


def test_one_failing_probe_is_no_go_and_says_why(
    target: Workflow, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target.body = '{"id": "8812", "time": "22:00", "say": "Book online"}'
    assert run_preflight(["intake"], configure(tmp_path, target.url), times=1, env="staging", as_json=True) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["go"] is False
    assert {one["probe"]: one["go"] for one in found["probes"]} == {
        "intake/staging/home": True,
        "intake/staging/books": False,
    }


def test_a_preflight_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="nothing watches intke/production"):
        run_preflight(["intke"], configure(tmp_path, "http://127.0.0.1:9"), times=1, env="", as_json=False)
