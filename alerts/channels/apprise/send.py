"""Sending through Apprise: its library in a thread, without its own retries, DeliveryError for all that fails."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from alerts import render
from alerts.channels.apprise.spec import Spec
from alerts.channels.kit import Surroundings, fill_in, in_thread, unsent
from alerts.message import Finding, Message, Purpose, React, Receipt
from alerts.people import find_phone, split_phone
from probes.words.errors import DeliveryError
from probes.words.text import clean

if TYPE_CHECKING:
    from apprise import NotifyBase

TITLE, BODY = 250, 1_000  # characters; what a service takes less of, Apprise cuts at the end
SHORT = 200  # a service that takes less than this is told in one line
GRACE = 2.0  # seconds beyond the library's own time-outs
FIRST = frozenset(
    {Purpose.PAGE, Purpose.EMERGENCY, Purpose.TEST}
)  # what may ring: a voice call is made for these alone
RINGING = frozenset({"call"})

logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it writes addresses, and they are secrets


class AppriseChannel:
    """Every service that Apprise knows. No receipt, no edit, no answer: what it took is delivered, unverified."""

    name = "apprise"
    verifies = False

    def __init__(self, spec: Spec, around: Surroundings) -> None:
        self.spec = spec
        self.around = around

    async def send(self, message: Message) -> Receipt:
        """Hand it to the service; raises DeliveryError."""
        if message.purpose in (Purpose.REFRESH, Purpose.NOTE):
            return unsent(self.name, "what is sent through Apprise cannot be edited")
        plugin = _plugin(self._address(message.target), message.target)
        quiet = message.incident is not None and not message.incident.urgent
        if rings(plugin) and (quiet or message.purpose not in FIRST):
            return unsent(self.name, "nobody is called for what is no page")
        title, body = words(message, room=int(plugin.body_maxlen))
        took = await self._notify(plugin, title, body, message.purpose)
        if not took:
            raise DeliveryError(f"{plugin.service_name} did not take it, through Apprise", unknown=True)
        return Receipt(
            channel=self.name, id=message.marker, detail={"service": str(plugin.service_name)}, verified=False
        )

    def _address(self, target: str) -> str:
        """The address behind a person's phone or a named target; it goes no further than the library."""
        if "/" not in target:
            reference = self.spec.targets.get(target)
            if reference is None:
                raise DeliveryError(f"channels.apprise.targets has no {clean(target, 40)}", permanent=True)
            return fill_in(reference, self.around, what=f"channels.apprise.targets.{clean(target, 40)}")
        entry = find_phone(target, self.around.people())
        if entry is None or split_phone(entry)[0] != "apprise":
            raise DeliveryError(f"{clean(target, 80)} is no longer a phone", permanent=True)
        return fill_in(split_phone(entry)[1], self.around, what=f"the phone {target}")

    async def _notify(self, plugin: NotifyBase, title: str, body: str, purpose: Purpose) -> bool:
        from apprise import NotifyFormat, NotifyType

        kind = {Purpose.RESOLVE: NotifyType.SUCCESS, Purpose.ACK: NotifyType.INFO, Purpose.INFO: NotifyType.INFO}
        seconds = self.spec.timeout.total_seconds() + GRACE
        try:
            return await in_thread(
                lambda: bool(
                    plugin.notify(
                        body=body,
                        title=title,
                        notify_type=kind.get(purpose, NotifyType.FAILURE),
                        body_format=NotifyFormat.TEXT,  # else what a target sent is taken for markup
                    )
                ),
                seconds=seconds,
            )
        except TimeoutError:
            raise DeliveryError(
                f"{plugin.service_name} did not answer in time, through Apprise", unknown=True
            ) from None
        except DeliveryError:
            raise
        except Exception as error:  # the boundary to a library of 180 services, each with its own ways to fail
            raise DeliveryError(f"Apprise failed ({type(error).__name__})", unknown=True) from None

    async def listen(self, react: React) -> None:
        """Nothing is heard through Apprise."""

    async def verify(self, key: str) -> dict[str, Any] | None:
        """There is nothing to ask."""
        return {"key": key}

    async def doctor(self) -> list[Finding]:
        """Is each address one that Apprise understands, and does it ring? Sends nothing."""
        found = []
        phones = [
            f"{person.key}/phone/{number}"
            for person in self.around.people().values()
            for number, entry in enumerate(person.phone)
            if entry.startswith("apprise:")
        ]
        for target in [*self.spec.targets, *phones]:
            try:
                plugin = _plugin(self._address(target), target)
            except DeliveryError as error:
                write = "see the address forms at github.com/caronc/apprise/wiki"
                found.append(Finding(level="fault", what=str(error), write=write))
                continue
            how = "calls" if rings(plugin) else "tells, and does not ring"
            found.append(Finding(level="ok", what=f"Apprise: {target} {how}, by {plugin.service_name}"))
        return found or [Finding(level="ok", what="Apprise: nobody is told through it")]

    async def close(self) -> None:
        """Nothing is kept open between calls."""


def _plugin(address: str, target: str) -> NotifyBase:
    """The library's object for an address; a permanent DeliveryError that does not repeat it."""
    try:
        from apprise import Apprise
    except ImportError:
        raise DeliveryError("Apprise is not installed; run: pip install showup[apprise]", permanent=True) from None
    plugin = Apprise.instantiate(address, suppress_exceptions=True)
    if plugin is None or not hasattr(plugin, "notify"):
        raise DeliveryError(f"the secret of {clean(target, 80)} is no address that Apprise understands", permanent=True)
    return plugin


def rings(plugin: Any) -> bool:
    """True for a service that makes a phone ring by calling it."""
    return str(getattr(plugin, "method", "")).lower() in RINGING


def words(message: Message, *, room: int) -> tuple[str, str]:
    """(title, body) for a service that takes `room` characters: where that is little, the first line alone, whole."""
    first = clean(render.subject_line(message), TITLE)
    if room < SHORT:
        return "", first[: max(1, room)]
    return first, (render.body(message)[:BODY] or clean(message.headline, BODY) or first)


def open_channel(spec: Spec, around: Surroundings) -> AppriseChannel:
    """The Apprise channel, ready to send."""
    return AppriseChannel(spec, around)
