"""What one step of a probe is made of, as YAML has it: an act, its limits, its checks, what it captures and how it
cleans up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from probes.checks.agent import OF_AGENTS
from probes.checks.base import RULES
from probes.checks.judged import KINDS as JUDGED
from probes.checks.patterns import compile_pattern
from probes.checks.written import Check, checked_path, standing
from probes.forms import SHORT, Also, CostsSection, Limits, Timeout
from probes.kinds.asking import ASKING, AnswerSchema, Results, Tools
from probes.kinds.files import Files, FileSection
from probes.kinds.filling import GIVEN, NAME, needs
from probes.words.section import Section
from probes.words.units import Duration

VERBS = ("get", "head", "post", "put", "patch", "delete")
READING = frozenset({"get", "head"})
Problem = tuple[tuple[str | int, ...], str]  # where under the probe, what is wrong


class Kin(Section):
    """A section whose keys are known by their YAML name alone."""

    model_config = ConfigDict(populate_by_name=False, validate_default=False)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, Mapping) else value


def filled(value: Any) -> Any:
    """The value, when each `${…}` in it can mean something; raises ValueError."""
    needs(value)  # says what is wrong with a ${…}
    return value


def _path(value: str) -> str:
    if not value.startswith(("/", "?", "http://", "https://", "${")):
        raise ValueError(f'"{value}" is no path; write /{value}')
    return value


Text = Annotated[str, AfterValidator(filled)]
Path = Annotated[str, AfterValidator(filled), AfterValidator(_path)]
Fields = Annotated[dict[str, Any], AfterValidator(filled)]


class Budget(Kin):
    """How long a step should take: more is `slow`, or a timeout when `hard`."""

    limit: Duration
    hard: bool = False


class Capture(Kin):
    """Where a value to keep is found: one of json, header and regex."""

    at: Annotated[str, AfterValidator(checked_path)] | None = Field(None, alias="json", description="A JSONPath.")
    header: str | None = Field(None, description="A header's value.")
    regex: str | None = Field(None, description="The first group of a match in the text.")
    secret: bool = Field(False, description="True for a token: it is kept out of all evidence.")

    @field_validator("regex")
    @classmethod
    def _pattern(cls, text: str | None) -> str | None:
        return compile_pattern(text).text if text is not None else None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(part is not None for part in (self.at, self.header, self.regex)) != 1:
            raise ValueError("a capture comes from one place; write json: $.id, header: Name or regex: ...")
        return self


def _capture(value: Any) -> Any:
    return {"json": value} if isinstance(value, str) else value


Kept = Annotated[Capture, BeforeValidator(_capture), Also({"type": "string", "pattern": r"^\$"})]


def _captures(value: dict[str, Capture]) -> dict[str, Capture]:
    for name in value:
        if not NAME.match(name):
            raise ValueError(f"{name!r} cannot be a captured name; write letters, digits and _")
        if name in GIVEN:
            raise ValueError(f"{name} is given already; write another name")
    return value


Captures = Annotated[dict[str, Kept], AfterValidator(_captures)]
Checks = Annotated[tuple[Check, ...], BeforeValidator(_listed), Also()]
Limit = Annotated[
    Budget,
    BeforeValidator(lambda value: value if isinstance(value, Mapping | Budget) else {"limit": value}),
    Also(SHORT),
]


class Sending(Kin):
    """A request as it is written: one verb with its path, and what goes with it."""

    get: Path | None = Field(None, description="The path to GET.")
    head: Path | None = Field(None, description="The path to HEAD.")
    post: Path | None = Field(None, description="The path to POST to.")
    put: Path | None = Field(None, description="The path to PUT to.")
    patch: Path | None = Field(None, description="The path to PATCH.")
    delete: Path | None = Field(None, description="The path to DELETE.")
    params: Fields | None = Field(None, description="Query parameters, encoded.")
    headers: Annotated[dict[str, str], AfterValidator(filled)] | None = Field(None, description="Headers.")
    json_body: Annotated[Any, AfterValidator(filled)] = Field(None, alias="json", description="A JSON body.")
    data: Fields | None = Field(None, description="The fields of a form.")
    content: Text | None = Field(None, description="A body as it stands.")
    file: Files | None = Field(None, description="Files that go with the fields of data:, as a form of several parts.")
    follow: bool = Field(True, description="False leaves a redirect as the answer.")

    @property
    def verb(self) -> str:
        """The method in lower case, "" when there is none."""
        return next((verb for verb in VERBS if getattr(self, verb) is not None), "")

    @property
    def path(self) -> str:
        """The path of its verb."""
        return str(getattr(self, self.verb))

    def bodies(self) -> list[str]:
        """The YAML keys of the bodies it has."""
        named = {
            "json": "json_body" in self.model_fields_set,
            "data": self.data is not None,
            "content": self.content is not None,
        }
        return [name for name, there in named.items() if there]

    def _sendable(self) -> None:
        """Raise ValueError for a request that says two things at once."""
        verbs = [verb for verb in VERBS if getattr(self, verb) is not None]
        if len(verbs) > 1:
            raise ValueError(f"{' and '.join(verbs)} in one step; write a step for each")
        bodies = self.bodies()
        if len(bodies) > 1:
            raise ValueError(f"{' and '.join(bodies)} are two bodies for one request; keep one")
        if self.file and {*bodies} - {"data"}:
            raise ValueError(f"file goes with the fields of data:, not with {bodies[0]}:; keep one")
        if (bodies or self.file) and self.verb in READING:
            raise ValueError(f"a {self.verb} has no body; write params: or post:")

    def holes(self) -> Iterator[Problem]:
        """(where, captured name) of all that its texts refer to."""
        for name, alias in (*((verb, verb) for verb in VERBS), ("params", "params"), ("headers", "headers")):
            yield from (((alias,), need) for need in sorted(needs(getattr(self, name))))
        for name, alias in (("json_body", "json"), ("data", "data"), ("content", "content")):
            yield from (((alias,), need) for need in sorted(needs(getattr(self, name))))
        for each in self.file or ():
            texts = each.model_dump(exclude_unset=True)
            yield from ((("file",), need) for need in sorted(needs(texts)))


class CleanUp(Sending):
    """A request that puts things back; it is skipped when a value it needs was never captured."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if not self.verb:
            raise ValueError('a clean-up is a request; write {delete: "/bookings/${booking}"}')
        self._sendable()
        return self


