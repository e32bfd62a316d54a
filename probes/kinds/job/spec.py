"""The keys of a job: what is submitted, and the stages in which its results show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from probes.checks.written import Check
from probes.forms import Also
from probes.kinds import steps
from probes.kinds.files import Fixed
from probes.kinds.job.stages import (
    BucketSection,
    FieldsSection,
    FolderSection,
    MailSection,
    ObjectSection,
    Poll,
    RowSection,
    Stage,
)
from probes.kinds.order import missing
from probes.kinds.steps import Kin, Problem, Step, Text
from probes.spec import Spec
from probes.target import checked_headers
from probes.words.errors import Refused
from probes.words.units import micros_of, say_duration

SUBMITTING = timedelta(seconds=30)  # for each request that submits, where nothing else is said
LOOKS_A_MINUTE = 6


class Tag(Kin):
    """How synthetic work is marked, so that the client can tell it from real work."""

    header: str = Field("X-Synthetic", description="A header of every request; in a bucket, metadata of the object.")
    value: str = Field("showup", description="What it says.")
    field: str | None = Field(None, description="A field of the form or JSON object, too.")

    @model_validator(mode="after")
    def _sendable(self) -> Self:
        try:
            checked_headers({self.header: self.value})
        except Refused as refused:
            raise ValueError(f"{refused}; write header: X-Synthetic") from None
        return self


class Drop(Kin):
    """A file put into a folder or bucket; it is deleted at the end, if it is still there."""

    folder: Fixed | None = Field(None, description="A folder of showup's machine, from the configuration's on.")
    bucket: BucketSection | None = Field(None, description="A bucket.")
    name: Text = Field("${marker}", description="What the file, or the object's key, is called.")
    file: Fixed | None = Field(None, description="The file whose content it has, from the configuration's folder on.")
    fill: bool = Field(False, description="True fills in what is written ${…} in the file.")
    content: Text | None = Field(None, description="Its content as it stands.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.folder is None) == (self.bucket is None):
            raise ValueError("a drop goes to one place; write folder: /srv/in or bucket: {bucket: …}")
        if (self.file is None) == (self.content is None):
            raise ValueError('a drop has one content; write file: samples/invoice.pdf or content: "…"')
        return self


class Submit(Step):
    """One step of submitting: a request, a question, or a file that is dropped somewhere."""

    drop: Drop | None = Field(None, description="A file for a folder or bucket that the workflow watches.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.drop is None:
            self._doable()
        elif acts := self.acts():
            raise ValueError(f"{acts[0]} and drop in one step; write a step for each")
        elif self.check or self.capture:
            raise ValueError("a drop has no reply to check or capture; write check: in a stage under wait:")
        return self

    @property
    def label(self) -> str:
        """Its name when it has none of its own."""
        return "drop" if self.drop is not None else super().label

    def all_holes(self) -> Iterator[Problem]:
        """(where, captured name) of its act."""
        if self.drop is None:
            yield from super().all_holes()
        else:
            from probes.kinds.filling import needs

            texts = self.drop.model_dump(exclude_unset=True, by_alias=True)
            yield from ((("drop",), name) for name in sorted(needs(texts)))


@dataclass(frozen=True, slots=True)
class Named:
    """A step or stage by its name."""

    name: str


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, Mapping) else value


class JobSpec(Spec):
    """Work that is submitted, and whose results show up later and elsewhere."""

    model_config = ConfigDict(populate_by_name=False, validate_default=False)
    default_every: ClassVar[timedelta] = timedelta(minutes=30)
    own_defaults: ClassVar[frozenset[str]] = frozenset({"timeout"})  # each stage has a deadline of its own

    kind: Literal["job"] = "job"
    attempts: int = Field(2, ge=1, le=10, description="All tries of a run, the first included.")
    submit: Annotated[tuple[Submit, ...], BeforeValidator(_one_or_more), Also()] = Field(
        description="What is submitted: a step, or several in order."
    )
    wait: Annotated[tuple[Stage, ...], BeforeValidator(_one_or_more), Also()] = Field(
        description="The stages in which results show, in order, each with its deadline."
    )
    tag: Tag = Field(Tag(), description="How all of it is marked as synthetic.")

    @model_validator(mode="after")
    def _shape(self) -> Self:
        if not self.submit:
            raise ValueError("a job submits something; write submit: {post: /invoices, file: samples/invoice.pdf}")
        if not self.wait:
            raise ValueError("a job waits for something; write wait: [{within: 2m, poll: …}]")
        return self

    def _patience(self) -> timedelta:
        return self.submitting + self.waiting

    @property
    def submitting(self) -> timedelta:
        """How long submitting may take: the limits of its requests, half a minute for one without."""
        limits = (step.timeout.total if step.timeout else None for step in self.submit)
        return sum((limit or SUBMITTING for limit in limits), timedelta(0))

    @property
    def waiting(self) -> timedelta:
        """The deadlines of all stages together."""
        return sum((stage.within for stage in self.wait), timedelta(0))

    @property
    def names(self) -> tuple[str, ...]:
        """What submitting and waiting are called, in order, no two alike."""
        taken: list[str] = []
        for _, part in self._parts():
            base = name = part.name or part.label[:60]
            number = 1
            while name in taken:
                number += 1
                name = f"{base} {number}"
            taken.append(name)
        return tuple(taken)

    @property
    def steps(self) -> tuple[Named, ...]:
        """The parts in order, by name."""
        return tuple(map(Named, self.names))

    @property
    def talks(self) -> tuple[tuple[str, ...], ...]:
        """The questions that it asks."""
        return tuple((step.ask,) for step in self.submit if step.ask is not None)

    @property
    def hears(self) -> bool:
        """True when a stage waits for a webhook."""
        return any(stage.webhook for stage in self.wait)

    def files(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """(where, path) of the files beside the configuration that it needs."""
        for number, step in enumerate(self.submit):
            where: tuple[str | int, ...] = ("submit",) if len(self.submit) == 1 else ("submit", number)
            yield from (((*where, "file"), each.path) for each in step.file or ())
            if step.drop is not None and step.drop.file is not None:
                yield (*where, "drop", "file"), step.drop.file
        for number, stage in enumerate(self.wait):
            if stage.fields is not None and stage.fields.file is not None:
                yield ("wait", number, "fields", "file"), stage.fields.file

    def counted(self) -> dict[str, float]:
        """Requests, and records left behind where nothing is cleaned up."""
        cleans = sum(len(part.cleanup) for _, part in self._parts())
        polled = sum(4 + stage.within.total_seconds() / 60 * LOOKS_A_MINUTE for stage in self.wait if stage.poll)
        asks = sum(step.ask is not None for step in self.submit)
        left = int(not cleans and not any(step.drop for step in self.submit))
        found = {"requests": len(self.submit) + cleans + round(polled), "asks": asks, "records": left}
        return {name: float(count) for name, count in found.items() if count}

    def problems(self) -> Iterator[Problem]:
        """What is wrong between its parts."""
        if self.timeout is not None and self.total_timeout < self.waiting:
            asked = say_duration(micros_of(self.submitting + self.waiting))
            said = f"the deadlines of its stages come to {say_duration(self.waiting)}, more than its timeout"
            yield ("timeout",), f"{said} of {say_duration(self.total_timeout)}; leave it out, or write timeout: {asked}"
        names: set[str] = set()
        for where, part in self._parts():
            if part.name is not None and part.name in names:
                yield (*where, "name"), f"two parts are called {part.name}; write another name"
            names.add(part.name or "")
        yield from self._lost_names()

    def _parts(self) -> Iterator[tuple[tuple[str | int, ...], Submit | Stage]]:
        single = len(self.submit) == 1
        for number, step in enumerate(self.submit):
            yield ("submit",) if single else ("submit", number), step
        for number, stage in enumerate(self.wait):
            yield ("wait", number), stage

    def _lost_names(self) -> Iterator[Problem]:
        known: set[str] = set()
        for where, part in self._parts():
            yield from missing(where, part.holes() if isinstance(part, Stage) else part.all_holes(), known)
            for name in part.capture or {}:
                if name in known:
                    yield (*where, "capture", name), f"{name} is captured twice; write another name"
            known |= {"ask"} if isinstance(part, Submit) and part.ask is not None else set()
            known |= set(part.capture or {})
            yield from missing(where, part.check_holes(), known)
            for number, clean in enumerate(part.cleanup):
                place = (*where, "cleanup") if len(part.cleanup) == 1 else (*where, "cleanup", number)
                yield from missing(place, clean.holes(), known)

    @classmethod
    def keys_under(cls, loc: Sequence[str | int]) -> tuple[str, ...]:
        """The keys that may stand at a place under the probe."""
        names = [part for part in loc[:-1] if isinstance(part, str)]
        model = _MODELS.get(names[-1]) if names else None
        return steps.keys(model) if model else steps.keys_under(loc) or super().keys_under(loc)


_MODELS: Mapping[str, type[BaseModel]] = {
    "submit": Submit,
    "wait": Stage,
    "tag": Tag,
    "drop": Drop,
    "poll": Poll,
    "mail": MailSection,
    "row": RowSection,
    "object": ObjectSection,
    "bucket": BucketSection,
    "folder": FolderSection,
    "fields": FieldsSection,
    "until": Check,
}
