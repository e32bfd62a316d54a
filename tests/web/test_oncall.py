"""Who is on call, as commands, calendars and the keeper's own looks have it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from icalendar import Calendar
from sqlmodel import Session, select

from alerts import roster
from alerts.ical import absences_in, read_absences
from alerts.oncall import Roster
from alerts.tables import Absence, Notification, Occasion
from monitor.app import Keeper
from monitor.chores import calendars, gaps, handoffs
from monitor.services import SERVICES
from monitor.services.away import span_of
from monitor.tokens import key_in, oncall_token
from monitor.web.app import public_app
from probes.words.clock import micros
from probes.words.errors import Refused
from probes.words.units import DAY, HOUR
from tests.serving import serving
from tests.story.watch import CONFIG
from tests.web.asking import asking, built

TURNS = """
rotations:
  front: {people: [ana, bo], starts: 2026-03-02}
  night: {people: [cy], hours: "Mon-Sun 20:00-08:00"}
web: {url: "https://watch.example.com"}
"""
ICS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:skiing
DTSTART;VALUE=DATE:20300110
DTEND;VALUE=DATE:20300113
SUMMARY:Skiing
END:VEVENT
BEGIN:VEVENT
UID:fridays
DTSTART;TZID=America/New_York:20300104T090000
DTEND;TZID=America/New_York:20300104T170000
RRULE:FREQ=WEEKLY;COUNT=3
END:VEVENT
BEGIN:VEVENT
UID:called-off
STATUS:CANCELLED
DTSTART;VALUE=DATE:20300201
DTEND;VALUE=DATE:20300205
END:VEVENT
BEGIN:VEVENT
UID:coffee
DTSTART:20300120T100000Z
DTEND:20300120T103000Z
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Keeper]:
    async with built(tmp_path, CONFIG + TURNS) as keeper:
        yield keeper


async def ask(keeper: Keeper, name: str, **given: Any) -> Any:
    return await SERVICES[name](keeper, **given)


def at(*parts: int) -> int:
    return micros(datetime(*parts, tzinfo=UTC))  # type: ignore[misc,arg-type]


async def notices(keeper: Keeper) -> list[tuple[str, str]]:
    def read(session: Session) -> list[tuple[str, str]]:
        rows = session.exec(select(Notification).where(Notification.purpose == "info")).all()
        return [(row.person, row.headline) for row in rows]

    return await keeper.store.read(read)


async def test_duties_are_told_edge_by_edge(keeper: Keeper) -> None:
    found = (await ask(keeper, "oncall", at="2026-03-08T12:00", days=10))["front"]
    edges = [(one["start"], one["end"], one["name"]) for one in found["duties"]]
    assert edges == [
        ("2026-03-08T12:00:00+00:00", "2026-03-09T09:00:00+00:00", "Ana"),
        ("2026-03-09T09:00:00+00:00", "2026-03-16T09:00:00+00:00", "Bo"),
        ("2026-03-16T09:00:00+00:00", "2026-03-18T12:00:00+00:00", "Ana"),
    ]
    assert found["days"][1] == {"day": "2026-03-09", "names": ["Ana", "Bo"], "handoffs": ["09:00"]}


async def test_somebody_who_is_away_is_out_of_every_rotation_and_their_stand_in_is_named(keeper: Keeper) -> None:
    found = await ask(keeper, "away", person="ana", time="2030-01-07..2030-01-13", by="Ana", reason="Skiing")
    assert (found["name"], found["from"], found["until"]) == (
        "Ana", "2030-01-07T00:00:00+00:00", "2030-01-14T00:00:00+00:00",
    )  # fmt: skip
    assert {one["name"] for one in found["stand_ins"]} == {"Bo"}
    (listed,) = await ask(keeper, "absent")
    assert listed["reason"] == "Skiing"
    assert (await ask(keeper, "back", id=listed["id"]))["id"] == listed["id"]
    assert await ask(keeper, "absent") == []


async def test_whoever_has_the_duties_of_one_who_is_away_is_named_for_each_of_them(keeper: Keeper) -> None:
    found = await ask(keeper, "away", person="ana", time="2030-01-02..2030-01-25")
    turns = [(one["start"][:10], one["end"][:10], one["name"]) for one in found["stand_ins"]]
    assert len(turns) >= 2 and {name for *_, name in turns} == {"Bo"}
    before = (await ask(keeper, "oncall", at="2030-01-02T00:00", days=24))["front"]["duties"]
    assert {one["name"] for one in before} == {"Bo"}
    hours = sum((datetime.fromisoformat(one["end"]) - datetime.fromisoformat(one["start"])).total_seconds() / 3600
                for one in found["stand_ins"])  # fmt: skip
    assert hours < 24 * 24, "her own duties alone, not those that were his"


async def test_a_takeover_that_is_over_is_refused_and_the_hint_names_what_is_to_come(keeper: Keeper) -> None:
    for at in ("2020-11-20T10:00", "2h"):
        with pytest.raises(Refused) as refused:
            await ask(keeper, "override", rotation="front", person="bo", length="1h", at=at)
        assert "ago" not in str(refused.value.hint)
    given = {"rotation": "front", "person": "bo", "length": "1h"}
    assert await ask(keeper, "override", at="tomorrow 09:00", **given)
    with pytest.raises(Refused, match="an override is 400 days at most"):
        await ask(keeper, "override", rotation="front", person="bo", length="401d")


async def test_somebody_else_is_awaited_where_the_same_person_goes_on(keeper: Keeper) -> None:
    now = (await ask(keeper, "oncall"))["front"]
    person = {"Ana": "ana", "Bo": "bo"}[now["name"]]
    await ask(keeper, "override", rotation="front", person=person, length="1h")
    assert (await ask(keeper, "oncall"))["front"]["until"] == now["until"]


async def test_an_absence_that_leaves_nobody_is_refused_with_the_moment(keeper: Keeper) -> None:
    await ask(keeper, "away", person="bo", time="2030-01-07..2030-01-13")
    with pytest.raises(Refused, match="without Ana nobody is on call in front from 2030-01-09 00:00 UTC"):
        await ask(keeper, "away", person="ana", time="2030-01-09")
    with pytest.raises(Refused, match="there is no person annna"):
        await ask(keeper, "away", person="annna", time="2030-01-09")


async def test_two_people_swap_their_next_turns(keeper: Keeper) -> None:
    before = (await ask(keeper, "oncall", days=20))["front"]["duties"]
    found = await ask(keeper, "swap", rotation="front", person="ana", other="bo")
    after = (await ask(keeper, "oncall", days=20))["front"]["duties"]
    assert {one["person"] for one in found["turns"]} == {"ana", "bo"}
    assert [one["person"] for one in after[:2]] == [one["person"] for one in reversed(before[:2])]


async def test_a_feed_opens_with_its_own_token_alone(keeper: Keeper) -> None:
    token = oncall_token(key_in(keeper.folder), "person:ana")
    async with asking(public_app(keeper)) as client:
        found = await client.get(f"/oncall/{token}.ics")
        assert found.headers["content-type"].startswith("text/calendar")
        assert "SUMMARY:Ana on call: front" in found.text
        assert "Bo on call" not in found.text
        again = await client.get(f"/oncall/{token}.ics")
        uids = [{line for line in text.splitlines() if line.startswith("UID:")} for text in (found.text, again.text)]
        assert uids[0] == uids[1] and len(uids[0]) > 3
        assert (await client.get("/oncall/0123.ics")).status_code == 404
    address = (await ask(keeper, "oncall_calendar", person="ana"))["url"]
    assert address == f"https://watch.example.com/oncall/{token}.ics"


def test_a_calendar_of_absences_is_read_with_its_repeats() -> None:
    found = absences_in(ICS, start=at(2030, 1, 1), zone="Europe/Berlin")
    assert sorted((uid, first, last) for first, last, uid in found) == [
        ("fridays", at(2030, 1, 4, 14), at(2030, 1, 4, 22)),
        ("fridays", at(2030, 1, 11, 14), at(2030, 1, 11, 22)),
        ("fridays", at(2030, 1, 18, 14), at(2030, 1, 18, 22)),
        ("skiing", at(2030, 1, 9, 23), at(2030, 1, 12, 23)),
    ]
    with pytest.raises(ValueError, match="Error"):
        absences_in("<html>not found</html>", start=0, zone="UTC")


def event(uid: str, *more: str) -> str:
    said = [f"UID:{uid}", "DTSTART:20300104T090000Z", "DTEND:20300104T190000Z", *more]
    return "\n".join(["BEGIN:VEVENT", *said, "END:VEVENT"])


def calendar(*events: str) -> str:
    return "\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", *events, "END:VCALENDAR", ""])


async def test_a_calendar_that_repeats_each_second_for_ever_is_given_up_and_stalls_nothing() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    endless = calendar(event("flood", "RRULE:FREQ=SECONDLY"))
    with pytest.raises(ValueError, match="reading it takes longer than 2 s: it repeats too often"):
        await read_absences(endless, person="ana", start=at(2030, 1, 1), zone="UTC", patience=2.0)
    ticking.cancel()
    assert ticks > 50, "the loop went on meanwhile"


async def test_one_broken_event_costs_no_other_and_duties_of_ours_are_no_absences() -> None:
    text = calendar(
        event("broken", "DTSTART:garbage").replace("DTSTART:20300104T090000Z\n", ""),
        "BEGIN:VEVENT\nUID:without\nEND:VEVENT",
        event("0123456789ab@showup"),
        event("good"),
        event("weekly", "RRULE:FREQ=WEEKLY;COUNT=3"),
        "\n".join(["BEGIN:VEVENT", "UID:weekly", "STATUS:CANCELLED", "RECURRENCE-ID:20300111T090000Z",
                   "DTSTART:20300111T090000Z", "DTEND:20300111T190000Z", "END:VEVENT"]),
    )  # fmt: skip
    found = await read_absences(text, person="ana", start=at(2030, 1, 1), zone="UTC")
    assert [(one.person, one.reason, one.start) for one in found] == [
        ("ana", "good", at(2030, 1, 4, 9)), ("ana", "weekly", at(2030, 1, 4, 9)), ("ana", "weekly", at(2030, 1, 18, 9)),
    ]  # fmt: skip


async def test_a_calendar_that_changes_changes_the_absences_and_one_that_fails_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"text": ICS, "status": 200}

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=str(said["text"]), status=int(str(said["status"])))

    async with serving(web.get("/ana.ics", answer)) as url:
        text = CONFIG.replace("ana: {name: Ana,", 'ana: {name: Ana, calendar: "${secret:ANA_CAL}",') + TURNS
        monkeypatch.setenv("ANA_CAL", f"{url}/ana.ics")
        async with built(tmp_path, text) as keeper:

            async def kept() -> set[str]:
                def read(session: Session) -> set[str]:
                    return {row.uid for row in session.exec(select(Absence)).all() if row.lifted is None}

                return await keeper.store.read(read)

            said["text"] = ICS.replace("2030", str(datetime.now(UTC).year + 1))
            await calendars.look(keeper)
            assert "skiing" in await kept()
            before = await kept()
            said["status"] = 500
            await calendars.look(keeper)
            assert await kept() == before
            assert keeper.notes["calendar ana"]["trouble"]
            await calendars.look(keeper)
            assert keeper.engine.teller.untold == (), "one or two may be a hiccup"
            for _ in range(2):
                await calendars.look(keeper)
                assert await keeper.engine.teller.flush()
            (told,) = (await ask(keeper, "status"))["incidents"]
            assert (told["subject"], told["severity"]) == ("monitor", "warning")
            assert told["sentence"].startswith(
                "the calendar of Ana cannot be read, so nobody here knows when they are away"
            )
            said["status"], said["text"] = 200, "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nEND:VCALENDAR\n"
            await calendars.look(keeper)
            assert await kept() == set()
            assert await keeper.engine.teller.flush()
            assert (await ask(keeper, "status"))["incidents"] == []


async def test_a_handoff_is_told_to_both_once(keeper: Keeper) -> None:
    await handoffs.look(keeper)
    assert await notices(keeper) == [], "nothing changed hands: this is the first look"
    holder = (await ask(keeper, "oncall"))["front"]["person"]
    other = {"ana": "bo", "bo": "ana"}[holder]
    await ask(keeper, "override", rotation="front", person=other, length="2h")
    await handoffs.look(keeper)
    await handoffs.look(keeper)
    told = dict(await notices(keeper))
    assert set(told) == {"ana", "bo"}
    assert told[other].startswith("You are on call now in front until ")
    assert told[holder].endswith("is on call now in front; you are off")
    assert len(await notices(keeper)) == 2


async def test_whoever_comes_on_call_hears_what_is_due(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    now = keeper.clock.now()

    async def ends(*_: object) -> list[dict[str, str]]:
        soon, late = (datetime.fromtimestamp((now + days * DAY) / 1e6, UTC).isoformat() for days in (3, 30))
        return [{"kind": "key", "name": "ACME", "ends": soon}, {"kind": "key", "name": "LATER", "ends": late}]

    monkeypatch.setattr(handoffs, "soonest", ends)
    await handoffs.look(keeper)
    start = now + 2 * DAY
    await keeper.store.write(
        lambda session: session.add(
            Occasion(title="Board demo", start=start, end=start + HOUR, workflows=["intake"], author="x", created=now)
        )
    )
    holder = (await ask(keeper, "oncall"))["front"]["person"]
    await ask(keeper, "override", rotation="front", person={"ana": "bo", "bo": "ana"}[holder], length="2h")
    await handoffs.look(keeper)
    (text,) = await keeper.store.read(
        lambda session: [
            row.text for row in session.exec(select(Notification)).all() if row.headline.startswith("You are on call")
        ]
    )
    lines = text.splitlines()
    assert lines[1] == "Nothing is open." and lines[2].startswith("Event: Board demo, ")
    assert lines[3].startswith("Due: key ACME ends ") and len(lines) == 4


async def test_hours_in_which_nobody_serves_are_declared_and_a_gap_is_warned_of(keeper: Keeper) -> None:
    now = keeper.clock.now()

    def missing(session: Session) -> dict[str, str]:
        return gaps.missing(keeper, roster.read(session, now=now), now)

    assert await keeper.store.read(missing) == {}, "night serves in its hours alone, as it says"

    def leave(session: Session) -> None:
        for person in ("ana", "bo"):
            session.add(Absence(person=person, start=now + 9 * DAY, end=now + 10 * DAY, author="x", created=now))

    await keeper.store.write(leave)
    (said,) = (await keeper.store.read(missing)).values()
    assert said.startswith("nobody is on call in front from ") and said.endswith("everybody is away")


@pytest.mark.parametrize(
    ("text", "length"),
    [("2026-12-24..2026-12-26", 3 * DAY), ("2026-12-24", DAY), ("tomorrow", DAY),
     ("2026-12-24T18:00..2026-12-25T06:00", 12 * HOUR), ("2026-10-25", 25 * HOUR)],
)  # fmt: skip
def test_a_time_away_is_whole_days_or_two_moments_on_the_wall(text: str, length: int) -> None:
    start, end = span_of(text, "Europe/Berlin", now=at(2026, 10, 1))
    assert end - start == length


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [("Fri..Mon", (2026, 10, 2), (2026, 10, 6)), ("thu", (2026, 10, 1), (2026, 10, 2)),
     ("Wednesday", (2026, 10, 7), (2026, 10, 8)), ("today..Sunday", (2026, 10, 1), (2026, 10, 5)),
     ("2026-12-24..Mon", (2026, 12, 24), (2026, 12, 29)), ("Thu..Thu", (2026, 10, 1), (2026, 10, 2))],
)  # fmt: skip
def test_days_of_the_week_are_the_next_there_are(text: str, start: tuple[int, ...], end: tuple[int, ...]) -> None:
    assert span_of(text, "UTC", now=at(2026, 10, 1, 12)) == (at(*start), at(*end))


@pytest.mark.parametrize("text", ["", "..", "soon", "2026-13-01", "2026-12-26..2026-12-24", "2026-12-24..x", "9" * 400])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        span_of(text, "UTC", now=0)


@pytest.mark.parametrize("time", ["2030-01-07..2031-06-01", "2030-01-07..4000-01-01"])
async def test_an_absence_of_years_is_refused_at_once(keeper: Keeper, time: str) -> None:
    async with asyncio.timeout(2):
        with pytest.raises(Refused, match="an absence is 400 days at most"):
            await ask(keeper, "away", person="cy", time=time)


async def test_a_gap_that_an_absence_makes_longer_is_refused_too(keeper: Keeper) -> None:
    await ask(keeper, "away", person="bo", time="2030-01-07..2030-01-20")
    await keeper.store.write(
        lambda session: session.add(
            Absence(person="ana", start=at(2030, 1, 9), end=at(2030, 1, 10), author="their calendar", created=0)
        )
    )
    with pytest.raises(Refused, match="without Ana nobody is on call in front from 2030-01-10 00:00 UTC"):
        await ask(keeper, "away", person="ana", time="2030-01-09..2030-01-15")
    assert (await ask(keeper, "away", person="ana", time="2030-01-09"))["person"] == "ana", "as it is already"


async def test_who_is_away_takes_over_from_nobody(keeper: Keeper) -> None:
    await ask(keeper, "away", person="bo", time="today..tomorrow")
    with pytest.raises(Refused, match="Bo is away from "):
        await ask(keeper, "override", rotation="front", person="bo", length="2h")
    later = await ask(keeper, "override", rotation="front", person="bo", length="2h", start="3d")
    assert later["person"] == "bo"


async def test_a_hole_between_layers_is_warned_of_and_hours_of_one_are_as_they_were_written(tmp_path: Path) -> None:
    sun = """
