"""The demo's clinic: it books what was asked for when it is well, and fails in its own ways when it is broken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from monitor.sandbox.clinic import Clinic, receptionist, understand
from monitor.sandbox.faults import UnknownFault
from monitor.sandbox.models import ModelServer
from probes.words.clock import PushedClock

START = datetime(2026, 11, 23, 9, tzinfo=UTC)  # a Monday
TODAY = START.date()
WISH = "A cleaning on 2026-12-23 at 10, please. I am Test r01-x7"


@dataclass
class Visit:
    """A clinic, and a patient's client."""

    clinic: Clinic
    http: httpx.AsyncClient

    async def ask(self, message: str = WISH) -> httpx.Response:
        return await self.http.post("/chat", json={"message": message})


@pytest.fixture
async def visit() -> AsyncIterator[Visit]:
    async with Clinic(clock=PushedClock(START)) as clinic, httpx.AsyncClient(base_url=clinic.url, timeout=2) as http:
        yield Visit(clinic, http)


async def test_a_patient_is_answered_and_booked_and_can_be_taken_out_again(visit: Visit) -> None:
    answer = (await visit.ask()).json()
    assert answer["intent"] == "book_appointment"
    assert "booked for a cleaning on Wednesday, 23 December 2026 at 10:00" in answer["reply"]
    booked = (await visit.http.get(f"/appointments/{answer['booking_id']}")).json()
    assert (booked["time"], booked["date"], booked["name"]) == ("10:00", "2026-12-23", "Test r01-x7")
    mine = (await visit.http.get("/calendar", params={"name": "Test r01-x7"})).json()
    assert mine["appointments"] == [booked]

    assert (await visit.http.delete(f"/appointments/{answer['booking_id']}")).status_code == 204
    assert (await visit.http.get(f"/appointments/{answer['booking_id']}")).status_code == 404
    await visit.ask()
    assert (await visit.http.delete("/appointments", params={"name": "Test r01-x7"})).json() == {"deleted": 1}
    assert (await visit.http.delete("/appointments")).status_code == 400
    asked = [r for r in visit.clinic.models.received if r.what == "chat"]
    assert len(asked) == 2, "the words come from the model, over HTTP"


async def test_a_time_that_is_taken_is_not_booked_twice() -> None:
    async with Clinic(chairs=1, clock=PushedClock(START)) as clinic, httpx.AsyncClient(base_url=clinic.url) as http:
        first = (await http.post("/chat", json={"message": WISH})).json()
        second = (await http.post("/chat", json={"message": WISH.replace("x7", "x8")})).json()
        slot = {"name": "Other", "date": "2026-12-23", "time": "10:00"}
        assert (await http.post("/appointments", json=slot)).status_code == 409
        for wrong in ({"time": "25:00"}, {"date": "2026-02-30"}, {"name": ""}, {"time": 10}):
            assert (await http.post("/appointments", json=slot | wrong)).status_code == 400
        assert (await http.post("/appointments", content=b"[")).status_code == 400
    assert first["booking_id"] and second["booking_id"] is None and "taken" in second["reply"]


async def test_what_is_missing_is_asked_for_and_other_questions_are_answered(visit: Visit) -> None:
    half = (await visit.ask("I would like an appointment tomorrow. I'm Sam")).json()
    assert half["booking_id"] is None and "the time" in half["reply"]
    assert "8:00 to 18:00" in (await visit.ask("When are you open?")).json()["reply"]
    assert (await visit.ask("Hello there")).json()["intent"] == "other"
    for body in ({"message": ""}, {"message": 7}, [], None):
        assert (await visit.http.post("/chat", json=body)).status_code == 400


async def read_stream(http: httpx.AsyncClient) -> list[tuple[str, Any]]:
    events: list[tuple[str, Any]] = []
    async with http.stream("POST", "/chat/stream", json={"message": WISH}) as answer:
        name = ""
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                events.append((name, json.loads(line.removeprefix("data: "))))
                name = ""
    return events


async def test_the_stream_has_the_words_as_they_come(visit: Visit) -> None:
    events = await read_stream(visit.http)
    words, (last, done) = events[:-1], events[-1]
    assert len(words) > 5 and last == "done" and done["booking_id"]
    assert "".join(data["text"] for _, data in words) == done["reply"]
    visit.clinic.break_it("model-error-in-stream", times=1)
    assert (await read_stream(visit.http))[-1][0] == "error"