CleanUps = Annotated[tuple[CleanUp, ...], BeforeValidator(_listed), Also()]


class Deed(Sending):
    """The keys of a step that a probe of one step has itself."""

    ask: Text | None = Field(None, description="A question for the workflow's agent.")
    tools: Tools | None = Field(
        None, description="Tools a model may call beside those of its chat, by name: {description, parameters}."
    )
    tool_results: Results | None = Field(
        None, description="What each tool answers when it is called, by name; the model then goes on."
    )
    answer_schema: AnswerSchema | None = Field(
        None, alias="schema", description="The JSON Schema that a model's answer has to have."
    )
    budget: Limit | None = Field(
        None, description="How long it should take; more is slow. {limit: 4s, hard: true} takes it down."
    )
    check: Checks = Field((), description="What has to hold.")
    capture: Captures | None = Field(None, description="Values to keep for later steps: {name: $.path}.")

    def acts(self) -> list[str]:
        """What it does, by YAML key."""
        return [verb for verb in (*VERBS, "ask") if getattr(self, verb) is not None]

    def _doable(self) -> None:
        """Raise ValueError for a step that does nothing, two things, or what cannot be checked."""
        acts = self.acts()
        if not acts:
            raise ValueError("a step that does nothing; add get: /path, post: /path or ask: ...")
        if len(acts) > 1:
            raise ValueError(f"{' and '.join(acts)} in one step; write a step for each")
        self._sendable()
        standing(self.check)
        used: set[str] = set().union(*(check.names() for check in self.check)) if self.check else set()
        if self.ask is None:
            if only := [rule.name for rule in RULES.values() if rule.name in used and rule.family in OF_AGENTS]:
                raise ValueError(f"{only[0]} is what a model says or does; write it under an ask: step")
            if extra := [name for name in ASKING if getattr(self, name) is not None]:
                raise ValueError(f"{extra[0].removeprefix('answer_')} goes with a question; write it beside ask:")
            return
        if "status" in used:
            raise ValueError("an ask: judges the status itself; write status: under a request")
        if extra := self.bodies() + [name for name in ("params", "headers") if getattr(self, name) is not None]:
            raise ValueError(f"{extra[0]} belongs to a request; write it under chat: of the workflow")

    @property
    def label(self) -> str:
        """Its name when it has none of its own."""
        return "ask" if self.ask is not None else f"{self.verb} {self.path}"

    def all_holes(self) -> Iterator[Problem]:
        """(where, captured name) of its act; those of checks with them, as a check may use what its own step
        captures.
        """
        yield from self.holes()
        for name in ("ask", "tool_results"):
            yield from (((name,), need) for need in sorted(needs(getattr(self, name))))

    def check_holes(self) -> Iterator[Problem]:
        """(where, captured name) of its checks."""
        for number, check in enumerate(self.check):
            written = check.model_dump(exclude_unset=True, by_alias=True)
            yield from ((("check", number), need) for need in sorted(needs(written)))


class Step(Deed):
    """One named part of a run."""

    name: str | None = Field(None, min_length=1, max_length=60, description="What this part is called.")
    timeout: Timeout | None = Field(None, description="For this step's request.")
    cleanup: CleanUps = Field((), description="Requests that put things back; last in, first out, whatever happened.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        self._doable()
        return self


def keys_under(loc: Sequence[str | int]) -> tuple[str, ...]:
    """The keys that may stand at a place under a probe, () where that is not known; the last part is the key itself."""
    names = [part for part in loc[:-1] if isinstance(part, str)]
    parent = names[-2] if len(names) > 1 else ""
    last = "capture" if parent == "capture" else (names[-1] if names else "")
    model = _MODELS.get(last)
    return keys(model) if model else ()


def keys(model: type[BaseModel]) -> tuple[str, ...]:
    """The YAML keys of a section."""
    return tuple(str(field.alias or name) for name, field in model.model_fields.items() if not field.exclude)


_MODELS: Mapping[str, type[BaseModel]] = {
    "steps": Step,
    "chat": Step,
    "check": Check,
    "any": Check,
    "all": Check,
    **JUDGED,
    "capture": Capture,
    "cleanup": CleanUp,
    "budget": Budget,
    "file": FileSection,
    "costs": CostsSection,
    "timeout": Limits,
}
PLAIN_TIMEOUT, PLAIN_EVERY = timedelta(seconds=10), timedelta(minutes=1)
