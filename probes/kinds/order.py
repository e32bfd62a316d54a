"""What steps hand to each other: a captured name is known from its step on, and to no step before it."""

from __future__ import annotations

from collections.abc import Iterator

from probes.kinds.steps import CleanUp, Deed, Problem
from probes.words.names import nearest


def problems(
    steps: list[tuple[tuple[str | int, ...], Deed, tuple[CleanUp, ...]]], *, given: frozenset[str] = frozenset()
) -> Iterator[Problem]:
    """What is wrong between steps: values that no earlier step captures, captures that hide each other. `given` are the
    names that are known from the start."""
    known: dict[str, tuple[str | int, ...]] = dict.fromkeys(given, ())
    asked = False
    for where, step, cleans in steps:
        asked = asked or step.ask is not None
        there = set(known) | ({"ask"} if asked and step.ask is None else set())
        yield from missing(where, step.all_holes(), there)
        for name in step.capture or {}:
            if name in known:
                yield (*where, "capture", name), f"{name} is captured twice; write another name"
            known[name] = where
        there = set(known) | ({"ask"} if asked else set())
        yield from missing(where, step.check_holes(), there)
        for number, clean in enumerate(cleans):
            place = (*where, "cleanup") if len(cleans) == 1 else (*where, "cleanup", number)
            yield from missing(place, clean.holes(), there)


def missing(where: tuple[str | int, ...], holes: Iterator[Problem], known: set[str]) -> Iterator[Problem]:
    """The problems of captured names that nothing has captured by then."""
    for place, name in holes:
        if name not in known:
            near = nearest(name, known | {"date", "now", "run_id", "uuid", "marker"})
            hint = f"did you mean ${{{near}}}?" if near else f"write capture: {{{name}: $.path}} in an earlier step"
            yield (*where, *place), f"nothing is captured as {name} by then; {hint}"
