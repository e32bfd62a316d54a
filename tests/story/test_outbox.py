"""The outbox by itself: what is due, who takes it, in which order, and what is written down of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlmodel import Session, select

from alerts import outbox
from alerts.message import ESCALATION, Purpose
from alerts.oncall import Deliverable
from alerts.tables import Incident, Mute, Notification
from probes.words.units import MINUTE, SECOND
from tests.story.night import START, memory

ANA = Deliverable(channel="ntfy", target="ana/phone/0", person="ana", name="Ana", human=True)
BO = Deliverable(channel="ntfy", target="bo/phone/0", person="bo", name="Bo", human=True)
OPS = Deliverable(channel="slack", target="ops", name="#ops")
LATE = Deliverable(channel="ntfy", target="ana/phone/1", person="ana", name="Ana", human=True, after=2 * MINUTE)


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(memory(), expire_on_commit=False) as made:
        yield made


def incident(session: Session, name: str = "A", **more: Any) -> Incident:
    given: dict[str, Any] = {"severity": "critical", "policy": "usual", "round": 1, "climbs": 1, "paging": True}
    made = Incident(public_id=name, subject=f"{name}/production", title=name, began=START, opened=START, **given | more)
    session.add(made)
    session.flush()
    return made


def page(session: Session, about: Incident | None, *ways: Deliverable, **more: Any) -> Notification:
    given: dict[str, Any] = {"purpose": Purpose.PAGE, "now": START, "level": 1, "lane": "ana", **more}
    return outbox.enqueue(session, about, ways or (ANA,), **given)


def claimed(session: Session, channel: str = "ntfy", *, now: int = START, **more: Any) -> list[Notification]:
    found = outbox.claim(session, channel, now=now, **more)
    return list(found.rows) if found is not None else []


def deliver(row: Notification, receipt: str, *, now: int = START) -> None:
    row.state, row.delivered_at, row.receipt = "delivered", now, {"id": receipt}


# --- what is written down ---------------------------------------------------------------------------------------------


def test_a_page_is_due_now_and_its_next_way_ten_seconds_later(session: Session) -> None:
    row = page(session, incident(session), ANA, BO)
    assert (row.due_at, row.spread_at, row.burst) == (START, START + 10 * SECOND, None)
    assert (row.channel, row.target, row.person, row.state, row.tries) == ("ntfy", "ana/phone/0", "ana", "pending", 0)
    assert [way["target"] for way in row.rest] == ["bo/phone/0"]
    assert (row.key, row.round, row.level) == ("showup-A.1", 1, 1)
    assert row.id is not None


def test_news_have_no_next_way(session: Session) -> None:
    about = incident(session)
    times = [
        page(session, about, purpose=purpose).spread_at for purpose in (Purpose.ACK, Purpose.RESOLVE, Purpose.NOTE)
    ]
    assert times == [None, None, None]
    assert page(session, about, purpose=Purpose.WARNING).spread_at == START + 10 * SECOND


@pytest.mark.parametrize(("lane", "due"), [("ana+ana/phone/1", START + 2 * MINUTE), ("ana", START)])
def test_a_phone_that_is_to_ring_later_is_due_then_beside_the_others(session: Session, lane: str, due: int) -> None:
    row = page(session, incident(session), LATE, lane=lane)
    assert (row.due_at, row.spread_at) == (due, due + 10 * SECOND)


def test_the_key_is_of_the_round_that_was_meant(session: Session) -> None:
    about = incident(session, round=3)
    assert [page(session, about, number=number).key for number in (None, 0, 2)] == [
        "showup-A.3", "showup-A.0", "showup-A.2",
    ]  # fmt: skip
    assert [outbox.key_of(about), outbox.key_of(about, 0)] == ["showup-A.3", "showup-A.0"]
    assert page(session, about, key="theirs").key == "theirs"
    assert outbox.enqueue(session, about, [ANA], purpose=Purpose.INFO, now=START).level == 0
    row = page(session, None, purpose=Purpose.TEST, level=0)
    assert (row.key, row.incident, row.round) == (f"showup-test-{START}", None, 0)
    assert page(session, None, purpose=Purpose.INFO, number=4).round == 4


def test_the_very_same_said_again_is_another_message(session: Session) -> None:
    about = incident(session)
    rows = [page(session, about, OPS, purpose=Purpose.NOTE, text="no answer") for _ in range(5)]
    assert len({row.marker for row in rows}) == 5
    assert all(len(row.marker) == 20 for row in rows)
    session.delete(rows[1])  # an old message is forgotten: its number may not lead to one that is there
    session.flush()
    again = page(session, about, OPS, purpose=Purpose.NOTE, text="no answer")
    assert again.marker not in {row.marker for row in (rows[0], *rows[2:])}


@pytest.mark.parametrize(
    ("level", "climbs", "purpose", "rank"),
    [(1, 1, Purpose.PAGE, 0), (2, 1, Purpose.PAGE, ESCALATION), (1, 2, Purpose.PAGE, ESCALATION),
     (2, 2, Purpose.ACK, Purpose.ACK.rank), (1, 1, Purpose.RESOLVE, Purpose.RESOLVE.rank)],
)  # fmt: skip
def test_who_has_not_heard_of_it_at_all_comes_first(
    session: Session, level: int, climbs: int, purpose: Purpose, rank: int
) -> None:
    assert page(session, incident(session, climbs=climbs), level=level, purpose=purpose).rank == rank


def test_a_test_page_of_no_incident_waits_behind_nobody(session: Session) -> None:
    assert page(session, None, purpose=Purpose.PAGE, level=2).rank == 0


# --- who takes it -----------------------------------------------------------------------------------------------------


def test_what_is_due_is_taken_once_for_forty_five_seconds(session: Session) -> None:
    row = page(session, incident(session))
    assert claimed(session, now=START - 1) == []
    assert claimed(session, "slack") == []
    assert outbox.waiting_on(session, now=START - 1) == frozenset()
    assert outbox.waiting_on(session, now=START) == {"ntfy"}
    assert claimed(session) == [row]
    assert (row.state, row.claimed_until, row.tries) == ("sending", START + 45 * SECOND, 1)
    assert claimed(session) == []
    assert outbox.waiting_on(session, now=START) == frozenset()
    session.expire_all()
    assert (row.state, row.claimed_until, row.tries) == ("sending", START + 45 * SECOND, 1), "as it stands in the table"


def test_what_another_keeper_took_meanwhile_is_left_to_it(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    page(session, incident(session))
    monkeypatch.setattr(outbox, "_take", lambda *_: ())
    assert claimed(session) == []


def test_of_two_who_take_the_same_one_has_it(session: Session) -> None:
    row = page(session, incident(session))
    seen = session.exec(select(Notification)).one()
    other = Notification.__table__.update().values(state="sending", tries=1)  # type: ignore[attr-defined]
    session.connection().execute(other)
    assert seen.state == "pending", "not read again"
    assert outbox._take(session, [row], START) == ()


def test_the_most_urgent_leaves_first_then_what_was_due_first(session: Session) -> None:
    one, two = incident(session, "A"), incident(session, "B")
    told = page(session, one, BO)
    claimed(session)
    deliver(told, "r1")
    note = page(session, one, BO, purpose=Purpose.RESOLVE, level=0)
    again = page(session, one, ANA, level=2)
    later = page(session, two, ANA, now=START + 1)
    later.burst, later.due_at = None, START + 1
    first = [claimed(session, now=START + SECOND)[0] for _ in range(3)]
    assert first == [later, again, note]


def test_when_a_channel_is_being_tried_only_pages_leave(session: Session) -> None:
    one = incident(session)
    told = page(session, one)
    claimed(session)
    deliver(told, "r1")
    page(session, one, purpose=Purpose.ACK, level=0)
    assert claimed(session, pages=True) == []
    escalation = page(session, one, BO, level=2)
    assert claimed(session, pages=True) == [escalation]
    assert len(claimed(session)) == 1


def test_one_message_at_a_time_about_an_incident_to_one_target(session: Session) -> None:
    one, two = incident(session, "A"), incident(session, "B")
    first = page(session, one)
    assert claimed(session) == [first]
    page(session, one, level=2)
    other = page(session, two, BO)
    assert claimed(session) == [other]
    assert claimed(session) == []
    tests = [page(session, None, purpose=Purpose.TEST, key=str(number)) for number in range(2)]
    assert [claimed(session), claimed(session)] == [[tests[0]], [tests[1]]], "of no incident they do not wait"


def test_a_target_that_rests_is_left_alone(session: Session) -> None:
    one = incident(session)
    page(session, one, ANA)
    other = page(session, one, BO)
    assert claimed(session, resting={"ana/phone/0"}) == [other]
    assert claimed(session, resting={"ana/phone/0"}) == []
    assert len(claimed(session)) == 1


def test_behind_more_than_one_look_of_held_pages_there_is_one_that_may_leave(session: Session) -> None:
    held = incident(session, "held")
    session.add_all(
        Notification(
            incident=held.id,
            round=1,
            level=1,
            purpose="page",
            channel="ntfy",
            target=f"phone{number}",
            human=True,
            key="showup-held.1",
            marker=str(number),
            created=START,
            due_at=START,
        )
        for number in range(outbox.MOST + 1)
    )
    free = page(session, incident(session, "free"), BO, level=2)
    session.add(Mute(subject="held", start=START, end=START + MINUTE, author="Ana", reason="a test", created=START))
    session.flush()
    assert claimed(session) == [free]
    rows = session.exec(select(Notification).where(Notification.incident == held.id)).all()
    assert {(row.state, row.due_at) for row in rows} == {("pending", START + MINUTE)}
    assert claimed(session) == []


def test_what_follows_nothing_is_let_go_and_the_next_is_taken(session: Session) -> None:
    one = incident(session)
    orphan = page(session, one, purpose=Purpose.ACK, level=0)
    told = page(session, incident(session, "B"), BO)
    claimed(session)
    deliver(told, "r1")
    news = page(session, session.get(Incident, told.incident), BO, purpose=Purpose.RESOLVE, level=0)
    assert claimed(session) == [news]
    assert (orphan.state, orphan.why) == ("superseded", "what it follows never left")


# --- what it is an answer to, and what is taken back ------------------------------------------------------------------


@pytest.mark.parametrize(("way", "which"), [(OPS, "first"), (ANA, "last")])
def test_a_message_that_is_edited_is_the_first_and_elsewhere_the_last_counts(
    session: Session, way: Deliverable, which: str
) -> None:
    one, other = incident(session, "A"), incident(session, "B")
    assert outbox.receipt_for(session, page(session, one, way, purpose=Purpose.NOTE)) is None
    said = (("other", other, 1), ("first", one, 1), ("middle", one, 2), ("last", one, 3), ("other", other, 1))
    for name, about, number in said:  # in whatever round it was
        deliver(page(session, about, way, number=number), name)
    waits = page(session, one, way)
    waits.receipt = {"id": "not delivered"}
    group = page(session, one, way, key="showup-A.1.storm")
    deliver(group, "of a group")
    news = page(session, one, way, purpose=Purpose.NOTE)
    deliver(news, "of news")
    assert outbox.receipt_for(session, page(session, one, way, purpose=Purpose.NOTE)) == {"id": which}
    of_group = page(session, one, way, purpose=Purpose.NOTE, key="showup-A.1.storm")
    assert outbox.receipt_for(session, of_group) == {"id": "of a group"}
    elsewhere = Deliverable(channel=way.channel, target="elsewhere")
    assert outbox.receipt_for(session, page(session, one, elsewhere, purpose=Purpose.NOTE)) is None
    assert outbox.receipt_for(session, page(session, None, way, purpose=Purpose.TEST)) is None


def test_what_is_taken_back_is_what_nobody_may_have_seen(session: Session) -> None:
    one, other = incident(session, "A"), incident(session, "B")
    ways = [
        Deliverable(channel=channel, target=f"{channel}{number}") for channel in ("slack", "ntfy") for number in (0, 1)
    ]
    new_post, old_post, new_ring, old_ring = (page(session, one, way) for way in ways)
    old_post.unknown = old_ring.unknown = True
    flying = page(session, one, Deliverable(channel="pagerduty", target="service"))
    assert claimed(session, "pagerduty") == [flying]
    done, elsewhere = page(session, one, BO), page(session, other, BO)
    deliver(done, "r1")
    news = page(session, one, BO, purpose=Purpose.ACK)
    outbox.withdraw(session, one, why="answered")
    rows = (new_post, old_post, new_ring, old_ring, flying, done, news, elsewhere)
    assert [row.state for row in rows] == [
        "superseded", "pending", "superseded", "superseded", "sending", "delivered", "pending", "pending",
    ]  # fmt: skip
    assert [row.why for row in rows] == ["answered", "", "answered", "answered", "", "", "", ""]
    spread = [row.spread_at for row in (new_post, old_post, new_ring, old_ring, flying)]
    assert spread == [None] * 5, "no next way is taken for any of them"
    assert elsewhere.spread_at is not None


def test_of_a_group_of_incidents_one_message_is_in_flight(session: Session) -> None:
    key = "showup-A.1.storm"
    rows = []
    for name in ("A", "B"):
        about = incident(session, name)
        deliver(page(session, about, OPS, key=key), "r")
        rows.append(page(session, about, OPS, key=key, purpose=Purpose.REFRESH, lane=""))
        rows.append(page(session, about, BO, key=key, purpose=Purpose.TEST, lane=""))
    assert claimed(session, "slack") == [rows[0]]
    assert claimed(session, "slack") == [], "the other is about the same message"
    deliver(rows[0], "r")
    assert claimed(session, "slack") == [rows[2]]
    assert claimed(session) == [rows[1]], "elsewhere it is not in flight"
