"""Who is on call, worked out of what people changed: the ground that questions, commands and calendars stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alerts import roster
from alerts.oncall import Roster
from alerts.rotation import Duty
from monitor.services.base import when

if TYPE_CHECKING:
    from monitor.app import Keeper


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
