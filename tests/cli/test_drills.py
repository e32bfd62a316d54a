"""`showup drill WORKFLOW`, its report and `showup escalation`, as people call them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from monitor.cli import rehearse, rehearse_here, show_drills, show_escalation
from monitor.cli.commands import app
from monitor.cli.rehearse import show_report, write_page
from monitor.demo.rehearsal import configuration, words_of
from monitor.services import proof
from monitor.status import drill_page
from probes.words.errors import ConfigError, Refused
from probes.words.units import MINUTE, SECOND

EXAMPLE = Path(__file__).parents[2] / "examples" / "showup.yaml"
BEGAN = 1_795_690_000 * SECOND
MEAN = 'Ana <script>alert(1)</script> "Silva"'


def drill(**more: Any) -> dict[str, Any]:
    """A drill that passed, as the service tells of it."""
    found: dict[str, Any] = {
        "id": "D1M8BPSCMF", "began": BEGAN, "zone": "America/New_York", "outcome": "passed", "title": "Intake agent",
        "promise": "A patient is answered", "site": "Example", "author": "dana", "urgent": False, "scheduled": False,
        "subject": "intake/production", "incident": "1M8BPSD0", "policy": "wake-us", "now": False,
        "why": f"noticed, paged, and answered by {MEAN}",
        "rule": {"name": "books", "period": 5 * MINUTE, "attempts": 3, "confirm": [2, 3], "recover": 2},
        "times": {"injected": BEGAN, "detected": BEGAN + 128 * SECOND, "told": BEGAN + 128 * SECOND,
                  "paged": BEGAN + 129 * SECOND, "acknowledged": BEGAN + 171 * SECOND, "healed": BEGAN + 172 * SECOND,
                  "resolved": BEGAN + 173 * SECOND, "ended": BEGAN + 180 * SECOND},
        "pages": [
            {"to": MEAN, "channel": "ntfy", "person": "ana", "human": True, "level": 1, "round": 1,
             "accepted": BEGAN + 129 * SECOND, "proof": "receipt", "receipt": "abc", "error": ""},
            {"to": "PagerDuty", "channel": "pagerduty", "person": "", "human": True, "level": 2, "round": 1,
             "accepted": BEGAN + 130 * SECOND, "proof": "accepted, unverified", "receipt": "x", "error": ""},
        ],
        "answer": {"by": MEAN, "via": "Slack"},
    }  # fmt: skip
    found |= more
    found["exercised"], found["left_out"] = proof.exercised(found), proof.left_out(found, urgent=found["urgent"])
    return found


def test_the_report_says_the_figures_and_loads_and_runs_nothing() -> None:
    page = drill_page.html(drill())
    assert "Noticed in 2\u00a0min 8\u00a0s, paged in 1.0\u00a0s, answered in 42.0\u00a0s." in page
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert 'src="' not in page
    assert "url(" not in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert "accepted, not read back" in page
    assert "2 failing runs of 3 page" in page


def test_without_names_nobody_is_named() -> None:
    for said in (drill_page.html(drill(), names=False), drill_page.markdown(drill(), names=False)):
        assert "Silva" not in said
        assert "dana" not in said
        assert "person 1" in said


def test_without_names_whoever_began_it_or_called_it_off_is_no_name_either(capsys: pytest.CaptureFixture[str]) -> None:
    pages = [{**drill()["pages"][0], "to": name, "person": name} for name in ("Ana", "Ana Silva")]
    found = drill(outcome="stopped", why="called off by Bo Berg", stopped="called off by Bo Berg", author="Cy",
                  pages=pages, answer={"by": "Ana Silva", "via": "Slack"}, title="Analysis by Cy",
                  events=[{"at": BEGAN, "kind": "note", "text": "Di Roe: on it", "by": "Di Roe"},
                          {"at": BEGAN, "kind": "resolved", "text": "it recovered", "by": "recovery"}])  # fmt: skip
    assert show_report(found, None, names=False, as_json=True) == 1
    said = drill_page.html(found, names=False) + drill_page.markdown(found, names=False) + capsys.readouterr().out
    for name in ("Bo Berg", "Silva", "Cy", "Di Roe", "person 1 S", "person 1lysis"):
        assert name not in said
    page = drill_page.model(found, names=False)
    assert (page.title, page.why) == ("Analysis by person 5", "called off by person 3")
    assert page.lanes[2].detail == "by person 2 through Slack"
    assert [one.to for one in page.pages] == ["person 1", "person 2"]
    assert any(line.startswith("recovery by 2 good runs") for line in page.left_out)
    plan = drill(author="the plan monthly", scheduled=True)
    assert drill_page.model(plan, names=False).author == "the plan monthly", "a plan is nobody"


def test_markdown_holds_what_people_wrote_as_words() -> None:
    said = drill_page.markdown(drill())
    assert said.startswith("# Drill of Intake agent: passed\n")
    assert r"\<script\>" in said
    assert "| Paged | 1.0 s |" in said


def test_what_failed_is_said_and_drawn_open() -> None:
    times = {**drill()["times"], "acknowledged": None}
    found = drill(outcome="failed", why="nobody answered within 15 min", times=times, answer={})
    assert "never answered." in drill_page.html(found)
    assert drill_page.model(found).lanes[2].end is None
    nothing = drill(
        outcome="failed", why="no run noticed it within 15 min", times={"injected": BEGAN}, pages=[], answer={}
    )
    assert "Never noticed." in drill_page.html(nothing)


def test_a_page_is_told_once_whatever_its_service_says_of_it_later(capsys: pytest.CaptureFixture[str]) -> None:
    teller, page = rehearse.Teller(quiet=False), {**drill()["pages"][1], "number": 7, "proof": "read back"}
    for name in ("PagerDuty", "PagerDuty (told Ana at 13:28)"):
        teller.tell(drill(pages=[{**page, "to": name}]))
    assert capsys.readouterr().out.count("by pagerduty: accepted") == 1


def test_every_outcome_can_be_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for outcome, code in (("passed", 0), ("failed", 1), ("stopped", 1), ("running", 1)):
        assert show_report(drill(outcome=outcome), None, names=True, as_json=False) == code
    assert show_report(drill(), tmp_path / "drill.md", names=True, as_json=True) == 0
    said = capsys.readouterr().out
    assert "PASSED" in said
    assert (tmp_path / "drill.md").exists()
    with pytest.raises(Refused, match=r"should end in \.html or \.md"):
        write_page(drill(), tmp_path / "drill.pdf", names=True)
    with pytest.raises(Refused, match="cannot be written"):
        write_page(drill(), tmp_path / "none" / "drill.html", names=True)


def test_the_list_says_what_was_never_rehearsed(capsys: pytest.CaptureFixture[str]) -> None:
    one = {"id": "D1", "subject": "intake/production", "began": "2026-11-26T10:00:00+00:00", "outcome": "passed",
           "seconds": {"detected": 9.0}}  # fmt: skip
    never = {"workflow": "intake", "title": "Intake agent", "at": None, "runbook": "r.md", "due": True}
    planned = {"name": "monthly", "workflow": "intake", "next": "2026-12-01T10:00:00+00:00"}
    show_drills.listed({"drills": [one], "rehearsed": [never], "planned": [planned]})
    show_drills.listed({"drills": [], "rehearsed": [], "planned": []})
    said = capsys.readouterr().out
    assert "9.0 s" in said
    assert "never rehearsed; its runbook should be: showup drill intake" in said
    assert "There was no drill yet" in said
    show_escalation.procedure({"policies": []})
    assert "No policy is in use" in capsys.readouterr().out


def test_of_the_users_file_only_words_are_taken(tmp_path: Path) -> None:
    words = words_of(EXAMPLE, "northside-intake")
    assert words.probe == "books-a-cleaning"
    assert words.rule == {"every": "5m"}
    made = json.dumps(configuration(words, "http://127.0.0.1:9"))
    assert "NORTHSIDE" not in made
    assert "intake.example.com" not in made
    with pytest.raises(Refused, match="there is no workflow northside") as refused:
        words_of(EXAMPLE, "northside")
    assert refused.value.hint == "did you mean northside-intake?"
    broken = tmp_path / "showup.yaml"
    broken.write_text("workflows: {a: [}")
    with pytest.raises(ConfigError):
        words_of(broken, "a")


def test_a_rule_that_does_not_hold_here_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "showup.yaml"
    file.write_text(
        "workflows: {a: {url: https://a.example, probes: {p: {get: /, every: 1s, attempts: 9, confirm: soon}}}}"
    )
    made = configuration(words_of(file, "a"), "http://127.0.0.1:9")
    assert "attempts" not in made["workflows"]["a"]["probes"]["p"]
    file.write_text("workflows: {a: {url: https://a.example, probes: {}}}")
    assert list(configuration(words_of(file, "a"), "http://127.0.0.1:9")["workflows"]["a"]["probes"]) == ["stand-in"]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example alone, as on a fresh machine."""
    folder = tmp_path_factory.mktemp("fresh")
    shutil.copy(EXAMPLE, folder / "showup.yaml")
    return folder


