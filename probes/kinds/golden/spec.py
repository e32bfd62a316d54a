"""The keys of a golden probe: its cases, how they are asked, how they are scored, and what is made of the scores."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from probes.checks.rules import Allowed, Rules, misnamed
from probes.forms import Confirm
from probes.kinds.filling import CASE
from probes.kinds.golden.case import LARGEST, MOST, GoldenCase, fields_named, lacking, names
from probes.kinds.order import problems
from probes.kinds.stepped import Stepped
from probes.kinds.steps import VERBS, CleanUp, Deed, Kept, Problem, Step, keys_under
from probes.words.names import nearest
from probes.words.units import Percent, micros_of, parse_duration, say_duration

_WINDOW = re.compile(r"\s*(\d{1,5})\s*cases?\s*\Z")
SHORTEST, LONGEST = 20, 10_000  # cases of a window
LONGEST_TIME = timedelta(days=30)


def parse_window(value: object) -> int | timedelta:
    """`200 cases` or `24h`; raises ValueError."""
    if isinstance(value, timedelta):
        found: int | timedelta = value
    elif isinstance(value, int) and not isinstance(value, bool):
        found = value
    elif isinstance(value, str) and (counted := _WINDOW.match(value)):
        found = int(counted[1])
    else:
        try:
            found = parse_duration(value)
        except ValueError:
            raise ValueError("not a window; write 200 cases or 24h") from None
    if isinstance(found, int):
        if not SHORTEST <= found <= LONGEST:
            raise ValueError(f"a window holds {SHORTEST} to {LONGEST:,} cases; write 200 cases")
    elif not timedelta(0) < found <= LONGEST_TIME:
        raise ValueError("a window is as long as 30d at most; write 24h or 200 cases")
    return found


def say_window(window: int | timedelta) -> str:
    """A window as it is written."""
    return f"{window} cases" if isinstance(window, int) else say_duration(window)


Window = Annotated[
    int | timedelta,
    BeforeValidator(parse_window),
    PlainSerializer(say_window, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["200 cases", "24h"]}),
]


def _sample(value: object) -> object:
    return MOST if value == "all" else value


def _cases(value: Any) -> Any:
    if isinstance(value, list | tuple) and len(value) > MOST:
        raise ValueError(f"more than {MOST:,} cases; make several probes of them")
    return value


class GoldenSpec(Stepped, Deed):
    """A probe that asks what it knows the answers of. Its step is made once for each case, `${case.…}` filled in."""

    model_config = ConfigDict(populate_by_name=False, validate_default=False)
    default_timeout: ClassVar[timedelta] = timedelta(seconds=60)

    kind: Literal["golden"] = "golden"
    confirm: Confirm = Field((2, 2), description="How many runs in which nothing answered make an incident.")
    cases: Annotated[tuple[GoldenCase, ...] | str, BeforeValidator(_cases)] = Field(
        description="The cases: a file beside this one (YAML list, CSV or JSONL), or a list."
    )
    answer: Kept | None = Field(
        None, description="Where the answer is: $.path, {header: Name} or {regex: …}; else the whole reply."
    )
    score: Literal["exact", "label", "number", "fields", "check"] | None = Field(
        None, description="How an answer is scored; mostly plain from the other keys."
    )
    labels: tuple[str, ...] = Field((), description="The labels there are, for confusion pairs: [book, cancel, other].")
    tolerance: Allowed | None = Field(None, description="How far off a number may be: 0.5 or 2%.")
    compare: Rules | None = Field(None, description="How fields are compared: tolerances, kinds, lists in any order.")
    normalise: bool = Field(True, description="False scores capitals, space and quotation marks, too.")
    sample: Annotated[int, BeforeValidator(_sample), WithJsonSchema({"type": ["integer", "string"]})] = Field(
        5, ge=1, le=MOST, description="Cases of one run, in rotation; or all."
    )
    target: Percent = Field(Decimal(95), description="The accuracy that is promised.")
    floor: Percent | None = Field(
        None, description="The accuracy that is surely too low, and that every alarm must be told from: 15 points less."
    )
    window: Window = Field(200, description="The newest cases that count: 200 cases, or those of 24h.")
    repeats: bool = Field(
        False, description="True counts a case that is asked again as another: where answers differ from time to time."
    )
    baseline: str | None = Field(
        None, description="The file of showup golden baseline; by default beside the cases, as NAME.baseline.json."
    )
    regressed: Literal["degraded", "down"] = Field(
        "degraded", description="What cases that were right in the baseline and no longer are make of the workflow."
    )

    @model_validator(mode="before")
    @classmethod
    def _asks(cls, data: Any) -> Any:
        """Cases that ask need no step of their own."""
        if isinstance(data, Mapping) and not any(data.get(key) for key in (*VERBS, "ask")):
            return {**data, "ask": "${case.ask}"}
        return data

    @field_validator("cases")
    @classmethod
    def _some(cls, cases: tuple[GoldenCase, ...] | str) -> tuple[GoldenCase, ...] | str:
        if not cases:
            raise ValueError("a golden set without a case; write [{ask: ..., expect: ...}]")
        return cases

    @model_validator(mode="after")
    def _shape(self) -> Self:
        self._doable()
        if self.floor is not None and self.floor >= self.target:
            usual = max(Decimal(0), self.target - 15)
            raise ValueError(f"a floor of {self.floor:f}% is not under the target; write floor: {usual:f}%")
        if self.target <= 0 or self.target >= 100:
            raise ValueError("a target is between 0% and 100%, both left out; write target: 95%")
        return self

    # -- what follows from the keys

    @property
    def least(self) -> Decimal:
        """The floor: its own, or 15 points under the target."""
        return self.floor if self.floor is not None else max(Decimal(0), self.target - 15)

    @property
    def scoring(self) -> str:
        """How answers are scored, where that is not said: by labels, rules for fields, or what is expected."""
        if self.score is not None:
            return self.score
        if self.labels:
            return "label"
        listed = self.listed
        if self.compare is not None or (listed and all(isinstance(case.expect, dict) for case in listed)):
            return "fields"
        if self.tolerance is not None:
            return "number"
        expects = any(case.expect is not None for case in listed)
        return "check" if (self.check and not self.answer) or not expects else "exact"

    @property
    def listed(self) -> tuple[GoldenCase, ...]:
        """The cases, () while they are still a file's name."""
        return self.cases if isinstance(self.cases, tuple) else ()

    @property
    def named(self) -> dict[str, GoldenCase]:
        """The cases by name, in their order."""
        return dict(zip(names(self.listed), self.listed, strict=True))

    @property
    def per_run(self) -> int:
        """How many cases a run tries."""
        return min(self.sample, len(self.listed)) or 1

    def deeds(self) -> tuple[tuple[tuple[str | int, ...], Deed, tuple[CleanUp, ...]], ...]:
        """The one step, made for each case."""
        return (((), self, self.own_cleanup),)

    @property
    def once(self) -> Step:
        """That step, with its name."""
        return super().steps[0]

    @property
    def steps(self) -> tuple[Step, ...]:
        """None is known before a run: each is a case whose turn it is."""
        return ()

    @property
    def only_reads(self) -> bool:
        """A set is asked rarely, whatever its requests are."""
        return False

    @property
    def talks(self) -> tuple[tuple[str, ...], ...]:
        """The questions of one run: the longest ones, as nobody knows whose turn it is."""
        if self.ask is None:
            return ()
        asked = sorted((case.ask or "" for case in self.listed), key=len, reverse=True)
        return tuple((question or self.ask,) for question in asked[: self.per_run])

    def counted(self) -> dict[str, float]:
        """The costs of every case of a run; what is asked for an answer is no record."""
        one = {name: amount for name, amount in super().counted().items() if name != "records"}
        return {name: amount * self.per_run for name, amount in one.items()}

    @classmethod
    def keys_under(cls, loc: Sequence[str | int]) -> tuple[str, ...]:
        """The keys that may stand at a place under the probe."""
        return keys_under(loc)

    # -- what is wrong between keys

    def problems(self) -> Iterator[Problem]:
        """What is wrong between the step, the cases and how they are scored."""
        yield from problems(list(self.deeds()), given=frozenset({CASE}))
        if isinstance(self.cases, str):
            yield ("cases",), f"{self.cases} was not read; write the cases themselves"
            return
        if len(self.model_dump_json(include={"cases"}, exclude_unset=True)) > LARGEST:
            yield ("cases",), f"the cases are larger than {LARGEST // 1_000_000} MB; make several probes of them"
        yield from self._each()
        wanted = fields_named(self.model_dump(mode="json", exclude_unset=True, by_alias=True, exclude={"cases"}))
        for number, field in lacking(self.cases, wanted):
            yield ("cases", number), f"this case has no {field}, which the probe asks for as ${{case.{field}}}"
        yield from self._scored()

    def _each(self) -> Iterator[Problem]:
        seen: dict[str, int] = {}
        for number, case in enumerate(self.listed):
            if said := case.problem():
                yield ("cases", number), said
            if case.name is not None:
                if case.name in seen:
                    yield ("cases", number, "name"), f"two cases are called {case.name!r}; write another name"
                seen.setdefault(case.name, number)

    def _scored(self) -> Iterator[Problem]:
        way = self.scoring
        if way == "label" and len(set(self.labels)) < 2:
            yield ("labels",), "there are no labels to tell apart; write labels: [book, cancel]"
            return
        if way == "check" and self.answer is not None:
            yield ("answer",), "checks look at the reply themselves; write score: exact, or remove answer:"
        for number, case in enumerate(self.listed):
            if said := self._unscorable(way, case):
                yield ("cases", number, *(("expect",) if "expect" in case.model_fields_set else ())), said
        if way == "fields" and self.compare is not None:
            for said in misnamed([case.expect for case in self.listed], self.compare):
                yield ("compare",), said

    def _unscorable(self, way: str, case: GoldenCase) -> str:
        """Why a case cannot be scored in this way, "" when it can."""
        if way == "check":
            return "" if self.check or case.check else "nothing is checked; write check: [{contains: some words}]"
        if case.expect is None:
            near = nearest("expect", case.model_extra or (), cutoff=80.0)
            meant = f"did you mean expect instead of {near}?" if near else "write expect:"
            return f"this case does not say what is right; {meant}"
        if way == "label" and str(case.expect) not in self.labels:
            return f"{str(case.expect)!r} is not among the labels; write one of {', '.join(self.labels[:12])}"
        if way == "number" and not _is_number(case.expect):
            return "a number is expected; write expect: 12.5"
        if way == "fields" and not isinstance(case.expect, dict | list):
            return "fields are expected; write expect: {total: 12.5}"
        return ""


def _is_number(value: Any) -> bool:
    from probes.checks.reading import read_number

    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) or (isinstance(value, str) and read_number(value) is not None)


def in_window(window: int | timedelta, per_run: int, period: int) -> int:
    """How many cases a window holds, of a probe that tries so many in each period (µs)."""
    if isinstance(window, int):
        return window
    return max(1, micros_of(window) // max(1, period)) * per_run
