"""Python probes: found by a child process, as no user's file is ever imported here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from monitor.config.build import Written
from monitor.config.check import Checked
from monitor.config.defaults import for_probe
from monitor.config.merged import Merged
from probes.spec import keys_of, read
from probes.words.errors import Problem
from probes.words.names import nearest
from probes.words.text import clean

SECONDS = 30.0  # that importing every file may take together
DEFAULT = ("journeys/*.py",)

Discover = Callable[[Sequence[Path], Path], Mapping[str, Any]]


def discover(files: Sequence[Path], folder: Path) -> Mapping[str, Any]:
    """What `python -I -m probes.discover` finds in these files: {"found": […], "problems": […]}."""
    command = [sys.executable, "-I", "-m", "probes.discover", *map(str, files)]
    try:
        done = subprocess.run(  # our own interpreter and module, the files as arguments
            command, cwd=folder, capture_output=True, timeout=SECONDS, check=False, text=True
        )
        answer: Mapping[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {"problems": [_problem(files[0], f"importing the probes takes longer than {SECONDS:.0f} s")]}
    except ValueError:
        said = clean(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no reason given", 160)
        return {"problems": [_problem(files[0], f"the probes cannot be imported: {said}")]}
    return answer


def _problem(file: Path, what: str) -> dict[str, Any]:
    return {"file": str(file), "line": 1, "column": 1, "what": what, "write": "move slow work into the probe itself"}


def scripts(
    merged: Merged, checked: Checked, folder: Path, *, find_scripts: Discover
) -> tuple[list[Written], list[Problem]]:
    """Every Python probe, its options held against the same model as a YAML probe's."""
    given = merged.data.get("journeys", DEFAULT)
    patterns = [given] if isinstance(given, str) else given
    if not isinstance(patterns, list | tuple) or not all(isinstance(part, str) for part in patterns):
        return [], [merged.problem(("journeys",), "journeys is not a list of files", "write [journeys/*.py]")]
    try:
        matched = {file for pattern in patterns for file in folder.glob(pattern) if file.is_file()}
    except (ValueError, NotImplementedError, IndexError, OSError):  # all that glob says to what is no pattern
        what = "a file of Python probes is named from the folder of this file on"
        return [], [merged.problem(("journeys",), what, "write [journeys/*.py]")]
    files = sorted(file for file in matched if file.name[0] not in "._")
    if "journeys" in merged.data and patterns and not files:
        return [], [merged.problem(("journeys",), "no file matches", "write a pattern such as journeys/*.py")]
    if not files:
        return [], []
    answer = find_scripts(files, folder)
    problems = [
        Problem(_near(str(row["file"]), folder), row["line"], row.get("column", 1), row["what"], row.get("write", ""))
        for row in answer.get("problems", ())
    ]
    found = list[Written]()
    for row in answer.get("found", ()):
        probe, wrong = _read(row, merged, checked, folder)
        problems += wrong
        found += probe
    return found, problems


def _near(file: str, folder: Path) -> str:
    try:
        return str(Path(file).relative_to(folder))
    except ValueError:
        return file


def _read(
    row: Mapping[str, Any], merged: Merged, checked: Checked, folder: Path
) -> tuple[list[Written], list[Problem]]:
    file, line, options = _near(str(row["file"]), folder), int(row["line"]), dict(row["options"])
    workflow = str(options.pop("workflow", ""))
    if not checked.exists("workflows", workflow):
        near = nearest(workflow, checked.all("workflows")) if workflow else None
        write = f'did you mean workflow="{near}"?' if near else 'write @probe(workflow="…")'
        return [], [Problem(file, line, 1, f"there is no workflow {workflow!r}", write)]
    if workflow not in checked.all("workflows"):
        return [], []
    name = str(options.pop("name", "") or row["function"]).replace("_", "-")
    options.setdefault(
        "title", str(row.get("docstring") or "").strip().splitlines()[0] if row.get("docstring") else None
    )
    given = {key: value for key, value in options.items() if value is not None}
    try:
        spec = read(for_probe({"kind": "script", **given}, checked.defaults))
    except ValidationError as error:
        return [], [_wrong(detail, file, line, given) for detail in error.errors(include_url=False)]
    script = {"file": str(Path(str(row["file"])).resolve()), "function": str(row["function"])}
    path = ("workflows", workflow, "probes", name)
    return [Written(workflow, name, spec, path, f"{file}:{line}:1", script)], []


def _wrong(detail: Any, file: str, line: int, given: Mapping[str, Any]) -> Problem:
    name = str(detail["loc"][-1]) if detail["loc"] else ""
    if detail["type"] == "extra_forbidden":
        near = nearest(name, keys_of({"kind": "script"}))
        return Problem(file, line, 1, f"@probe knows no option '{name}'", f"did you mean {near}?" if near else "")
    what, _, write = str(detail.get("ctx", {}).get("error", detail["msg"])).partition("; ")
    return Problem(file, line, 1, f"@probe({name}={given.get(name)!r}): {what}", write)