def command(*words: str) -> list[str]:
    return [sys.executable, "-I", "-m", "monitor.cli", *words]


def environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)}


def test_on_a_fresh_machine_without_any_account(fresh: Path) -> None:
    words = command("drill", "northside-intake", "--sandbox", "-o", "drill.html")
    done = subprocess.run(
        words, cwd=fresh, env=environment(fresh), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED: Noticed in" in done.stdout
    assert "read back from the service" in done.stdout
    assert "answered by First Responder through slack" in done.stdout
    page = (fresh / "drill.html").read_text()
    assert "A rehearsal with stand-ins" in page
    assert "all of them were stand-ins" in page
    assert not [path.name for path in fresh.iterdir() if path.name.startswith("showup-demo-")], "nothing is left"


def test_ctrl_c_leaves_nothing_running(fresh: Path) -> None:
    words = command("drill", "northside-intake", "--sandbox")
    with subprocess.Popen(
        words, cwd=fresh, env=environment(fresh), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as task:
        assert task.stdout is not None
        for line in task.stdout:
            if "fails now" in line:
                break
        task.send_signal(signal.SIGINT)
        said = task.stdout.read()
        assert task.wait(60) == 130, said
    assert "nothing is left running" in said
    assert not [path.name for path in fresh.iterdir() if path.name.startswith("showup-demo-")]


def test_without_a_daemon_it_says_what_to_do(fresh: Path) -> None:
    (fresh / "one.yaml").write_text(
        "workflows: {a: {url: https://a.example, probes: {p: {get: /, check: [{status: 200}]}}}}"
    )
    words = command("drill", "a", "--config", "one.yaml", "--state", "state")
    done = subprocess.run(
        words, cwd=fresh, env=environment(fresh), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "showup drill WORKFLOW --sandbox" in done.stderr


@pytest.mark.parametrize(
    ("place", "said"),
    [("drill.pdf", "should end in .html or .md"), ("none/drill.html", "no folder"), ("taken.html", "it is a folder")],
)
@pytest.mark.parametrize("more", [["--sandbox"], []])
def test_a_place_that_cannot_be_written_is_refused_before_anybody_is_paged(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, place: str, said: str, more: list[str]
) -> None:
    def began(*_: Any, **__: Any) -> None:
        raise AssertionError("it began")

    (fresh / "taken.html").mkdir(exist_ok=True)
    for module, name in ((rehearse, "run_rehearsal"), (rehearse_here, "run_sandbox")):
        monkeypatch.setattr(module, name, began)
    done = CliRunner().invoke(app, ["drill", "northside-intake", *more, "-o", str(fresh / place)])
    assert isinstance(done.exception, Refused), done.output
    assert said in str(done.exception)
