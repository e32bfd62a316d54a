"""Absences out of people's own calendars, read twice an hour; one that cannot be read changes nothing, and is told of
when that lasts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from alerts import absences
from alerts.ical import LARGEST, PATIENCE, read_absences
from monitor.chores.standing import stand
from probes.words.errors import ShowupError
from probes.words.secret import fill, names_in
from probes.words.text import clean

if TYPE_CHECKING:
    from monitor.app import Keeper

log = structlog.get_logger("showup.calendars")

SOURCE = "their calendar"
LASTS = 3  # looks in a row that have to fail: one or two may be a hiccup of the network


async def look(keeper: Keeper) -> None:
    """Read each person's calendar, and make what it says hold."""
    people = keeper.catalog.book.people
    for person in people.values():
        if not person.calendar:
            continue
        try:
            text = await _fetch(keeper, person.calendar)
            now, zone = keeper.clock.now(), keeper.catalog.site.timezone
            found = await read_absences(text, person=person.key, start=now, zone=zone)
            await keeper.store.write(
                lambda session, key=person.key, found=found, now=now: absences.follow_calendar(  # type: ignore[misc]
                    session, key, SOURCE, found, now=now
                )
            )
            keeper.notes[_note(person.key)] = {"at": now, "trouble": "", "absences": len(found)}
        except (ValueError, OSError, TimeoutError, KeyError) as error:
            _troubled(keeper, person.key, clean(f"{type(error).__name__}: {error}", 120))
    known = {key: keeper.notes.get(_note(key)) or {} for key, person in people.items() if person.calendar}
    fails = {key: note["trouble"] for key, note in known.items() if note.get("trouble")}
    lasting = {
        key: f"the calendar of {people[key].name} cannot be read, so nobody here knows when they are away: {trouble}"
        for key, trouble in fails.items()
        if known[key].get("fails", 0) >= LASTS
    }
    await stand(keeper, "the calendar of ", lasting, mended=lambda key: "it is read again, or gone", unsure=fails)


def _note(person: str) -> str:
    return f"calendar {person}"


def _troubled(keeper: Keeper, person: str, trouble: str) -> None:
    said = keeper.secrets.redactor().text(trouble)
    log.warning("a calendar could not be read; what it said last holds", person=person, reason=said)
    fails = (keeper.notes.get(_note(person)) or {}).get("fails", 0) + 1
    keeper.notes[_note(person)] = {"at": keeper.clock.now(), "trouble": said, "fails": fails}


async def _fetch(keeper: Keeper, reference: str) -> str:
    """The text behind a calendar's address, capped; raises ValueError, TimeoutError."""
    import httpx

    try:
        url = str(fill(reference, keeper.secrets.need(names_in(reference)))).strip().replace("webcal://", "https://", 1)
    except ShowupError as error:
        raise ValueError(str(error)) from None
    found = bytearray()
    try:
        async with (
            asyncio.timeout(PATIENCE),
            # where somebody else's calendar leads us is not for it to say, as with everything that is fetched
            httpx.AsyncClient(follow_redirects=False, trust_env=False) as client,
            client.stream("GET", url) as answer,
        ):
            if answer.is_redirect:
                raise ValueError("it leads elsewhere; write the address that it leads to")
            if answer.status_code != 200:
                raise ValueError(f"it answered {answer.status_code}")
            async for part in answer.aiter_bytes():
                found += part
                if len(found) > LARGEST:
                    raise ValueError("it is too large")
    except httpx.HTTPError as error:
        raise ValueError(type(error).__name__) from None
    return found.decode("utf-8", "replace")
