"""Sending to PagerDuty, and hearing from it: triggers by key, answers polled through the REST API."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from alerts.channels.kit import OpenPage, Surroundings, unsent
from alerts.channels.pagerduty import payload, poll
from alerts.channels.pagerduty.client import PagerDuty
from alerts.channels.pagerduty.spec import Spec
from alerts.channels.pagerduty.states import agent, who_changed
from alerts.message import Finding, Message, Purpose, React, Receipt
from probes.words.errors import DeliveryError
from probes.words.text import clean

log = logging.getLogger("showup.alerts.pagerduty")

PATIENCE = 60.0  # seconds that one round of questions may take

UNKNOWN = "showup-self-test"  # never triggered: its resolve is dropped, and tells whether the routing key is taken


class PagerDutyChannel:
    """One PagerDuty service. Within a round the key never changes, so repeating a trigger wakes nobody twice."""

    name = "pagerduty"

    def __init__(self, spec: Spec, around: Surroundings) -> None:
        self.spec = spec
        self.around = around
        self.pagerduty = PagerDuty(spec, around)
        self.poll = poll.Poll(self.pagerduty)

    async def send(self, message: Message) -> Receipt:
        """Trigger, acknowledge or resolve. A trigger's receipt is unverified: a 202 is not yet an incident."""
        if message.purpose is Purpose.REFRESH:
            return unsent(self.name, "a trigger would be a log entry, and after a resolve a new incident")
        action = payload.ACTIONS.get(message.purpose)
        if action is None:
            raise DeliveryError(f"PagerDuty takes pages, not a {message.purpose}", permanent=True)
        fields = payload.trigger(message) if action == "trigger" else {}
        urgent = message.incident is None or message.incident.urgent
        key = await self.pagerduty.event(action, message.key, urgent=urgent, **fields)
        return Receipt(channel=self.name, id=key, detail={"key": key, "action": action}, verified=action != "trigger")

    @property
    def verifies(self) -> bool:
        """True when `verify` can tell: there is a REST key."""
        return self.pagerduty.reads

    async def alive(self) -> None:
        """Both keys are taken, and nobody is woken; raises DeliveryError."""
        await self.pagerduty.event("resolve", UNKNOWN)
        if self.pagerduty.reads:
            await self.pagerduty.read("/incidents", limit=1)

    async def verify(self, key: str) -> dict[str, Any] | None:
        """The newest incident under `key`: id, number, status, url, by; None when there is none.

        Raises DeliveryError when PagerDuty cannot be asked; permanent without a REST key.
        """
        if not self.pagerduty.reads:
            raise DeliveryError("PagerDuty cannot be asked without api_key: accepted, unverified", permanent=True)
        found = await self.poll.one(key)
        if found is None:
            return None
        who, _ = who_changed(found)
        return {
            "id": clean(str(found.get("id", "")), 40),
            "number": found.get("incident_number"),
            "status": clean(str(found.get("status", "")), 20),
            "url": clean(str(found.get("html_url", "")), 300),
            "by": agent(who, self.around).name,
        }

    async def listen(self, react: React) -> None:
        """Ask every 10 s who has answered, until cancelled; returns at once without a REST key."""
        trouble = ""
        while self.pagerduty.reads:
            await asyncio.sleep(poll.POLL)
            pages = list(await self.around.open_pages(self.name))
            try:
                await self.poll.ask(pages, react, seconds=PATIENCE, names=True)
                trouble = ""
            except DeliveryError as error:
                if not trouble:  # said once for each time that it goes silent
                    log.warning("PagerDuty cannot be asked who answered: %s", error)
                trouble = str(error)

    async def ask(self, pages: Sequence[OpenPage], react: React, *, seconds: float = PATIENCE) -> int:
        """Read these incidents now and pass on what is new; how much was new. Raises DeliveryError when none can be
        read.

        Before a level starts this is called with `seconds=2`: an answer that is there is heard before somebody is
        woken.
        """
        return await self.poll.ask(pages, react, seconds=seconds) if pages and self.pagerduty.reads else 0

    async def doctor(self) -> list[Finding]:
        """What works and what does not, each with what to do."""
        from alerts.channels.pagerduty.doctor import examine

        return await examine(self.pagerduty)

    async def close(self) -> None:
        """Nothing is kept open between calls."""


def open_channel(spec: Spec, around: Surroundings) -> PagerDutyChannel:
    """The PagerDuty channel, ready to send."""
    return PagerDutyChannel(spec, around)
