"""A probe made of steps: what the kinds `http` and `chat` have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import (
    AliasPath,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    model_serializer,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from probes.forms import SHORT
from probes.kinds.asking import ASKING
from probes.kinds.order import problems
from probes.kinds.steps import PLAIN_EVERY, PLAIN_TIMEOUT, READING, CleanUp, Deed, Problem, Step, keys_under
from probes.spec import Spec
from probes.words.units import Duration

_CLEANING = timedelta(seconds=10)


def _is_acts(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple)


class Stepped(Spec):
    """The keys of a probe of steps."""

    needs_check: ClassVar[bool] = True

    # `cleanup` is a duration, the time of clean-ups, or on a probe of one step the clean-up itself: two fields, one
    # key.
    cleanup: Annotated[Duration, BeforeValidator(lambda value: _CLEANING if _is_acts(value) else value)] = Field(
        _CLEANING, description="The time of clean-ups (10s); on a probe of one step, the request that puts things back."
    )
    own_cleanup: Annotated[
        tuple[CleanUp, ...],
        BeforeValidator(lambda value: ([value] if isinstance(value, Mapping) else value) if _is_acts(value) else ()),
    ] = Field((), validation_alias=AliasPath("cleanup"), exclude=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core))
        schema["properties"].pop("own_cleanup", None)
        own = handler(CleanUp.__pydantic_core_schema__)
        described = {"description": cls.model_fields["cleanup"].description}
        many = {"type": "array", "items": own}
        schema["properties"]["cleanup"] = {**described, "anyOf": [SHORT, own, many]}
        return schema

    def deeds(self) -> tuple[tuple[tuple[str | int, ...], Deed, tuple[CleanUp, ...]], ...]:
        """(where it stands, the step, its clean-ups) in order."""
        raise NotImplementedError

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps in order, each with its name."""
        taken: set[str] = set()
        return tuple(_named(deed, cleans, taken) for _, deed, cleans in self.deeds())

    @property
    def only_reads(self) -> bool:
        """True when every step is a GET or HEAD."""
        return all(deed.ask is None and deed.verb in READING for _, deed, _ in self.deeds())

    def _period(self) -> timedelta:
        return PLAIN_EVERY if self.only_reads else self.default_every

    def _patience(self) -> timedelta:
        return PLAIN_TIMEOUT if self.only_reads and len(self.deeds()) == 1 else self.default_timeout

    def problems(self) -> Iterator[Problem]:
        """What is wrong between the steps."""
        deeds = list(self.deeds())
        if self.needs_check and deeds and not any(deed.check for _, deed, _ in deeds):
            yield (), "a probe without a check; write check: [{contains: some words}] or check: [{status: 200}]"
        names: set[str] = set()
        for where, deed, _ in deeds:
            name = deed.name if isinstance(deed, Step) else None
            if name is not None and name in names:
                yield (*where, "name"), f"two steps are called {name}; write another name"
            names.add(name or "")
        yield from problems(deeds)

    @classmethod
    def keys_under(cls, loc: Sequence[str | int]) -> tuple[str, ...]:
        """The keys that may stand at a place under the probe."""
        return keys_under(loc) or super().keys_under(loc)

    @property
    def talks(self) -> tuple[tuple[str, ...], ...]:
        """The questions that it asks, each a conversation of its own."""
        return tuple((deed.ask,) for _, deed, _ in self.deeds() if deed.ask is not None)

    @property
    def model_keys(self) -> tuple[str, ...]:
        """The keys of its questions that only a model understands."""
        found = (name for _, deed, _ in self.deeds() for name in ASKING if getattr(deed, name) is not None)
        return tuple(dict.fromkeys(name.removeprefix("answer_") for name in found))

    def files(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """(where, path) of the files that go with its requests."""
        for where, deed, _ in self.deeds():
            yield from (((*where, "file"), each.path) for each in deed.file or ())

    def counted(self) -> dict[str, float]:
        """Requests, and records left behind where a step writes without a clean-up of its own."""
        deeds = self.deeds()
        requests = sum(1 + len(cleans) for _, _, cleans in deeds)
        writes = sum(deed.verb not in READING and deed.ask is None and not cleans for _, deed, cleans in deeds)
        asks = sum(deed.ask is not None for _, deed, _ in deeds)
        found = {"requests": float(requests), "asks": float(asks), "records": float(writes)}
        return {name: count for name, count in found.items() if count}

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = handler(self)
        if self.own_cleanup:
            written["cleanup"] = [
                part.model_dump(mode="json", exclude_unset=True, by_alias=True) for part in self.own_cleanup
            ]
        return written


def _named(deed: Deed, cleans: tuple[CleanUp, ...], taken: set[str]) -> Step:
    name = (deed.name if isinstance(deed, Step) else None) or deed.label[:60]
    base, number = name, 1
    while name in taken:
        number += 1
        name = f"{base} {number}"
    taken.add(name)
    if isinstance(deed, Step):
        return deed.model_copy(update={"name": name})
    shared = {key: getattr(deed, key) for key in Deed.model_fields if key in deed.model_fields_set}
    return Step.model_construct(_fields_set={*shared, "name"}, **shared, name=name, cleanup=cleans)
