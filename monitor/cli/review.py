"""`showup flags accept`: a flagged answer becomes a golden case, written by whoever may write the file of cases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monitor.client import call
from monitor.config.case_files import case_file
from monitor.config.golden_file import append_case
from monitor.config.load import find, load
from monitor.config.naming import probe_id
from probes.words.errors import ConfigError, Refused
from probes.words.text import clean

NAME = 60  # characters of a case's name


def accept_flag(
    number: int, *, probe: str, expect: str, name: str, by: str, config: Path | None, state: Path | None
) -> dict[str, Any]:
    """Append the case, then mark the flag; raises Refused before anything is written."""
    flag = call("flag_of", config=config, folder=state, number=number)
    if flag["state"] != "open":
        raise Refused(f"flag {number} was {flag['state']} already", hint="see: showup flags --which all")
    place = find(config)
    catalog = load(place)
    found = catalog.probes[probe_id(probe, catalog.probes)]
    if found.kind != "golden":
        raise Refused(f"{found.id} is no golden probe", hint="name one with --probe")
    if found.workflow != flag["subject"].partition("/")[0]:
        raise Refused(f"{found.id} is of another workflow than the flag", hint=f"name one of {flag['subject']}")
    file = case_file(place, found)
    if file is None:
        raise Refused(f"the cases of {found.name} stand in the configuration", hint="move them to a file: cases: FILE")
    _put(file, _case(flag, expect=expect, name=name), place)
    done: dict[str, Any] = call("review", config=config, folder=state, number=number, outcome="accepted", by=by)
    return {**done, "file": str(file), "probe": found.id}


def _put(file: Path, case: Mapping[str, Any], place: Path) -> None:
    """Append a case; one by which the configuration no longer holds is taken back, and said."""
    before = file.read_bytes() if file.exists() else b""
    append_case(file, case)
    try:
        load(place)
    except ConfigError as error:
        file.write_bytes(before)
        said = f"this cannot be a case there: {error.problems[0]}"
        raise Refused(said, hint="write another --expect or --name") from None


def _case(flag: Mapping[str, Any], *, expect: str, name: str) -> dict[str, Any]:
    right = expect or flag["expected"]
    if not flag["asked"]:
        raise Refused(f"flag {flag['id']} does not say what was asked", hint="write the case by hand, then reject it")
    if not right:
        raise Refused(f"flag {flag['id']} does not say what is right", hint="write it: --expect …")
    called = clean(name, NAME).strip() or f"flag {flag['id']}"
    return {"name": called, "ask": flag["asked"], "expect": right}