async def test_every_way_it_breaks_and_that_repair_repairs(visit: Visit) -> None:
    clinic = visit.clinic
    clinic.break_it("down")
    assert [(await visit.http.get(path)).status_code for path in ("/", "/healthz", "/calendar")] == [500] * 3
    clinic.repair()

    clinic.break_it("wrong-time")
    lied = (await visit.ask()).json()
    assert "at 10:00" in lied["reply"]
    assert (await visit.http.get(f"/appointments/{lied['booking_id']}")).json()["time"] == "22:00"
    assert (await visit.http.get("/healthz")).status_code == 200, "its health says nothing about its answers"
    clinic.repair()
    clinic.calendar.cancel_all("Test r01-x7")

    clinic.break_it("no-booking")
    lied = (await visit.ask()).json()
    assert "booked" in lied["reply"] and not clinic.calendar.find()
    clinic.repair()
    said: dict[str, str] = {}
    for kind in ("empty", "garbage", "refuse"):
        clinic.break_it(kind)
        said[kind] = (await visit.ask()).json()["reply"]
        clinic.repair()
        clinic.calendar.cancel_all("Test r01-x7")
    assert said["empty"] == "" and "Ã" in said["garbage"] and "can't help" in said["refuse"]

    clinic.break_it("hang")
    assert (await visit.http.get("/")).status_code == 200
    with pytest.raises(httpx.ReadTimeout):
        await visit.http.post("/chat", json={"message": WISH}, timeout=0.1)
    clinic.repair()
    clinic.break_it("model-down")
    assert (await visit.ask()).status_code == 502
    assert clinic.broken == ["model-overloaded"]
    clinic.repair()
    assert (await visit.ask("When are you open?")).status_code == 200 and not clinic.broken


async def test_slow_is_late_and_right(visit: Visit) -> None:
    loop = asyncio.get_running_loop()
    visit.clinic.break_it("slow", seconds=0.2)
    began = loop.time()
    answer = await visit.ask()
    assert loop.time() - began >= 0.2 and "booked" in answer.json()["reply"]


async def test_the_switch_wants_its_token(visit: Visit) -> None:
    key = {"Authorization": f"Bearer {visit.clinic.control_token}"}
    assert (await visit.http.post("/fault", json={"kind": "down"})).status_code == 401
    assert not visit.clinic.broken
    broken = await visit.http.post("/fault", json={"kind": "wrong-time"}, headers=key)
    assert broken.json() == {"broken": ["wrong-time"]}
    unknown = await visit.http.post("/fault", json={"kind": "wrong-tim"}, headers=key)
    assert unknown.status_code == 400 and "wrong-time" in unknown.json()["error"]
    assert (await visit.http.post("/fault", json={"kind": "down", "seconds": "soon"}, headers=key)).status_code == 400
    assert (await visit.http.post("/fault", json={"kind": "repair"}, headers=key)).json() == {"broken": []}
    assert (await visit.http.get("/break")).status_code == 403
    page = await visit.http.get("/break", params={"token": visit.clinic.control_token})
    assert "wrong-time" in page.text
    form = {"token": visit.clinic.control_token, "kind": "model-down"}
    assert (await visit.http.post("/fault", data=form)).status_code == 303
    assert visit.clinic.broken == ["model-overloaded"]
    with pytest.raises(UnknownFault):
        visit.clinic.break_it("model-nothing")


async def test_a_person_books_with_a_form_and_nothing_they_write_is_run(visit: Visit) -> None:
    home = (await visit.http.get("/")).text
    assert "Book online" in home and "<form" in home and "<script" not in home
    answer = await visit.http.post("/chat", data={"message": "<script>x</script> " + WISH})
    assert "You are booked" in answer.text and "<script" not in answer.text
    assert visit.clinic.calendar.find("Test r01-x7")


async def test_a_closed_clinic_wants_a_token_and_uses_it_inside() -> None:
    clinic = Clinic(api_token="n0rth", clock=PushedClock(START))
    async with clinic, httpx.AsyncClient(base_url=clinic.url) as http:
        assert (await http.post("/chat", json={"message": WISH})).status_code == 401
        assert (await http.get("/")).status_code == 200
        key = {"Authorization": "Bearer n0rth"}
        assert (await http.post("/chat", json={"message": WISH}, headers=key)).json()["booking_id"]
    assert "n0rth" not in str(list(clinic.received))


async def test_it_can_share_a_provider_with_others() -> None:
    async with ModelServer(rule=receptionist) as models, Clinic(models=models) as clinic:
        async with httpx.AsyncClient(base_url=clinic.url) as http:
            assert (await http.post("/chat", json={"message": "hours?"})).status_code == 200
        await clinic.stop()
        assert models.url and len(models.received) == 1


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("a cleaning on 24 December at 2 pm, my name is Ann Lee", ("Ann Lee", "2026-12-24", "14:00", "cleaning")),
        ("Check-up January 5th, 9:30, I'm Bo", ("Bo", "2027-01-05", "09:30", "check-up")),
        ("book me tomorrow at 8. this is Cy and thanks", ("Cy", "2026-11-24", "08:00", "cleaning")),
        ("appointment Monday 12 pm, I am D", ("D", "2026-11-30", "12:00", "cleaning")),
        ("an appointment on 2026-02-30 at 10", ("", "", "10:00", "cleaning")),
        ("book 3 fillings", ("", "", "", "filling")),
        ("book at 25:99 today", ("", "2026-11-23", "", "cleaning")),
    ],
)
def test_requests_are_understood(message: str, expected: tuple[str, str, str, str]) -> None:
    found = understand(message, TODAY)
    assert (found.name, found.date, found.time, found.service) == expected


def test_the_day_can_be_the_last_of_time() -> None:
    assert understand("book on 9999-12-31 at 10", date.max).date == "9999-12-31"
