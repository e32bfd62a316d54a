"""What import-linter cannot say: the ground floor stands on nothing of ours, and a command starts light."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.house.ground import PACKAGES, ROOT, sources

HEAVY = {"aiohttp", "alembic", "apscheduler", "httpx", "pagerduty", "slack_sdk", "sqlalchemy", "sqlmodel"}


def _imports(path: Path) -> Iterator[str]:
    """Dotted names of ours that a file imports, at its top or anywhere inside; relative ones made absolute."""
    package = path.with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in PACKAGES)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            if base.split(".")[0] in PACKAGES:
                yield from (f"{base}.{alias.name}" for alias in node.names)


def test_the_words_stand_on_nothing_else_of_ours() -> None:
    words = [path for path in sources() if path.parts[:2] == ("probes", "words")]
    used = {(str(path), name) for path in words for name in _imports(path)}
    climbing = [f"{path} imports {name}" for path, name in used if name.split(".")[:2] != ["probes", "words"]]
    assert words
    assert climbing == []


def test_alerts_takes_only_words_from_probes() -> None:
    alerts = [path for path in sources() if path.parts[0] == "alerts"]
    used = {(str(path), *name.split(".")[:2]) for path in alerts for name in _imports(path)}
    climbing = [use for use in used if use[1] == "monitor" or (use[1] == "probes" and use[2:] != ("words",))]
    assert alerts
    assert climbing == []


def test_a_command_starts_without_the_heavy_libraries() -> None:
    asked = "import json, sys, monitor.cli; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    command = [sys.executable, "-c", asked]
    started = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert started.returncode == 0, started.stderr
    assert HEAVY & set(json.loads(started.stdout)) == set()
