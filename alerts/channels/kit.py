"""What every channel is handed, and the few tools they share."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator

from alerts.message import IncidentView, Receipt
from alerts.people import Person
from alerts.policy import PolicySpec
from probes.words.clock import Clock, micros
from probes.words.errors import DeliveryError
from probes.words.moments import iso_moment
from probes.words.secret import names_in
from probes.words.units import Duration

T = TypeVar("T")
_THREADS = 16  # blocking calls that may hang at once; each ends by its own time-outs


def _is_reference(text: str) -> str:
    if not names_in(text):
        raise ValueError("a secret never stands in the file; write ${secret:NAME}")
    return text


def _is_address(text: str) -> str:
    if names_in(text):
        return text
    if not text.startswith(("https://", "http://")) or any(mark in text for mark in " \r\n\t"):
        raise ValueError("not an address; write https://host/path")
    return text.rstrip("/")


SecretText = Annotated[str, AfterValidator(_is_reference)]
"""Text that holds at least one `${secret:NAME}`."""
Address = Annotated[str, AfterValidator(_is_address)]
"""An http or https address without a trailing slash, or a secret that holds one."""


def _is_short(length: timedelta) -> timedelta:
    if not timedelta(milliseconds=100) <= length <= timedelta(minutes=1):
        raise ValueError("a call to a provider may take from 100ms to 1m; write 10s")
    return length


Patience = Annotated[Duration, AfterValidator(_is_short)]
"""How long one call to a provider may take."""
PATIENCE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPage:
    """A page that left through a channel and whose incident is still open: what answers are polled for.

    `acked_via` is the channel by which it is acknowledged now, "" while nobody is on it.
    """

    incident: str  # public id
    key: str
    round: int = 1
    person: str = ""
    acked_via: str = ""
    receipt: Mapping[str, Any] = field(default_factory=dict)


async def nothing_seen(incident: str) -> IncidentView | None:
    """No incident is known: for drills and tests of one message."""
    return None


async def no_open_pages(channel: str) -> Sequence[OpenPage]:
    """Nothing is open: for drills and tests of one message."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a channel may use of the daemon. `secrets` gives the values of the names asked for, or raises.

    `open_pages(channel)` lists what to poll. `ack_url(incident, round, person)` is an address whose POST acknowledges,
    with a token made for that one act; "" where no public address exists. `subjects` are the workflows whose answers
    may be flagged, `workflow/environment` to title. `seen(incident)` is an incident as it is now. `policies` say who
    escalates, for the doctor.
    """

    secrets: Callable[[Iterable[str]], Mapping[str, str]]
    people: Callable[[], Mapping[str, Person]]
    clock: Clock
    open_pages: Callable[[str], Awaitable[Sequence[OpenPage]]] = no_open_pages
    ack_url: Callable[[str, int, str], str] = lambda incident, number, person: ""
    subjects: Callable[[], Mapping[str, str]] = dict
    seen: Callable[[str], Awaitable[IncidentView | None]] = nothing_seen
    policies: Callable[[], Mapping[str, PolicySpec]] = dict


def fill_in(text: str, around: Surroundings, *, what: str) -> str:
    """`text` with its secrets, on one line; a missing one is a permanent DeliveryError that names it."""
    from probes.words.errors import ShowupError
    from probes.words.secret import fill

    wanted = sorted(names_in(text))
    try:
        value = str(fill(text, around.secrets(wanted) if wanted else {})).strip()
    except (KeyError, ShowupError):
        raise DeliveryError(f"{what}: the secret {', '.join(wanted)} is not set", permanent=True) from None
    if any(ord(mark) < 32 or ord(mark) == 127 for mark in value):
        raise DeliveryError(f"{what}: the secret {', '.join(wanted)} holds a line break", permanent=True)
    return value


def trust(ca_file: str | None) -> ssl.SSLContext:
    """A TLS context that trusts the system's authorities, or only those in `ca_file`; raises DeliveryError."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        said = error.strerror or str(error)
        raise DeliveryError(f"ca_file {ca_file} cannot be read: {said}", permanent=True) from None


async def in_thread(call: Callable[[], T], *, seconds: float) -> T:
    """The result of a blocking call; TimeoutError after `seconds`, while its thread ends by itself, not waited for.

    A thread of its own, as a daemon: a call that hangs blocks neither other lookups nor the end of the process.
    """
    if sum(thread.name.startswith("showup-channel") for thread in threading.enumerate()) >= _THREADS:
        raise DeliveryError("too many calls to providers hang already")
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = call()
        except BaseException as raised:  # handed to the caller, whatever it is
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=work, name="showup-channel", daemon=True).start()
    async with asyncio.timeout(seconds):
        return await done


def wait_of(header: str | None, *, otherwise: float | None = None) -> float | None:
    """Seconds of a Retry-After header, 0 to 3,600; `otherwise` when it holds none."""
    try:
        return min(3600.0, max(0.0, float(header or "")))
    except ValueError:
        return otherwise


def read_time(text: object) -> int | None:
    """µs of a provider's ISO 8601 with an offset; None for anything else."""
    found = iso_moment(str(text))
    return micros(found) if found is not None else None


def unsent(channel: str, why: str) -> Receipt:
    """The receipt of what a channel has no use for, such as the edit of what cannot be edited: nothing left."""
    return Receipt(channel=channel, id="", detail={"unsent": why})
