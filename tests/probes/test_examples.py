"""What users read in the documents works as it stands there."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from monitor.sandbox.clinic import Clinic
from probes.author import Probe
from probes.checks import RULES
from probes.checks.judged import KINDS as JUDGED
from probes.discover import find
from probes.guide import updated
from probes.spec import read
from probes.testing import attempt

ROOT = Path(__file__).parents[2]
PAGES = ["probes.md", "checks.md", "jobs.md"]
SCRIPT = '''
from probes import probe, Context

@probe(workflow="northside-intake", every="5m")          # name = function; docstring = sentence on the page
async def books_a_cleaning(ctx: Context) -> None:
    """A patient who asks for a cleaning is booked at the time they asked for."""
    who, day = f"Test {ctx.run_id}", ctx.date("+30d")
    ctx.cleanup(ctx.http.delete, "/appointments", params={"name": who})   # registered before the act, runs whatever happens
    async with ctx.step("ask", budget="4s"):
        ctx.check(await ctx.ask(f"A cleaning on {day} at 10, please. I am {who}")).contains("booked")
    async with ctx.step("booked", budget="2s"):
        found = await ctx.http.get("/calendar", params={"name": who})
        ctx.check(found.json("$.appointments[0].time")).equals("10:00")  # absent: a failed check, not an exception
'''  # noqa: E501


def loaded(file: Path) -> Probe:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: Probe = module.books_a_cleaning
    return made


async def test_the_script_works_as_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "books.py"
    file.write_text(SCRIPT)
    made = loaded(file)
    assert (made.name, made.options["every"]) == ("books-a-cleaning", "5m")
    assert made.docstring.startswith("A patient who asks")
    async with Clinic() as clinic:
        chat = {"post": "/chat", "send": {"message": "${ask}"}, "reply": "$.reply"}
        result = await attempt(made, {"url": clinic.url, "chat": chat})
        assert (result.state, result.failure) == ("up", None), result
        assert [step["name"] for step in result.steps] == ["ask", "booked"]
        assert clinic.calendar.find() == []


async def test_the_example_configuration_works_as_it_is_written() -> None:
    section = yaml.safe_load((ROOT / "examples" / "showup.yaml").read_text())["workflows"]["northside-intake"]
    async with Clinic(api_token="sesame-42") as clinic:
        target = {"url": clinic.url, "auth": section["auth"], "chat": section["chat"]}
        for name, written in section["probes"].items():
            result = await attempt(written, target, secrets={"NORTHSIDE": "sesame-42"})
            assert (result.state, result.failure) == ("up", None), f"{name}: {result}"
        assert clinic.calendar.find() == []


def test_the_example_script_is_typed_and_found() -> None:
    file = ROOT / "examples" / "journeys" / "books_a_cleaning.py"
    command = [sys.executable, "-I", "-m", "probes.discover", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    answer = json.loads(done.stdout)
    assert answer["problems"] == []
    (found,) = answer["found"]
    assert found["function"] == "books_a_cleaning" and found["options"]["step_names"] == ["ask", "booked"]
    typed = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", ".mypy_cache", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        cwd=ROOT,
    )
    assert typed.returncode == 0, typed.stdout


@pytest.mark.parametrize("page", PAGES)
def test_what_the_guide_shows_in_yaml_can_be_read(page: str) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    assert len(blocks) >= 4
    for block in blocks:
        for written in yaml.safe_load(block).values():
            assert read(written).steps, block


def test_what_the_guide_shows_in_python_is_found(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "probes.md").read_text(), re.DOTALL)
    scripts = [block for block in blocks if "@probe(" in block]
    assert scripts
    for number, block in enumerate(scripts):
        file = tmp_path / f"shown_{number}.py"
        file.write_text(block)
        discovery = find([file])
        assert discovery.problems == [] and discovery.found, block


@pytest.mark.parametrize("page", PAGES)
def test_the_tables_of_the_guide_are_up_to_date(page: str) -> None:
    text = (ROOT / "docs" / page).read_text()
    assert updated(text) == text, f"run python -m probes.guide docs/{page}"


def test_every_check_is_in_the_guide() -> None:
    text = (ROOT / "docs" / "checks.md").read_text()
    missing = [key for key in (*RULES, *JUDGED) if f"`{key}`" not in text]
    assert missing == []
