"""What every service is made with: its registration, and how places, probes, lengths and moments are named."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from inspect import signature
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from monitor.config.naming import probe_id
from probes.words.clock import micros, moment
from probes.words.errors import Refused
from probes.words.names import nearest
from probes.words.units import SECOND, micros_of, parse_duration
from probes.words.wall import instant

if TYPE_CHECKING:
    from monitor.app import Keeper
    from monitor.status.history import Place

LARGEST_NUMBER = 1_000_000  # that anybody may give: days, seconds, rows
Service = Callable[..., Awaitable[Any]]
SERVICES: dict[str, Service] = {}
ACTS: set[str] = set()  # those that change something


def service(*, acts: bool = False) -> Callable[[Service], Service]:
    """Make a function reachable by its name."""

    def add(function: Service) -> Service:
        SERVICES[function.__name__] = function
        if acts:
            ACTS.add(function.__name__)
        return function

    return add


_KINDS: dict[str, tuple[type, ...]] = {"str": (str,), "bool": (bool,), "int": (int,), "float": (int, float)}


def fitting(name: str, given: Mapping[str, Any], *, words: bool = False) -> dict[str, Any]:
    """What a service is given, as its parameters want it; `words`: all are text, numbers are read from it.

    Raises ValueError in words that name the wrong one.
    """
    wanted = {key: one for key, one in signature(SERVICES[name]).parameters.items() if key != "keeper"}
    missing = [key for key, one in wanted.items() if one.default is one.empty and key not in given]
    if missing:
        raise ValueError(f"{missing[0]} is missing")
    found: dict[str, Any] = {}
    for key, value in given.items():
        if key not in wanted:
            raise ValueError(f"{name} takes no {key[:40]}")
        kind = str(wanted[key].annotation)
        if words and kind in ("int", "float"):
            value = _number(value)
        if not isinstance(value, _KINDS[kind]) or (isinstance(value, bool) and kind != "bool"):
            raise ValueError(f"{key} must be of kind {kind}")
        if isinstance(value, int | float) and not abs(value) <= LARGEST_NUMBER:
            raise ValueError(f"{key} is out of range")
        found[key] = value
    return found


def _number(text: str) -> int | float:
    try:
        return int(text) if text.strip("-").isdigit() else float(text)
    except ValueError:
        raise ValueError(f"{text[:40]} is not a number") from None


def when(at: int | None) -> str | None:
    """ISO 8601 in UTC, or None."""
    return moment(at).isoformat(timespec="seconds") if at is not None else None


def probe_named(keeper: Keeper, name: str) -> str:
    """The full id of a probe named in full or by its last part; raises Refused with the nearest."""
    return probe_id(name, keeper.catalog.probes)


def place_named(keeper: Keeper, name: str) -> Place:
    """The (workflow, environment) of `workflow` or `workflow/environment`; raises Refused with the nearest."""
    workflow, _, environment = name.partition("/")
    if workflow not in keeper.catalog.workflows:
        near = nearest(workflow, keeper.catalog.workflows)
        raise Refused(
            f"there is no workflow {workflow}", hint=f"did you mean {near}?" if near else "see: showup status"
        )
    return workflow, environment or "production"


def length_of(text: str) -> int:
    """A length in µs, one second at least; raises Refused."""
    try:
        return max(SECOND, micros_of(parse_duration(text)))
    except ValueError as error:
        raise Refused(f"{text[:40]!r} is {error}") from None


def moment_of(text: str, zone: str, *, now: int) -> int:
    """A moment in µs: an ISO date-time, on the wall of `zone` unless it names its own; how long ago, such as `2h`; or
    `now`. Raises Refused."""
    said = text.strip()
    if said == "now":
        return now
    try:
        return now - micros_of(parse_duration(said.removesuffix("ago")))
    except ValueError:
        pass  # then it is a date
    try:
        found = datetime.fromisoformat(said)
        return micros(found) if found.tzinfo else instant(found, ZoneInfo(zone))
    except (ValueError, OverflowError):
        hint = "write 2026-11-23T03:00, or how long ago, such as 2h"
        raise Refused(f"{text[:40]!r} is no moment", hint=hint) from None
