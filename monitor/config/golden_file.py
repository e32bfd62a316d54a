"""Files of golden cases: YAML lists, CSV and JSONL, read with the place of each case, and one more case put at the end.

In CSV the first line names the columns; `expect.total` is a field of what is expected. In JSONL each line is a case.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from monitor.config.read import Source, read_list
from probes.kinds.golden.case import LARGEST, MOST
from probes.words.errors import Problem, Refused
from probes.words.text import clean

KINDS = {".yaml": "yaml", ".yml": "yaml", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_WRITE = "write the path of a .yaml, .csv or .jsonl file"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?\Z")
_FIELDS = "expect."  # how a column begins that is a field of what is expected
_TEXT = 20_000  # characters of one value that is put in


@dataclass(slots=True)
class Cases:
    """The cases of a file as data; `source` knows where each stands: under (number,), and in YAML what is under it."""

    source: Source
    cases: list[Any] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_cases(path: Path, name: str) -> Cases:
    """The cases of a file, and all that is wrong with its form; `name` is what problems call it."""
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        return _wrong(name, f"a file of cases is no {path.suffix or 'file without a suffix'}", _WRITE)
    try:
        if path.stat().st_size > LARGEST:
            return _wrong(name, f"larger than {LARGEST // 1_000_000} MB", "make several probes of it")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        return _wrong(name, f"not UTF-8 text (byte {error.start})", "save it as UTF-8", line=1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no name of a file"
        return _wrong(name, f"cannot be read: {why}", "check the path and its permissions")
    found = _parsed(kind, text, name)
    if not found.problems and not found.cases:
        found.problems.append(Problem(name, 1, 1, "the file holds no case", "write one: ask and expect"))
    if len(found.cases) > MOST:
        found.problems.append(
            found.source.problem((MOST,), f"more than {MOST:,} cases", "make several probes of them, each with a file")
        )
    return found


def _parsed(kind: str, text: str, name: str) -> Cases:
    return {"yaml": _yaml, "csv": _csv, "jsonl": _jsonl}[kind](text, name)


def _wrong(name: str, what: str, write: str, *, line: int = 0) -> Cases:
    return Cases(Source(name, {}), [], [Problem(name, line, line, what, write)])


def _yaml(text: str, name: str) -> Cases:
    source, data, problems = read_list(text, name)
    found = Cases(source, data, problems)
    for number, case in enumerate(data):
        if not isinstance(case, dict):
            found.problems.append(source.problem((number,), "a case is a mapping", "write {ask: …, expect: …}"))
    return found


def _jsonl(text: str, name: str) -> Cases:
    found = Cases(Source(name, {}))
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            case = json.loads(line)
        except (ValueError, RecursionError) as error:
            column = error.colno if isinstance(error, json.JSONDecodeError) else 1
            found.problems.append(Problem(name, number, column, "this line is not JSON", 'write {"ask": "…"} on it'))
            continue
        if not isinstance(case, dict):
            found.problems.append(Problem(name, number, 1, "a case is a JSON object", 'write {"ask": "…"}'))
            continue
        found.source.places[(len(found.cases),)] = (number, 1)
        found.cases.append(case)
    return found


def _csv(text: str, name: str) -> Cases:
    found = Cases(Source(name, {}))
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    began = 1
    try:
        head = [column.strip() for column in next(lines, [])]
        if problem := _head(head):
            found.problems.append(Problem(name, 1, 1, *problem))
            return found
        began = lines.line_num + 1
        for cells in lines:
            if any(cell.strip() for cell in cells):
                if len(cells) > len(head):
                    what = f"{len(cells)} cells where there are {len(head)} columns"
                    found.problems.append(Problem(name, began, 1, what, "put text with a comma in double quotes"))
                found.source.places[(len(found.cases),)] = (began, 1)
                found.cases.append(_row(head, cells))
            began = lines.line_num + 1
    except csv.Error as error:
        found.problems.append(Problem(name, began, 1, f"not CSV: {clean(str(error), 80)}", "check its quotes"))
    return found


def _head(head: list[str]) -> tuple[str, str] | None:
    if not any(head):
        return "the first line names no columns", "write ask,expect on it"
    if twice := next((column for number, column in enumerate(head) if column and column in head[:number]), ""):
        return f"two columns are called {clean(twice, 40)}", "keep one of them"
    if "expect" in head and any(column.startswith(_FIELDS) for column in head):
        return "there is a column expect beside columns of its fields", "keep expect, or expect.NAME for each field"
    return None


def _row(head: list[str], cells: list[str]) -> dict[str, Any]:
    """The case in a row; an empty cell is nothing, a number in a field of what is expected is a number."""
    case: dict[str, Any] = {}
    for column, cell in zip(head, cells, strict=False):
        if not column or cell == "":
            continue
        if not column.startswith(_FIELDS):
            case[column] = cell
            continue
        place = case.setdefault("expect", {})
        *above, last = column.removeprefix(_FIELDS).split(".")
        for part in above:
            place = place.setdefault(part, {}) if isinstance(place, dict) else {}
        if isinstance(place, dict):
            place[last] = json.loads(cell) if _NUMBER.match(cell) else cell
    return case


# one more case


def append_case(path: Path, case: Mapping[str, Any]) -> None:
    """Put a case at the end of a file of cases, whole or not at all; all that stands there stays as it is, comments
    included. What it says is data: no `${…}` in it is ever filled in. Raises Refused, OSError."""
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise Refused(f"{path.name} is no file of cases", hint=_WRITE)
    plain = {str(key): _harmless(value) for key, value in case.items() if value is not None}
    text = path.read_bytes().decode() if path.exists() else ""  # line ends as they are
    there = _parsed(kind, text.lstrip("\ufeff"), path.name) if text.strip() else Cases(Source(path.name, {}))
    if there.problems and (there.cases or not _only_empty(text)):
        raise Refused(f"{there.problems[0]}", hint="mend it, then accept again")
    added = {"yaml": _as_yaml, "csv": _as_csv, "jsonl": _as_jsonl}[kind](text, plain)
    whole = f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{added}"
    after = _parsed(kind, whole.lstrip("\ufeff"), path.name)
    if after.problems or len(after.cases) != len(there.cases) + 1:
        raise Refused(f"one more case cannot be put at the end of {path.name}", hint="end it with a case of its own")
    _replace(path, whole)


def _harmless(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value, _TEXT, lines=True).replace("${", "$ {")
    if isinstance(value, Mapping):
        return {str(key): _harmless(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_harmless(part) for part in value]
    return value


def _as_yaml(text: str, case: Mapping[str, Any]) -> str:
    source, data, _ = read_list(text.lstrip("\ufeff"), "") if text.strip() else (Source("", {}), [], [])
    if data and _first_mark(text) == "[":
        raise Refused("the file is one list in brackets", hint="begin each case with a dash instead")
    indent = source.places.get((), (1, 1))[1] - 1 if data else 0
    dumped = yaml.safe_dump([dict(case)], allow_unicode=True, sort_keys=False, width=10_000, default_flow_style=False)
    return "".join(f"{' ' * indent}{line}\n" for line in dumped.splitlines())


def _only_empty(text: str) -> bool:
    return all(not line.strip() or line.lstrip().startswith("#") for line in text.splitlines())


def _first_mark(text: str) -> str:
    lines = (line.strip() for line in text.splitlines())
    return next((line[0] for line in lines if line and not line.startswith(("#", "---", "%"))), "")


def _as_jsonl(text: str, case: Mapping[str, Any]) -> str:
    return json.dumps(dict(case), ensure_ascii=False) + "\n"


def _as_csv(text: str, case: Mapping[str, Any]) -> str:
    """A row under the columns there are; what has no column is refused, or a file without a first line gets one."""
    flat = _flat(case)
    head = [column.strip() for column in next(csv.reader(io.StringIO(text.lstrip("\ufeff"), newline="")), [])]
    out = io.StringIO(newline="")
    rows = csv.writer(out, lineterminator="\n")
    if not any(head):
        head = list(flat)
        rows.writerow(head)
    if "name" not in head:
        flat.pop("name", None)  # it is called by what it asks
    if lost := [column for column in flat if column not in head]:
        raise Refused(f"the file has no column {lost[0]}", hint=f"add {lost[0]} to its first line")
    rows.writerow([flat.get(column, "") for column in head])
    return out.getvalue()


def _flat(case: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in case.items():
        if key == "expect" and isinstance(value, Mapping):
            found |= {f"{_FIELDS}{name}": _cell(part) for name, part in value.items()}
        else:
            found[key] = _cell(value)
    return found


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _replace(path: Path, text: str) -> None:
    """The file with another text, renamed into place with the rights it had."""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    handle, made = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(made, mode)
        os.replace(made, path)
    except BaseException:
        os.unlink(made)
        raise
