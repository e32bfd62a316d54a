"""Sending to PagerDuty, and hearing from it: triggers by key, answers polled through the REST API."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from alerts.channels.kit import OpenPage, Surroundings, read_time, unsent
from alerts.channels.pagerduty import payload
from alerts.channels.pagerduty.client import PagerDuty
from alerts.channels.pagerduty.hooks import assigned
from alerts.channels.pagerduty.spec import Spec
from alerts.message import Finding, Message, Purpose, React, Reaction, Receipt
from alerts.people import find_person
from probes.words.errors import DeliveryError
from probes.words.text import clean

log = logging.getLogger("showup.alerts.pagerduty")

POLL = 10.0  # seconds between questions
AT_ONCE = 20  # incidents asked about in one round: 120 calls a minute of the 960 that are allowed
TOGETHER = 4  # calls on their way at the same time
REMEMBERED = 1_000  # answers that were passed on already

UNKNOWN = "showup-self-test"  # never triggered: its resolve is dropped, and tells whether the routing key is taken


class PagerDutyChannel:
    """One PagerDuty service. Within a round the key never changes, so repeating a trigger wakes nobody twice."""

    name = "pagerduty"

    def __init__(self, spec: Spec, around: Surroundings) -> None:
        self.spec = spec
        self.around = around
        self.pagerduty = PagerDuty(spec, around)
        self._passed_on: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._acked: OrderedDict[str, None] = OrderedDict()  # keys that were acknowledged there at the last look
        self._turn = 0

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
        found = await self._incident(key)
        if found is None:
            return None
        by = _who(found)
        return {
            "id": clean(str(found.get("id", "")), 40),
            "number": found.get("incident_number"),
            "status": clean(str(found.get("status", "")), 20),
            "url": clean(str(found.get("html_url", "")), 300),
            "by": clean(str(by.get("summary") or ""), 80),
        }

    async def _incident(self, key: str) -> dict[str, Any] | None:
        answer = await self.pagerduty.read("/incidents", incident_key=key, sort_by="created_at:desc", limit=1)
        found = answer.get("incidents")
        return found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else None

    async def listen(self, react: React) -> None:
        """Ask every 10 s who has answered, until cancelled; returns at once without a REST key."""
        while self.pagerduty.reads:
            await asyncio.sleep(POLL)
            pages = list(await self.around.open_pages(self.name))
            self._turn = self._turn + AT_ONCE if len(pages) > AT_ONCE else 0
            start = self._turn % len(pages) if pages else 0
            try:
                await self.ask((pages[start:] + pages[:start])[:AT_ONCE], react)
            except DeliveryError as error:
                log.warning("PagerDuty cannot be asked who answered: %s", error)

    async def ask(self, pages: Sequence[OpenPage], react: React, *, seconds: float = 60.0) -> int:
        """Read these incidents now and pass on what is new; how much was new. Raises DeliveryError when none can be
        read.

        Before a level starts this is called with `seconds=2`: an answer that is there is heard before somebody is
        woken.
        """
        if not pages or not self.pagerduty.reads:
            return 0
        room = asyncio.Semaphore(TOGETHER)

        async def look(page: OpenPage) -> int:
            async with room:
                return await self._pass_on(page, await self._incident(page.key), react)

        try:
            async with asyncio.timeout(seconds):
                found = await asyncio.gather(*(look(page) for page in pages), return_exceptions=True)
        except TimeoutError:
            raise DeliveryError(f"PagerDuty did not answer within {seconds:g} s") from None
        errors = [error for error in found if isinstance(error, BaseException)]
        for error in errors:
            if not isinstance(error, DeliveryError):
                raise error
        if len(errors) == len(pages):
            raise errors[0]
        return sum(new for new in found if isinstance(new, int))

    async def _pass_on(self, page: OpenPage, incident: Mapping[str, Any] | None, react: React) -> int:
        """Tell the desk once what a person or PagerDuty itself did; a reaction that could not be kept is told again."""
        new = 0
        for reaction in reactions_of(page, incident or {}, self.around, acked=page.key in self._acked):
            mark = reaction.by if reaction.action == "reassign" else str((incident or {}).get("last_status_change_at"))
            seen = (page.key, reaction.action, mark)
            if seen in self._passed_on:
                continue
            await react(reaction)
            self._passed_on[seen] = None
            new += 1
        if (incident or {}).get("status") == "acknowledged":
            self._acked[page.key] = None
        else:
            self._acked.pop(page.key, None)
        for kept in (self._passed_on, self._acked):
            while len(kept) > REMEMBERED:
                kept.popitem(last=False)
        return new

    async def doctor(self) -> list[Finding]:
        """What works and what does not, each with what to do."""
        from alerts.channels.pagerduty.doctor import examine

        return await examine(self.pagerduty)

    async def close(self) -> None:
        """Nothing is kept open between calls."""


def open_channel(spec: Spec, around: Surroundings) -> PagerDutyChannel:
    """The PagerDuty channel, ready to send."""
    return PagerDutyChannel(spec, around)


def reactions_of(
    page: OpenPage, incident: Mapping[str, Any], around: Surroundings, *, acked: bool = False
) -> list[Reaction]:
    """What an incident there says: who answered, that nobody does any more where `acked` it was, and who has it."""
    at = read_time(incident.get("last_status_change_at")) or around.clock.now()
    answered = reaction_of(page, incident, around)
    found = [answered] if answered is not None else []
    names = assigned(incident, around) if incident.get("status") != "resolved" else ""
    told = Reaction(action="reassign", incident=page.incident, by=names, via="pagerduty", at=at, round=page.round)
    if acked and incident.get("status") == "triggered":
        found.append(replace(told, action="unack", by="PagerDuty"))
    return [*found, told] if names else found


def reaction_of(page: OpenPage, incident: Mapping[str, Any], around: Surroundings) -> Reaction | None:
    """What the incident's state says somebody did; None while it is only triggered. Never raises."""
    action = {"acknowledged": "ack", "resolved": "resolve"}.get(str(incident.get("status")))
    if action is None:
        return None
    who = _who(incident)
    service = not str(who.get("type", "")).startswith("user")
    name = clean(str(who.get("summary") or ""), 80)
    person = None if service else find_person(around.people(), pagerduty=str(who.get("id") or ""), name=name)
    return Reaction(
        action=action,
        incident=page.incident,
        by=person.name if person else name or "PagerDuty",
        via="pagerduty",
        at=read_time(who.get("at") or incident.get("last_status_change_at")) or around.clock.now(),
        person=person.key if person else "",
        round=page.round,
        service=service,
    )


def _who(incident: Mapping[str, Any]) -> dict[str, Any]:
    """Who acknowledged, with `at`; else who changed the state last."""
    acknowledged = incident.get("acknowledgements")
    if incident.get("status") == "acknowledged" and isinstance(acknowledged, list) and acknowledged:
        last = acknowledged[-1] if isinstance(acknowledged[-1], Mapping) else {}
        who = last.get("acknowledger")
        return {**who, "at": last.get("at")} if isinstance(who, Mapping) else {}
    who = incident.get("last_status_change_by")
    return dict(who) if isinstance(who, Mapping) else {}
