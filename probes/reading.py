"""Reading signs off the answers of an attempt, once it is over: it fails nothing, and takes little time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from time import monotonic
from typing import TYPE_CHECKING, Any

from probes.records import Finding
from probes.signs import MarkSection, VersionSection
from probes.tools import Missing, Trouble
from probes.words.errors import ProbeBug
from probes.words.failure import Failure
from probes.words.text import clean

if TYPE_CHECKING:
    from probes.journal import Journal
    from probes.spec import Spec
    from probes.target import Target

PATIENCE = 5.0  # seconds for asking which version answers, of the time that the attempt has left
LONGEST = 200  # characters


async def read_signs(spec: Spec | None, journal: Journal, target: Target, *, run_id: str, deadline: float) -> None:
    """Keep the version that answered, and degrade a run that a stand-in answered."""
    if spec is None or (spec.version is None and spec.fallback_mark is None):
        return
    began = monotonic()
    answers = [each.answer for step in journal.steps for each in step.exchanges if each.answer is not None]
    if spec.version is not None:
        found = await _version(spec.version, answers, target, run_id=run_id, deadline=deadline)
        if found:
            journal.versions["version"] = found
    if spec.fallback_mark is not None and (value := _marked(spec.fallback_mark, answers)):
        said = clean(f"running on fallback: {spec.fallback_mark.place} is {value}", 300)
        step = journal.steps[-1].name if journal.steps else journal.fallback
        journal.findings.append(Finding(Failure.PROVIDER_DOWN, said, step, True))
    journal.apart += monotonic() - began


async def _version(
    version: VersionSection, answers: Iterable[Any], target: Target, *, run_id: str, deadline: float
) -> str:
    if version.get is None:
        found = [_value(version, answer) for answer in answers]
        return next((value for value in reversed(found) if value), "")
    left = min(PATIENCE, deadline - monotonic())
    if left <= 0:
        return ""
    from probes.tools.http import Http

    http = Http(target, run_id=run_id, deadline=monotonic() + left)
    try:
        async with asyncio.timeout(left):
            answer = await http.request("GET", version.get)
        return _value(version, answer) if answer.status < 400 else ""
    except (Trouble, TimeoutError):
        return ""  # what is not said is not known; the checks say whether the workflow is well
    finally:
        await http.aclose()


def _marked(mark: MarkSection, answers: Iterable[Any]) -> str:
    """The first value that shows a stand-in, "" for none."""
    values = (_value(mark, answer) for answer in answers)
    return next((value for value in values if value and mark.fits(value)), "")


def _value(sign: VersionSection | MarkSection, answer: Any) -> str:
    if sign.header is not None:
        return clean(answer.headers.get(sign.header, ""), LONGEST)
    if sign.at is not None:
        found = answer.json(sign.at)
        return "" if found is Missing or found is None else clean(str(found), LONGEST)
    from probes.checks.patterns import compile_pattern

    try:
        match = compile_pattern(sign.regex or "").search(answer.text)
    except ProbeBug:  # it took too long on this text
        return ""
    return clean(match[1] if match.re.groups else match[0], LONGEST) if match else ""
