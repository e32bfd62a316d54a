"""Who is on call, worked out of what people changed: the ground that questions, commands and calendars stand on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sqlmodel import Session

from alerts import roster
from alerts.oncall import Roster
from alerts.rotation import Duty
from monitor.services.base import when
from probes.words.errors import Refused

if TYPE_CHECKING:
    from monitor.app import Keeper


Weighed = TypeVar("Weighed")
Kept = TypeVar("Kept")

TRIES = 5  # while others change who is on call at the same time


def name_of(keeper: Keeper, person: str | None, given: str = "") -> str:
    """What people call somebody: a person of the configuration, or whom PagerDuty named."""
    people = keeper.catalog.book.people
    return people[person].name if person is not None and person in people else given


def duty_of(keeper: Keeper, given: Roster, rotation: str, at: int) -> dict[str, Any]:
    """Who is on call in a rotation at `at` (µs), until when somebody else is, why, and who is asked next."""
    on_call = keeper.desk.climb.on_call(given)
    now, following = on_call.duty(rotation, at), on_call.next_duty(rotation, at)
    return {
        "person": now.person,
        "name": name_of(keeper, now.person, now.name) or "nobody",
        "until": when(on_call.until(now, rotation, at)),
        "source": now.source,
        "reason": now.reason,
        "next": name_of(keeper, following.person, following.name) or "nobody",
    }


async def changed_by_people(keeper: Keeper, since: int) -> Roster:
    """Overrides and absences that are not over at `since` (µs); duties are worked out of it beside the store's thread,
    which has pages to keep."""
    return await keeper.store.read(lambda session: roster.read(session, now=since))


def planned(keeper: Keeper, given: Roster, rotation: str, start: int, end: int) -> list[Duty]:
    """Every duty of a rotation in [start, end), µs."""
    return list(keeper.desk.climb.on_call(given).duties(rotation, start, end))


async def change(
    keeper: Keeper, now: int, *, weigh: Callable[[Roster], Weighed], keep: Callable[[Session], Kept]
) -> tuple[Weighed, Kept]:
    """Change who is on call: `weigh` it (it may refuse) beside the store's thread, as a year of duties is too much for
    that, and `keep` it unless somebody changed it meanwhile: then it is weighed again."""
    for _ in range(TRIES):
        before = await changed_by_people(keeper, now)
        weighed = await asyncio.to_thread(weigh, before)

        def write(session: Session, before: Roster = before) -> tuple[Kept] | None:
            return (keep(session),) if roster.read(session, now=now) == before else None

        if (kept := await keeper.store.write(write)) is not None:
            keeper.changed.set()
            return weighed, kept[0]
    raise Refused("who is on call was changed by others at the same time", hint="ask again")
