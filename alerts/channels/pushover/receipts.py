"""Receipts: who took a page that rings, asked no more often than Pushover allows, and passed on once."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from alerts.channels.kit import OpenPage, Surroundings
from alerts.message import React, Reaction
from probes.words.errors import DeliveryError
from probes.words.units import SECOND

log = logging.getLogger("showup.alerts.pushover")

LEAST = 5 * SECOND  # between two looks at one receipt: Pushover's rule
SELDOM = 60 * SECOND  # the same once it rings no more, or cannot be read
TOGETHER = 2  # connections at once: Pushover's rule
NEVER = 1 << 62
REMEMBERED = 1_000  # receipts


class Receipts:
    """The receipts of one application. `read(receipt, target)` is what Pushover says of one; it raises
    DeliveryError."""

    def __init__(self, around: Surroundings, read: Callable[[str, str], Awaitable[dict[str, Any]]]) -> None:
        self._around = around
        self._read = read
        self._next: OrderedDict[str, int] = OrderedDict()  # receipt → when it may be looked at again (µs)
        self._trouble = ""  # what was said last of what cannot be read, so that it is said once

    async def ask(self, pages: Sequence[OpenPage], react: React, *, seconds: float) -> int:
        """Look at those that may be looked at, and pass on what is new; how much was. What cannot be read waits.
        Raises DeliveryError after `seconds`."""
        room = asyncio.Semaphore(TOGETHER)
        try:
            async with asyncio.timeout(seconds):
                looks = (self._look(page, react, room, patience=seconds / 2) for page in pages)
                found = await asyncio.gather(*looks, return_exceptions=True)
        except TimeoutError:
            raise DeliveryError(f"Pushover did not say within {seconds:g} s who answered") from None
        self._say([error for error in found if isinstance(error, DeliveryError)])
        for error in found:
            if isinstance(error, BaseException) and not isinstance(error, DeliveryError):
                raise error
        return sum(new for new in found if isinstance(new, int))

    def _say(self, errors: Sequence[DeliveryError]) -> None:
        said = str(errors[0]) if errors else ""
        if said and said != self._trouble:
            log.warning("Pushover cannot be asked who answered: %s", said)
        self._trouble = said or self._trouble

    async def _look(self, page: OpenPage, react: React, room: asyncio.Semaphore, *, patience: float) -> int:
        receipt, target = str(page.receipt.get("receipt") or ""), str(page.receipt.get("target") or "")
        wait = (self._next.get(receipt, 0) - self._around.clock.now()) / SECOND
        if not receipt or wait > min(patience, LEAST / SECOND):
            return 0
        await asyncio.sleep(max(0.0, wait))
        async with room:
            self._again(receipt, LEAST)
            try:
                said = await self._read(receipt, target)
            except DeliveryError as error:
                asked = int((error.retry_after or 0) * SECOND)
                self._again(receipt, SELDOM if error.permanent else max(LEAST, asked))
                raise
        if said.get("acknowledged") != 1:
            self._again(receipt, SELDOM if said.get("expired") == 1 else LEAST)
            return 0
        await react(self._reaction(page, said))  # what could not be kept is passed on again
        self._again(receipt, NEVER)
        return 1

    def _again(self, receipt: str, wait: int) -> None:
        self._next[receipt] = self._around.clock.now() + wait
        self._next.move_to_end(receipt)
        while len(self._next) > REMEMBERED:
            self._next.popitem(last=False)

    def _reaction(self, page: OpenPage, said: dict[str, Any]) -> Reaction:
        person = self._around.people().get(page.person)
        at = said.get("acknowledged_at")
        return Reaction(
            action="ack",
            incident=page.incident,
            by=person.name if person else "somebody with Pushover",
            via="pushover",
            at=at * SECOND if isinstance(at, int) and at > 0 else self._around.clock.now(),
            person=page.person,
            round=page.round,
        )
