"""Golden probes on their way into the catalog: their cases read from a file, their errors told where they stand there,
and promises refused that their cases can never prove.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from monitor.config.accuracy import needed, read_baseline
from monitor.config.golden_file import read_cases
from monitor.config.merged import Merged
from monitor.config.problems import of_errors
from monitor.config.read import Source
from probes.kinds.golden.spec import GoldenSpec, in_window, say_window
from probes.spec import kind_of
from probes.stats import cases_needed
from probes.words.errors import Problem

if TYPE_CHECKING:
    from monitor.config.build import Built

BASELINE = ".baseline.json"


@dataclass(slots=True)
class Opened:
    """A probe as it was written, the cases of a golden one put in; `file` is where they came from, None for a list."""

    value: dict[str, Any]
    file: Source | None = None
    problems: list[Problem] = field(default_factory=list)

    def told(self, error: ValidationError, source: Source, path: tuple[str, ...], keys: Iterable[str]) -> list[Problem]:
        """All that is wrong with the probe, what is wrong with a case at its place in its own file."""
        if self.file is None:
            return of_errors(error, source, path, keys=keys)
        lines = error.errors(include_url=False)
        inside = [line for line in lines if line["loc"][:1] == ("cases",) and len(line["loc"]) > 1]
        outside = [line for line in lines if line not in inside]
        found = of_errors(_of(outside, error), source, path, keys=keys) if outside else []
        if inside:
            moved = [{**line, "loc": line["loc"][1:]} for line in inside]
            found += of_errors(_of(moved, error), self.file, ())  # type: ignore[arg-type]
        return found


def _of(lines: list[ErrorDetails], error: ValidationError) -> ValidationError:
    return ValidationError.from_exception_data(error.title, [_again(line) for line in lines])


def _again(line: ErrorDetails) -> InitErrorDetails:
    context = line.get("ctx", {})
    if line["type"] == "value_error":
        kind: Any = PydanticCustomError("value_error", "Value error, {error}", {"error": context["error"]})
        return InitErrorDetails(type=kind, loc=line["loc"], input=line["input"])
    return InitErrorDetails(type=line["type"], loc=line["loc"], input=line["input"], ctx=context)


def opened(value: Mapping[str, Any], source: Source, path: tuple[str, ...], folder: Path) -> Opened:
    """A probe with the cases of its file put in, where it is a golden one and names a file."""
    name = value.get("cases")
    if kind_of(value) != "golden" or not isinstance(name, str):
        return Opened(dict(value))
    where = folder / name
    if not name or not where.exists():
        problem = source.problem((*path, "cases"), f"the file {name!r} is not there", "write it beside this one")
        return Opened(dict(value), None, [problem])
    found = read_cases(where, name)
    return Opened({**value, "cases": found.cases}, found.source, found.problems)


def baseline_file(written: Mapping[str, Any], name: str, folder: Path) -> Path:
    """Where a golden probe's baseline is: as it says, else beside its cases, else under golden/ by the probe's name."""
    said = written.get("baseline")
    if isinstance(said, str):
        return folder / said
    cases = written.get("cases")
    if isinstance(cases, str):
        return (folder / cases).with_suffix(BASELINE)
    return folder / "golden" / f"{name}{BASELINE}"


def baseline_of(written: Mapping[str, Any], name: str, folder: Path) -> tuple[dict[str, bool], str]:
    """(baseline, what is wrong with it); one that is named has to be there."""
    path = baseline_file(written, name, folder)
    if "baseline" in written and not path.exists():
        return {}, f"the baseline {written['baseline']!r} is not there"
    try:
        return read_baseline(path), ""
    except ValueError as error:
        return {}, f"{path.name} is no baseline: {error}"


# promises that cannot be kept


def provable(merged: Merged, built: Built, periods: Mapping[str, int]) -> list[Problem]:
    """Golden probes whose cases can never tell their target from their floor, with the number that could."""
    found, told = list[Problem](), set[int]()
    for key, period in periods.items():
        origin = built.origins[key]
        spec = origin.spec
        if not isinstance(spec, GoldenSpec) or not spec.listed or id(origin) in told:
            continue
        said = unprovable(spec, period)
        if said and built.probes[key].scheduled:
            told.add(id(origin))
            at = next((name for name in ("target", "floor", "window") if name in spec.model_fields_set), "cases")
            found.append(origin.problem(merged, *said, at=(at,)))
    return found


def unprovable(spec: GoldenSpec, period: int) -> tuple[str, str] | None:
    """(what, what to write) when the cases cannot tell the target from the floor, None when they can."""
    number, asked, wanted = len(spec.listed), in_window(spec.window, spec.per_run, period), needed(spec)
    counted = asked if spec.repeats else min(number, asked)
    if counted >= wanted:
        return None
    what = (
        f"{spec.target:f}% cannot be told from {spec.least:f}% by these cases: that needs {wanted}; you have {number}, "
        f"and a window of {say_window(spec.window)} asks {asked}"
    )
    ways = []
    if number < wanted and not spec.repeats:
        ways.append(f"add {wanted - number} cases")
    if asked < wanted:
        ways.append(f"a longer window, such as {wanted} cases")
    if lower := reachable(float(spec.target) / 100, counted):
        ways.append(f"floor: {lower}%")
    if number < wanted <= asked and not spec.repeats:
        ways.append("repeats: true if answers differ each time")
    return what, "write " + ", or ".join(ways)


def reachable(target: float, cases: int) -> int:
    """The highest floor, in whole percent, that so many cases tell from a target; 0 for none."""
    from probes.stats import least_to_clear

    for floor in range(int(target * 100) - 1, 0, -1):
        if cases_needed(target, floor / 100) <= cases and least_to_clear(floor / 100) <= cases:
            return floor
    return 0
