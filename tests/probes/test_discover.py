"""Users' files are loaded in a process of their own; what is in them, and what is wrong with them, comes back as
plain data.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from probes import Context, probe
from probes.attempt import make, prepare
from probes.discover import find
from probes.spec import read
from probes.testing import run
from tests.probes.stage import Stage, request

GOOD = '''
import helpers
from datetime import timedelta
from probes import Context, probe

TOKEN = "not asked for"

async def log_in(ctx: Context) -> None:
    ctx.note(ctx.secret("LOGIN"))

@probe(workflow="w", every="5m", timeout=timedelta(seconds=20), environments=("production",))
async def first_one(ctx: Context) -> None:
    """It says what it proves.

    And more.
    """
    async with ctx.step("one"):
        await log_in(ctx)
    async with ctx.step("two", budget=helpers.BUDGET):
        ctx.check(ctx.secret("OWN")).equals("x")

@probe(workflow="w", name="other-name", secrets=["DECLARED"])
async def second(ctx: Context) -> None:
    ctx.check(ctx.secret(TOKEN)).equals("x")
'''


def discovered(*files: Path) -> dict[str, Any]:
    command = [sys.executable, "-I", "-m", "probes.discover", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture
def good(tmp_path: Path) -> Path:
    (tmp_path / "helpers.py").write_text("BUDGET = '2s'\nprint('a helper that talks')\n")
    file = tmp_path / "good.py"
    file.write_text(GOOD)
    return file


def test_probes_are_found_with_their_options_steps_and_secrets(good: Path) -> None:
    answer = discovered(good)
    assert answer["problems"] == []
    first, second = answer["found"]
    assert (first["function"], first["line"], first["file"]) == ("first_one", 12, str(good))
    assert first["docstring"].splitlines()[0] == "It says what it proves."
    assert first["options"] == {
        "workflow": "w",
        "every": "5m",
        "timeout": "20s",
        "environments": ["production"],
        "secrets": ["LOGIN", "OWN"],
        "step_names": ["one", "two"],
    }
    assert second["options"]["secrets"] == ["DECLARED", "LOGIN"]
    for row in (first, second):
        options = {key: value for key, value in row["options"].items() if key not in ("workflow", "name")}
        spec = read({"kind": "script", **options, "file": row["file"], "function": row["function"]})
        assert spec.secret_names() == set(row["options"]["secrets"])


BAD = [
    ("def x(:\n", 1, "not Python"),
    ("from probes import probe\n\nraise KeyError('day')\n", 3, "KeyError: 'day' at"),
    ("import nothing_of_that_name\n", 1, "No module named 'nothing_of_that_name'"),
    ("import sys\nsys.exit(3)\n", 2, "the script ended itself"),
    ("from probes import probe\n\n@probe\nasync def a(ctx): ...\n", 3, "@probe stands without its parentheses"),
    ("from probes import probe\n\n@probe(workflow='w')\ndef a(ctx): ...\n", 3, "a is not async"),
    ("from probes import probe\n\n@probe(workflow='w')\nasync def a(): ...\n", 3, "a takes 0 values"),
    (
        "from probes import probe\n@probe(workflow='w')\nasync def a(ctx): ctx.secret(a.__name__)\n",
        3,
        "the name of a secret is worked out at run time",
    ),
    (
        "from probes import probe\n@probe()\nasync def a(ctx): ...\n@probe()\nasync def a(ctx): ...\n",
        5,
        "two probes are called a",
    ),
]


@pytest.mark.parametrize(("written", "line", "said"), BAD, ids=[case[2] for case in BAD])
def test_what_is_wrong_with_a_file_has_its_line_and_keeps_no_other_from_loading(
    tmp_path: Path, good: Path, written: str, line: int, said: str
) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text(written)
    discovery = find([bad, good])
    (problem,) = discovery.problems
    assert (problem.file, problem.line) == (str(bad), line)
    assert said in problem.what
    assert [each.function for each in discovery.found][-2:] == ["first_one", "second"]


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    (problem,) = find([tmp_path / "none.py"]).problems
    assert "cannot be read: No such file" in problem.what


def test_a_probe_that_another_file_imported_is_found_once(tmp_path: Path, good: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text("from good import first_one\n")
    assert [each.function for each in find([good, other]).found] == ["first_one", "second"]


async def test_a_script_is_made_ready_once_and_run_by_its_file_and_function(stage: Stage, good: Path) -> None:
    options = dict(find([good]).found[0].options)
    del options["workflow"]
    job = {
        "kind": "script",
        "probe": "first-one",
        "file": str(good),
        "function": "first_one",
        "spec": options,
        "target": {"url": stage.url},
    }
    ready = prepare(job)
    assert (ready.bug, ready.planned) == ("", ("one", "two"))
    reply = await make(ready, request(secrets={"LOGIN": "sesame-1", "OWN": "sesame-2"}))
    assert (reply.state, reply.failure, reply.step) == ("down", "wrong", "two")
    assert reply.sentence == 'the value should equal "x", got "[secret]"'
    assert reply.evidence is not None and reply.evidence["notes"] == ["[secret]"]
    missing = await make(ready, request(secrets={"OWN": "sesame-2"}))
    assert missing.failure == "probe_bug" and "the secret LOGIN was not handed over" in missing.sentence


async def test_a_script_that_cannot_be_loaded_answers_with_its_line(tmp_path: Path) -> None:
    bad = tmp_path / "journeys" / "bad.py"
    bad.parent.mkdir()
    bad.write_text("x = 1\nraise RuntimeError('no luck')\n")
    reply = await make(prepare({"kind": "script", "probe": "p", "file": str(bad), "function": "f"}), request())
    assert (reply.state, reply.failure) == ("unknown", "probe_bug")
    assert reply.sentence == "RuntimeError: no luck at journeys/bad.py:2: raise RuntimeError('no luck')"


@probe(workflow="w")
async def says_hello(ctx: Context) -> None:
    """Written here to be run by a plain test."""
    async with ctx.step("hello"):
        ctx.check(await ctx.http.get("/")).contains("hello")
    async with ctx.step("later"):
        ctx.check(await ctx.http.get("/")).contains("hello")


def test_a_plain_test_runs_a_probe_and_can_print_the_story() -> None:
    result = run(says_hello, "http://127.0.0.1:1")
    assert not result.passed and (result.state, result.failure) == ("down", "unreachable")
    story = str(result)
    assert story.startswith("unreachable in ") and "refused the connection" in story
    assert "  later: not reached" in story
    again = run({"get": "/", "check": [{"contains": "hello"}]}, {"url": "http://127.0.0.1:1"})
    assert again.failure == "unreachable"
