"""What every probe declares, whatever its kind; `read` turns what a user wrote into the Spec of the kind they meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

from pydantic import (
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from probes.forms import Confirm, CostsSection, Names, SpendLimits, Timeout
from probes.signs import FallbackSection, MarkSection, Version
from probes.words.names import is_key, nearest
from probes.words.secret import names_in
from probes.words.section import Section
from probes.words.units import Duration


@dataclass(frozen=True, slots=True)
class Kind:
    """Where a kind lives, as dotted paths; `keys` are those by which a probe without `kind:` is recognised."""

    spec: str
    run: str
    keys: frozenset[str] = frozenset()


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "contract": Kind("probes.kinds.contract.spec.ContractSpec", "probes.kinds.contract.run"),
        "tls": Kind("probes.kinds.tls.spec.TlsSpec", "probes.kinds.tls.run", frozenset({"tls"})),
        "dns": Kind("probes.kinds.dns.spec.DnsSpec", "probes.kinds.dns.run", frozenset({"dns"})),
        "key": Kind("probes.kinds.key.spec.KeySpec", "probes.kinds.key.run", frozenset({"key", "second_key"})),
        # the first whose key stands there: a set of cases asks or sends as the others do
        "golden": Kind("probes.kinds.golden.spec.GoldenSpec", "probes.kinds.golden.run", frozenset({"cases"})),
        "job": Kind("probes.kinds.job.spec.JobSpec", "probes.kinds.job.run", frozenset({"submit", "wait"})),
        "chat": Kind("probes.kinds.chat.spec.ChatSpec", "probes.kinds.chat.run", frozenset({"ask", "chat"})),
        "script": Kind("probes.kinds.script.spec.ScriptSpec", "probes.kinds.script.run", frozenset({"function"})),
        "http": Kind(
            "probes.kinds.http.spec.HttpSpec",
            "probes.kinds.http.run",
            frozenset({"get", "head", "post", "put", "patch", "delete", "steps"}),
        ),
        "provider-status": Kind(
            "probes.kinds.provider_status.spec.ProviderStatusSpec", "probes.kinds.provider_status.run"
        ),
        "heartbeat": Kind(
            "probes.kinds.heartbeat.spec.HeartbeatSpec",
            "probes.kinds.heartbeat.run",
            frozenset({"heartbeat", "grace"}),
        ),
    }
)


_SHORTEST_PERIOD = timedelta(seconds=1)
_LONGEST_TIMEOUT = timedelta(hours=1)


class Spec(Section):
    """What every probe declares. Each kind adds what it needs to know."""

    default_every: ClassVar[timedelta] = timedelta(minutes=5)
    default_timeout: ClassVar[timedelta] = timedelta(seconds=30)
    default_affects: ClassVar[Literal["down", "degraded"]] = "down"
    own_defaults: ClassVar[frozenset[str]] = frozenset()  # keys for which the file's `defaults` are not asked

    kind: str = Field("", description="How the probe runs; mostly plain from the other keys.")
    title: str | None = Field(None, max_length=200, description="What it proves, in a sentence for the page.")
    every: Duration | None = Field(None, description="The period: 1m for plain requests, 5m for what posts or talks.")
    cron: str | None = Field(None, description="A cron expression instead of `every`.")
    timezone: str = Field("", description="The time zone of `cron` and of dates (IANA name); UTC if none is set.")
    timeout: Timeout | None = Field(None, description="For one attempt: 10s for one plain GET, else 30s.")
    cleanup: Duration = Field(timedelta(seconds=10), description="The time that clean-ups have of their own.")
    attempts: int = Field(3, ge=1, le=10, description="All tries of a run, the first included.")
    confirm: Confirm = Field((1, 1), description="How many failing runs make an incident: 1, or 2 of 3.")
    weighed: bool = Field(
        False, description="True lets statistics tell when failures that may be chance page: wrong, empty, garbage …"
    )
    recover: int = Field(2, ge=1, le=20, description="How many passing runs end it.")
    severity: Literal["critical", "error", "warning", "info"] = Field("critical", description="Who is woken.")
    affects: Literal["down", "degraded"] = Field("down", description="What its failure makes of the workflow.")
    policy: str | None = Field(None, description="The escalation policy, if not the workflow's.")
    partner: str | None = Field(
        None, min_length=1, max_length=60, description="Whose system it looks at; they are blamed, by this name."
    )
    enabled: bool = Field(True, description="False skips its runs.")
    idempotent: bool = Field(False, description="True when an attempt of unknown outcome may simply be repeated.")
    was: str | None = Field(None, description="The name it had before; history moves along.")
    environments: Names | None = Field(None, description="Only in these environments.")
    depends_on: Names | None = Field(
        None, description="Names under providers, if not the workflow's; [] for none. What only reads has none."
    )
    version: Version | None = Field(
        None, description="Where it says which version answers: $.version, {header: …} or {get: /version, json: …}."
    )
    fallback: FallbackSection | None = Field(
        None, description="How the primary model is forced off, to prove the fallback: {headers: {X-Force: …}}."
    )
    fallback_mark: MarkSection | None = Field(
        None, description="What shows that a stand-in answered: {header: x-served-by, contains: backup}. It degrades."
    )
    costs: CostsSection | None = Field(
        None, description="What one run costs, where the file does not show it: {tokens: 900, usd: 0.002}."
    )

    spend: SpendLimits | None = Field(None, description="What it may spend: {usd: 0.20, per_minute: 6}.")

    @field_validator("cron")
    @classmethod
    def _cron(cls, text: str | None) -> str | None:
        if text is not None and len(text.split()) != 5:
            raise ValueError('not a cron expression; write five fields, such as "0 9 * * 1-5"')
        return text

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        from zoneinfo import ZoneInfo

        try:
            return name and ZoneInfo(name).key
        except (ValueError, OSError, LookupError):
            raise ValueError(f"there is no time zone {name!r}; write America/New_York or UTC") from None

    @field_validator("was")
    @classmethod
    def _was(cls, name: str | None) -> str | None:
        if name is not None and not is_key(name):
            raise ValueError(f"{name!r} never was a probe's name; write a-z, 0-9 and dashes")
        return name

    @model_validator(mode="after")
    def _settle(self) -> Self:
        if self.every is not None and self.cron is not None:
            raise ValueError("every and cron are two answers to one question; keep one")
        if self.every is not None and self.every < _SHORTEST_PERIOD:
            raise ValueError("every is too short; write 1s or more")
        if self.total_timeout > _LONGEST_TIMEOUT:
            raise ValueError("timeout is longer than an hour; write 30s")
        if "affects" not in self.model_fields_set:
            self.__dict__["affects"] = "degraded" if self.fallback is not None else self.default_affects
        if self.fallback is not None and "severity" not in self.model_fields_set:
            self.__dict__["severity"] = "warning"
        # Defaults that depend on the kind are filled in without being marked as written, so that a dump stays as it
        # was.
        if self.every is None and self.cron is None:
            self.__dict__["every"] = self._period()
        if "idempotent" not in self.model_fields_set:
            self.__dict__["idempotent"] = self.only_reads
        return self

    def _period(self) -> timedelta:
        return self.default_every

    def _patience(self) -> timedelta:
        return self.default_timeout

    @property
    def only_reads(self) -> bool:
        """True when the probe changes and costs nothing, so that it may be repeated freely."""
        return False

    @property
    def steps(self) -> tuple[Any, ...]:
        """The steps in order, as far as they are known before a run; each has a `name`."""
        return ()

    @property
    def total_timeout(self) -> timedelta:
        """The time of one attempt, without its clean-ups."""
        return (self.timeout.total if self.timeout else None) or self._patience()

    @property
    def limits(self) -> dict[str, float]:
        """The limits for the parts of each request, in seconds, without the attempt's own."""
        return {key: part for key, part in (self.timeout.seconds() if self.timeout else {}).items() if key != "total"}

    @classmethod
    def keys_under(cls, loc: Sequence[str | int]) -> tuple[str, ...]:
        """The keys that may stand at a place under the probe, () where that is not known."""
        return ()

    def problems(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """(where, what) of all that is wrong between several keys."""
        return iter(())

    def secret_names(self) -> set[str]:
        """The names of the secrets that the probe refers to."""
        return names_in(self.model_dump(mode="json", exclude_unset=True, by_alias=True))

    def files(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """(where, path) of the files beside the configuration that its attempts need."""
        return iter(())

    def counted(self) -> dict[str, float]:
        """What one run costs at most, as far as its steps show: requests, asks, records."""
        return {}

    @property
    def talks(self) -> tuple[tuple[str, ...], ...]:
        """The questions of each conversation, in order, as far as they are known before a run."""
        return ()


def _named(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


@cache
def by_kind(name: str) -> type[Spec]:
    """The Spec of a kind, importing its module alone; raises ValueError with the nearest kind."""
    if name not in KINDS:
        near = nearest(name, KINDS)
        raise ValueError(
            f"there is no kind {name!r}; " + (f"did you mean {near}?" if near else f"write {', '.join(KINDS)}")
        )
    found: type[Spec] = _named(KINDS[name].spec)
    return found


def kind_of(data: Mapping[str, Any]) -> str:
    """The kind that `data` is of: what it says, or what its keys say; `http` when neither does."""
    said = data.get("kind")
    if isinstance(said, str) and said:
        return said
    return next((name for name, kind in KINDS.items() if kind.keys & data.keys()), "http")


def read(data: Mapping[str, Any]) -> Spec:
    """The checked Spec of what was written; raises pydantic's ValidationError, whose places follow the data."""
    kind = kind_of(data)
    model = by_kind(kind) if kind in KINDS else _Unknown
    try:
        spec = model.model_validate({**data, "kind": kind})
    except ValidationError as error:
        raise _nearer(error, model) from None
    if wrong := list(spec.problems()):
        raise ValidationError.from_exception_data(model.__name__, [_error(where, what, data) for where, what in wrong])
    return spec


def _nearer(error: ValidationError, model: type[Spec]) -> ValidationError:
    """The same error, unknown keys within a step or a check answered with the nearest right one."""
    lines = error.errors(include_url=False)
    if not any(line["type"] == "extra_forbidden" and len(line["loc"]) > 1 for line in lines):
        return error
    return ValidationError.from_exception_data(model.__name__, [_answered(line, model) for line in lines])


def _answered(line: ErrorDetails, model: type[Spec]) -> InitErrorDetails:
    keys = model.keys_under(line["loc"]) if line["type"] == "extra_forbidden" and len(line["loc"]) > 1 else ()
    if not keys:
        return InitErrorDetails(type=line["type"], loc=line["loc"], input=line["input"], ctx=line.get("ctx", {}))
    from probes.checks.elsewhere import elsewhere

    name = str(line["loc"][-1])
    near = nearest(name, keys)
    write = elsewhere(name) if "not-contains" in keys else ""
    write = write or (f"did you mean {near}?" if near else f"write {', '.join(keys)}")
    what = f"unknown key '{name}'; {write}"
    kind = PydanticCustomError("value_error", "Value error, {error}", {"error": ValueError(what)})
    return InitErrorDetails(type=kind, loc=line["loc"], input=line["input"])


def _error(where: tuple[str | int, ...], what: str, data: Mapping[str, Any]) -> InitErrorDetails:
    """A problem between several keys, in the shape that pydantic gives to those of one key."""
    found: Any = data
    for part in where:
        try:
            found = found[part]
        except (LookupError, TypeError):
            break
    kind = PydanticCustomError("value_error", "Value error, {error}", {"error": ValueError(what)})
    return InitErrorDetails(type=kind, loc=where, input=found)


def keys_of(data: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys that a probe like this one may have, for finding the nearest right one."""
    kind = kind_of(data)
    model = by_kind(kind) if kind in KINDS else Spec
    return tuple(str(field.alias or name) for name, field in model.model_fields.items() if not field.exclude)


class _Unknown(Spec):
    """Stands in for a kind that does not exist, so that the error has its place."""

    @field_validator("kind")
    @classmethod
    def _no_such(cls, name: str) -> str:
        by_kind(name)
        return name
