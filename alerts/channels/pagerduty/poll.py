"""Asking PagerDuty what became of what it was told: few calls however much is open, and none while it wants quiet."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from alerts.channels.kit import OpenPage
from alerts.channels.pagerduty.client import PagerDuty
from alerts.channels.pagerduty.states import STATES, assigned, assigned_at, number_of, reactions_of, told_of
from alerts.message import React, Reaction
from probes.words.errors import DeliveryError
from probes.words.units import MINUTE

log = logging.getLogger("showup.alerts.pagerduty")

Incident = Mapping[str, Any]
POLL = 10.0  # seconds between questions
FEW = 4  # so many are asked about one by one; more are read as a list
LISTS, LISTED = 5, 100  # pages of a list that are read in one round, and incidents on each
AT_ONCE = 10  # incidents that no list shows, asked about in one round; the others have their turn in the next
LOGS = 4  # logs read in one round, for whom PagerDuty told
TOGETHER = 4  # calls on their way at the same time
TELLS_WITHIN = 10 * MINUTE  # µs in which PagerDuty tells somebody, or its log is no longer looked at
REMEMBERED = 2_000  # answers that were passed on already


class Poll:
    """What was asked and passed on. A round is at most 5 + 10 + 4 calls, 114 a minute of the 960 that are allowed."""

    def __init__(self, pagerduty: PagerDuty) -> None:
        self.pagerduty = pagerduty
        self._passed_on: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._told: OrderedDict[tuple[str, str], None] = OrderedDict()  # whose log was read to its end
        self._services: set[str] = set()  # those that hold incidents of ours
        self._turn = 0

    async def ask(self, pages: Sequence[OpenPage], react: React, *, seconds: float, names: bool = False) -> int:
        """Read these incidents and pass on what is new; how much was new. With `names` also whom PagerDuty told.

        Raises DeliveryError when nothing can be read.
        """
        try:
            async with asyncio.timeout(seconds):
                found = await self._read(pages)
        except TimeoutError:
            raise DeliveryError(f"PagerDuty did not answer within {seconds:g} s") from None
        new = 0
        for page in pages:
            incident = found.get(page.key)
            for reaction in reactions_of(page, incident, self.pagerduty.around) if incident else ():
                new += await self._pass_on(page, reaction, react)
        return new + (await self._ask_names(pages, found, react) if names else 0)

    async def _pass_on(self, page: OpenPage, reaction: Reaction, react: React) -> int:
        """Tell the desk once; a reaction that could not be kept is told again."""
        seen = (page.key, reaction.action, f"{reaction.at} {reaction.by}")
        if seen in self._passed_on:
            return 0
        await react(reaction)
        self._passed_on[seen] = None
        _forget(self._passed_on)
        return 1

    # --- reading ----------------------------------------------------------------------------------------------------

    async def _read(self, pages: Sequence[OpenPage]) -> dict[str, Incident]:
        """The newest incident of each key, as far as it can be read."""
        found = await self._list({page.key for page in pages}) if len(pages) > FEW else {}
        missing = [page.key for page in pages if page.key not in found]
        self._turn = self._turn + AT_ONCE if len(missing) > AT_ONCE else 0
        start = self._turn % len(missing) if missing else 0
        keys = (missing[start:] + missing[:start])[:AT_ONCE]
        room = asyncio.Semaphore(TOGETHER)

        async def look(key: str) -> Incident | None:
            async with room:
                return await self.one(key)

        answers = await asyncio.gather(*(look(key) for key in keys), return_exceptions=True)
        errors = [answer for answer in answers if isinstance(answer, BaseException)]
        for error in errors:
            if not isinstance(error, DeliveryError):
                raise error
        if errors and len(errors) == len(keys) and not found:
            raise errors[0]
        for key, answer in zip(keys, answers, strict=True):
            if isinstance(answer, Mapping):
                found[key] = answer
        self._services |= {name for one in found.values() if (name := _service(one))}
        return found

    async def one(self, key: str) -> Incident | None:
        """The newest incident under a key, or whose alerts carry it."""
        answer = await self.pagerduty.read("/incidents", incident_key=key, sort_by="created_at:desc", limit=1)
        incidents = answer.get("incidents")
        return incidents[0] if isinstance(incidents, list) and incidents and isinstance(incidents[0], dict) else None

    async def _list(self, keys: set[str]) -> dict[str, Incident]:
        """The same of many keys, from the newest incidents of the services that have any of ours."""
        found: dict[str, Incident] = {}
        params: dict[str, Any] = {"statuses": list(STATES), "sort_by": "created_at:desc", "limit": LISTED}
        if self._services:
            params["service_ids"] = sorted(self._services)
        for number in range(LISTS):
            answer = await self.pagerduty.read("/incidents", **params, offset=number * LISTED)
            incidents = answer.get("incidents")
            for one in incidents if isinstance(incidents, list) else ():
                if isinstance(one, dict) and one.get("incident_key") in keys:
                    found.setdefault(str(one["incident_key"]), one)
            if len(found) == len(keys) or not answer.get("more"):
                break
        return found

    # --- whom PagerDuty told ----------------------------------------------------------------------------------------

    async def _ask_names(self, pages: Sequence[OpenPage], found: Mapping[str, Incident], react: React) -> int:
        """Read the log of what was given to somebody since it was read last, until it says that they were told."""
        around, new = self.pagerduty.around, 0
        wanted = [page for page in pages if page.key in found and self._awaits(page, found[page.key])][:LOGS]
        for page in wanted:
            incident = found[page.key]
            answer = await self.pagerduty.read(f"/incidents/{number_of(incident)}/log_entries", limit=LISTED)
            told = told_of(page, answer.get("log_entries"), incident, around)
            if told is not None:
                new += await self._pass_on(page, told, react)
            if told is not None or around.clock.now() - (assigned_at(incident) or 0) > TELLS_WITHIN:
                self._told[self._given(page, incident)] = None
                _forget(self._told)
        return new

    def _awaits(self, page: OpenPage, incident: Incident) -> bool:
        """True while somebody has it, nobody has answered, and the log has not said yet that they were told."""
        waits = incident.get("status") == "triggered" and assigned_at(incident) is not None
        return waits and self._given(page, incident) not in self._told

    def _given(self, page: OpenPage, incident: Incident) -> tuple[str, str]:
        return page.key, f"{assigned_at(incident)} {assigned(incident, self.pagerduty.around)}"


def _service(incident: Incident) -> str:
    found = incident.get("service")
    return str(found.get("id") or "")[:40] if isinstance(found, Mapping) else ""


def _forget(kept: OrderedDict[Any, None]) -> None:
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)
