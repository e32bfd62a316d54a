"""Channels asked here and now, for a person who waits: each is opened, asked one thing, and closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from probes.words.errors import DeliveryError, ShowupError

if TYPE_CHECKING:
    from alerts.message import Finding
    from alerts.policy import PolicySpec
    from monitor.config.catalog import Catalog
    from monitor.config.secrets import Secrets

T = TypeVar("T")
PATIENCE = 15.0  # seconds that a channel has to answer


def used(catalog: Catalog) -> Mapping[str, PolicySpec]:
    """The policies that something follows."""
    names = {catalog.monitor_policy, *(probe.policy for probe in catalog.probes.values())}
    return {name: policy for name, policy in catalog.book.policies.items() if name in names}


async def asked(
    name: str, catalog: Catalog, secrets: Secrets, question: Callable[[Any], Awaitable[T]], *, seconds: float = PATIENCE
) -> T:
    """What the channel answers; raises what it raises, and TimeoutError."""
    from alerts.channel_table import open_channel
    from alerts.channels.kit import Surroundings
    from probes.words.clock import SystemClock

    around = Surroundings(
        secrets=secrets.need,
        people=lambda: catalog.book.people,
        clock=SystemClock(),
        policies=lambda: used(catalog),
    )
    channel = open_channel(name, catalog.book.channels[name], around)
    try:
        async with asyncio.timeout(seconds):
            return await question(channel)
    finally:
        await channel.close()


async def strangers(name: str, catalog: Catalog, secrets: Secrets) -> dict[str, Finding]:
    """What is wrong with the ids of people at a channel, by their key; raises ShowupError when it cannot be asked."""
    try:
        found: dict[str, Finding] = await asked(name, catalog, secrets, lambda channel: channel.strangers())
        return found
    except TimeoutError:
        said = f"no answer within {PATIENCE:g} s"
    except (DeliveryError, OSError) as error:
        said = str(error)
    raise ShowupError(f"{name} cannot be asked: {secrets.redactor().text(said)}", hint="see: showup doctor")