rotations:
  sun:
    layers:
      - {people: [ana], timezone: Asia/Tokyo, hours: "Mon-Sun 08:00-16:00"}
      - {people: [bo], timezone: Europe/Berlin, hours: "Mon-Sun 08:00-16:00"}
  office: {people: [cy], hours: "Mon-Fri 08:00-18:00"}
"""
    async with built(tmp_path, CONFIG + sun) as keeper:
        now = keeper.clock.now()
        found = gaps.missing(keeper, Roster(), now)
        assert list(found) == ["sun"]
        assert found["sun"].endswith("nobody serves at this hour")


async def test_one_who_is_always_on_call_has_one_event_and_keeps_its_uid_as_days_go_by(tmp_path: Path) -> None:
    text = CONFIG + "\nrotations:\n  solo: {people: [ana]}\n  pair: {people: [ana, bo], starts: 2026-03-02}\n"
    async with built(tmp_path, text) as keeper:

        async def events(rotation: str) -> dict[str, datetime]:
            made = Calendar.from_ical((await ask(keeper, "oncall_calendar", rotation=rotation))["ics"])
            return {str(one["UID"]): one["DTSTART"].dt for one in made.walk("VEVENT")}

        (alone,), pair = await events("solo"), await events("pair")
        clock = keeper.clock
        later = clock.now() + 3 * DAY
        keeper.clock = SimpleNamespace(now=lambda: later)  # type: ignore[assignment]
        assert list(await events("solo")) == [alone]
        after = await events("pair")
        assert {uid: after[uid] for uid in pair.keys() & after.keys()} == {
            uid: pair[uid] for uid in pair.keys() & after
        }
        assert len(pair.keys() & after.keys()) >= len(pair) - 1


async def test_until_is_when_it_changes_hands_not_when_hours_begin(tmp_path: Path) -> None:
    text = (
        CONFIG
        + """
