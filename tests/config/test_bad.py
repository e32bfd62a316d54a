"""One broken file for each rule, and the very lines that a user is told. What is told stands in bad/told.txt."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config.load import load_text
from monitor.config.schema import json_schema
from probes.words.errors import ConfigError

BAD = Path(__file__).parent / "bad"
FILES = sorted(BAD.glob("*.yaml"))
SECRETS = {"S": "0123456789abcdef0123456789abcdef"}


def told() -> dict[str, list[str]]:
    """File by file: the lines after its name, up to the next name."""
    found: dict[str, list[str]] = {}
    for line in (BAD / "told.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):
            found[list(found)[-1]].append(line.strip())
        else:
            found[line] = []
    return found


def lines_of(file: Path, folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_text(file.read_text(encoding="utf-8"), secrets=SECRETS, folder=folder)
    return [str(problem).removeprefix("showup.yaml:") for problem in caught.value.problems]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_broken_file_is_told_line_by_line(file: Path, tmp_path: Path) -> None:
    assert lines_of(file, tmp_path) == told()[file.stem]


def test_every_file_is_in_the_table() -> None:
    assert sorted(told()) == sorted(file.stem for file in FILES)
    assert len(FILES) > 100
    assert all(lines for lines in told().values())


def test_every_line_says_what_to_write() -> None:
    assert [line for lines in told().values() for line in lines if "; " not in line] == []


def test_several_are_told_in_the_order_of_their_lines() -> None:
    places = [tuple(map(int, line.split(":")[:2])) for line in told()["several"]]
    assert len(places) == 5
    assert places == sorted(places)


@pytest.mark.parametrize("where", ["auth", "channel", "provider"])
def test_a_secret_that_stands_in_the_file_is_not_repeated(where: str, tmp_path: Path) -> None:
    (file,) = [file for file in FILES if file.stem.startswith("literal-") and file.stem.endswith(where)]
    said = "\n".join(lines_of(file, tmp_path))
    assert "0123456789" not in said and "xoxb-1234" not in said


def test_the_password_in_an_address_is_not_repeated(tmp_path: Path) -> None:
    assert "hunter2" not in "\n".join(lines_of(BAD / "url-with-credentials.yaml", tmp_path))


def test_what_only_one_section_can_get_wrong_is_marked_in_editors_too() -> None:
    import yaml
    from jsonschema import Draft202012Validator

    schema = Draft202012Validator(json_schema())
    for file in FILES:
        if file.stem.startswith("unknown-key-in") or file.stem == "unknown-key-at-the-top":
            assert list(schema.iter_errors(yaml.safe_load(file.read_text()))), file.stem
