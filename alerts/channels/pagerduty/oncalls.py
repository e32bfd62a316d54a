"""Who is on call by PagerDuty's schedules: read in the background, the last answer kept for when it cannot be read."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from alerts.channels.kit import read_time
from alerts.channels.pagerduty.client import PagerDuty
from alerts.oncall import Entry, Known
from alerts.rotation import RotationSpec
from probes.words.clock import Clock, moment
from probes.words.errors import DeliveryError
from probes.words.text import clean

log = logging.getLogger("showup.alerts.pagerduty")

EVERY = 60.0  # seconds between readings
AHEAD = timedelta(days=35)  # known in advance: more than the 30 in which gaps are looked for, as its end looks like one
PAGES, PAGE = 10, 100
FIRST = 3.0  # seconds that a start waits for the first answer


class Oncalls:
    """The last known answer for each rotation that PagerDuty keeps; hand it to `oncall.resolve(schedules=…)`.

    `pagerduty` (None: not set up) and `rotations` are asked for as they are configured now; `keep` is given what is
    known after each reading.
    """

    def __init__(
        self,
        pagerduty: Callable[[], PagerDuty | None],
        rotations: Callable[[], Mapping[str, RotationSpec]],
        *,
        clock: Clock,
        keep: Callable[[Mapping[str, Known]], Awaitable[None]] | None = None,
    ) -> None:
        self.pagerduty = pagerduty
        self.rotations = rotations
        self.clock = clock
        self._known: dict[str, Known] = {}
        self._keep = keep

    def remember(self, known: Mapping[str, Known]) -> None:
        """What an earlier process knew: it holds until PagerDuty answers."""
        self._known = {**known, **self._known}

    def known(self, rotation: str) -> Known | None:
        """What PagerDuty said last about this rotation; None when it never answered."""
        return self._known.get(rotation)

    async def begin(self, seconds: float = FIRST) -> None:
        """Ask before anything is watched, where nothing is known: the first page has somebody to go to."""
        if all(name in self._known for name, spec in self.rotations().items() if spec.reads_pagerduty):
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.refresh()

    async def run(self) -> None:
        """Read all rotations every minute, until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(EVERY)

    async def refresh(self) -> None:
        """Read all rotations once; one that cannot be read keeps its last answer, with the reason."""
        wanted = {name: spec for name, spec in self.rotations().items() if spec.reads_pagerduty}
        for gone in set(self._known) - set(wanted):
            del self._known[gone]
        pagerduty = self.pagerduty()
        for name, spec in wanted.items():
            now = self.clock.now()
            try:
                if pagerduty is not None:
                    self._known[name] = Known(await _read(pagerduty, spec, now), now)
            except DeliveryError as error:
                log.warning("PagerDuty cannot be asked who is on call in %s: %s", name, error)
                if name in self._known:
                    self._known[name] = replace(self._known[name], trouble=str(error))
        if self._keep is not None:
            await self._keep(self._known)


async def _read(pagerduty: PagerDuty, spec: RotationSpec, now: int) -> tuple[Entry, ...]:
    """Now and the 30 days ahead. The first page tells the present, as entries come in order of time
    within a level.
    """
    start = moment(now).replace(microsecond=0)
    params: dict[str, Any] = {"since": start.isoformat(), "until": (start + AHEAD).isoformat(), "limit": PAGE}
    if spec.pagerduty_schedule:
        params["schedule_ids"] = [spec.pagerduty_schedule]
    else:
        params["escalation_policy_ids"] = [spec.pagerduty_policy]
    found: dict[tuple[Any, ...], Entry] = {}
    for page in range(PAGES):
        answer = await pagerduty.read("/oncalls", **params, offset=page * PAGE)
        rows = answer.get("oncalls")
        for row in rows if isinstance(rows, list) else []:
            entry = read_entry(row, by_level=spec.pagerduty_policy is not None)
            if entry is not None:
                found.setdefault((entry.user, entry.start, entry.end, entry.level), entry)
        if not answer.get("more"):
            break
    return tuple(found.values())


def read_entry(row: Any, *, by_level: bool) -> Entry | None:
    """One on-call as PagerDuty lists it; None for what cannot be read. A schedule's entries repeat for each
    policy's level.
    """
    user = row.get("user") if isinstance(row, dict) else None
    if not isinstance(user, dict) or not user.get("id"):
        return None
    start, end = read_time(row.get("start")), read_time(row.get("end"))
    level = row.get("escalation_level") if by_level else 1
    name = clean(str(user.get("summary") or user.get("name") or user["id"]), 80)
    return Entry(clean(str(user["id"]), 40), name, start, end, level if isinstance(level, int) else 1)
