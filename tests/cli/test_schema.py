"""The schema for editors takes what showup takes, and marks what it does not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from monitor.config.schema import json_schema

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.y*ml"))


def plain(text: str) -> Any:
    return json.loads(json.dumps(yaml.safe_load(text), default=str))


def wrong(data: Any) -> list[str]:
    return ["/".join(map(str, error.path)) for error in Draft202012Validator(json_schema()).iter_errors(data)]


def test_it_is_a_schema_of_its_draft() -> None:
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_example_holds(example: Path) -> None:
    assert wrong(plain(example.read_text())) == []


def test_there_is_an_example() -> None:
    assert ROOT / "examples" / "showup.yaml" in EXAMPLES


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "workflows: {intake: {url: 7}}",
        "workflows: {intake: {urll: 'https://x.example'}}",
        "workflows: {Intake Agent: {url: 'https://x.example'}}",
        "workflows: {intake: {url: 'https://x.example', probes: {home: {gett: /}}}}",
        "{workflows: {}, channels: {carrier-pigeon: {}}}",
        "{workflows: {}, policies: {p: {levels: []}}}",
        "{workflows: {}, policies: {p: {levels: [{at: soon, notify: [me]}]}}}",
        "{workflows: {}, sight: {title: x}}",
        "{workflows: {}, defaults: {everry: 1m}}",
    ],
)
def test_mistakes_are_marked(text: str) -> None:
    assert wrong(plain(text))


@pytest.mark.parametrize(
    "text",
    [
        "workflows: {intake: {url: 'https://x.example', probes: {home: {get: /, check: [{contains: x}]}}}}",
        "{workflows: {}, people: {me: {name: Me, phone: 'ntfy:topic'}}}",
        "{workflows: {}, policies: {p: {levels: [{notify: me}], warnings: me}}}",
        "{workflows: {}, journeys: journeys/*.py, channels: {ntfy: }, defaults: {every: 1m, policy: p}}",
    ],
)
def test_short_forms_are_taken(text: str) -> None:
    assert wrong(plain(text)) == []


def test_the_command_prints_it(tmp_path: Path) -> None:
    words = ["-c", "from monitor.cli import main; main()", "validate", "--schema"]
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=True
    )
    assert json.loads(done.stdout) == json_schema()