rotations:
  x:
    layers:
      - {people: [ana], hours: "Mon-Sun 08:00-12:00"}
      - {people: [ana, bo], shift: daily, handoff: "18:00", starts: 2026-03-02}
"""
    )
    async with built(tmp_path, text) as keeper:
        found = (await ask(keeper, "oncall", rotation="x", days=20))["x"]
        assert found["until"] == found["duties"][0]["end"]
        assert found["duties"][1]["person"] != found["person"]


async def test_a_feed_that_is_asked_for_in_a_row_is_made_once(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    from monitor.services import calendars as made

    asked = 0
    real = made.calendar_of

    async def counted(*given: Any, **more: Any) -> str:
        nonlocal asked
        asked += 1
        return await real(*given, **more)

    monkeypatch.setattr(made, "calendar_of", counted)
    token = oncall_token(key_in(keeper.folder), "all")
    async with asking(public_app(keeper)) as client:
        texts = {(await client.get(f"/oncall/{token}.ics")).text for _ in range(5)}
    assert len(texts) == 1 and asked == 1


async def test_an_override_is_listed_by_its_number_and_taken_back(keeper: Keeper) -> None:
    holder = (await ask(keeper, "oncall"))["front"]["name"]
    other = {"Ana": "bo", "Bo": "ana"}[holder]
    made = await ask(keeper, "override", rotation="front", person=other, length="2h", reason="a wedding", by="Ana")
    later = await ask(keeper, "override", rotation="front", person=other, length="1h", start="3d")
    assert [one["id"] for one in await ask(keeper, "overrides")] == [made["id"], later["id"]]
    assert made in await ask(keeper, "overrides")
    assert (await ask(keeper, "oncall"))["front"]["person"] == other
    gone = await ask(keeper, "override_cancel", id=made["id"])
    assert (gone["person"], gone["then"]) == (other, holder)
    assert (await ask(keeper, "oncall"))["front"]["name"] == holder
    assert await ask(keeper, "overrides") == [later]
    await ask(keeper, "override_cancel", id=later["id"])
    assert await ask(keeper, "overrides") == []
    for number in (made["id"], later["id"], 99):
        with pytest.raises(Refused, match="no such override, or it is over") as refused:
            await ask(keeper, "override_cancel", id=number)
        assert refused.value.hint == "see: showup override"


async def test_an_override_without_which_nobody_is_on_call_is_not_taken_back(keeper: Keeper) -> None:
    await ask(keeper, "away", person="ana", time="2030-01-07..2030-01-13")
    first = await ask(keeper, "override", rotation="front", person="bo", length="14d", at="2030-01-05T00:00")
    await keeper.store.write(
        lambda session: session.add(
            Absence(person="bo", start=at(2030, 1, 9), end=at(2030, 1, 10), author="their calendar", created=0)
        )
    )
    cy = await ask(keeper, "override", rotation="front", person="cy", length="1d", at="2030-01-09T00:00")
    with pytest.raises(Refused, match="without it nobody is on call in front from 2030-01-09 00:00 UTC") as refused:
        await ask(keeper, "override_cancel", id=cy["id"])
    assert refused.value.hint == "let somebody else take over first: showup override front PERSON --for 8h"
    assert (await ask(keeper, "override_cancel", id=first["id"]))["then"] in ("Ana", "Bo")
    assert cy in await ask(keeper, "overrides")


async def test_an_override_into_hours_that_nobody_serves_is_taken_back(keeper: Keeper) -> None:
    day = await ask(keeper, "override", rotation="night", person="ana", length="24h", at="2030-01-07T00:00")
    gone = await ask(keeper, "override_cancel", id=day["id"])
    assert gone["then"] == "Cy", "at midnight; by day the rotation has nobody, as its hours say"
