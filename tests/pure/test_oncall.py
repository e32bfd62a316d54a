"""Who a word in a policy means at an instant, and in which order they are told."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from alerts.channel_table import CHANNELS, IMPLIED, spec_of, with_implied
from alerts.oncall import Entry, Known, OnCall, Roster
from alerts.people import Person, PersonSpec, find_person, find_phone
from alerts.policy import PolicySpec, parse_target
from alerts.rotation import Cover, RotationSpec
from probes.words.clock import micros
from probes.words.units import DAY, HOUR
from tests.pure.oncall_kit import Book

NOW = micros(datetime(2026, 12, 2, 3, tzinfo=UTC))
ANA = Person("ana", "Ana Ash", "U012AB3CD", ("ntfy:${secret:ANA}", "pushover:${secret:ANA_PUSH}"))
BO = Person("bo", "Bo Birch", "U045EF6GH", ("ntfy:bo-rings",))
CY = Person("cy", "Cy Cole")
LINE = RotationSpec(people=("ana", "bo"), starts=date(2026, 11, 30))
SLACK = SimpleNamespace(channel="ops-alerts")
BOOK = Book((ANA, BO, CY), {"line": LINE}, channels={"slack": SLACK, "pagerduty": object(), "webhook": object()})


class Told:
    """PagerDuty's last answer, without PagerDuty."""

    def __init__(self, *entries: Entry, trouble: str = "", read_at: int = NOW) -> None:
        self.answer = Known(entries, read_at, trouble)

    def known(self, rotation: str) -> Known | None:
        return self.answer


def ways(target: str, book: Book = BOOK) -> list[tuple[str, str, bool]]:
    found = OnCall(book).resolve(target, NOW)
    return [(way.channel, way.target, way.human) for way in found]


# --- targets ----------------------------------------------------------------------------------------------------------


def test_a_person_is_rung_in_their_own_order_then_written_to() -> None:
    assert ways("ana") == [
        ("ntfy", "ana/phone/0", True),
        ("pushover", "ana/phone/1", True),
        ("slack", "U012AB3CD", True),
    ]
    assert {way.name for way in OnCall(BOOK).resolve("ana", NOW)} == {"Ana Ash"}


def test_no_target_is_ever_a_secret() -> None:
    for target in ("ana", "on-call:line", "next:line"):
        assert not any("secret" in way.target for way in OnCall(BOOK).resolve(target, NOW))


def test_places_and_services() -> None:
    assert ways("slack") == [("slack", "ops-alerts", False)]
    assert ways("slack:#intake") == [("slack", "intake", False)]
    assert ways("pagerduty") == [("pagerduty", "service", True)]
    assert ways("ntfy:everybody") == [("ntfy", "everybody", False)]
    assert ways("webhook:tickets") == [("webhook", "tickets", False)]
    assert ways("console") == [("console", "", False)]


def test_a_channel_that_is_not_configured_reaches_nobody_and_says_so() -> None:
    bare = Book((ANA, CY), {})
    assert ways("slack", bare) == ways("pagerduty", bare) == []
    assert OnCall(bare).why_nobody("pagerduty", NOW) == "the channel pagerduty is not configured"
    assert [channel for channel, _, _ in ways("ana", bare)] == ["ntfy", "pushover"]
    assert OnCall(bare).why_nobody("ana", NOW) == ""


def test_who_left_reaches_nobody_and_says_so() -> None:
    assert ways("zoe") == ways("cy") == ways("on-call:gone") == []
    assert OnCall(BOOK).why_nobody("zoe", NOW) == "zoe is not among the people"
    assert "no phone" in OnCall(BOOK).why_nobody("cy", NOW)
    assert OnCall(BOOK).why_nobody("on-call:gone", NOW) == "there is no rotation gone"


def test_the_rotation_is_resolved_when_it_is_asked() -> None:
    assert OnCall(BOOK).resolve("on-call:line", NOW)[0].person == "ana"
    assert OnCall(BOOK).resolve("next:line", NOW)[0].person == "bo"
    assert OnCall(BOOK).resolve("on-call:line", NOW + 7 * DAY)[0].person == "bo"


def test_an_override_of_this_rotation_counts_and_others_do_not() -> None:
    covers = (
        Cover("other", NOW - HOUR, NOW + HOUR, "cy"),
        Cover("line", NOW - HOUR, NOW + HOUR, "bo", "ana", "dentist"),
        Cover("line", NOW - HOUR, NOW + HOUR, "somebody-who-left"),
    )
    assert OnCall(BOOK, Roster(covers)).duty("line", NOW).person == "bo"
    assert OnCall(BOOK, Roster(covers)).next_duty("line", NOW).person == "ana"


def test_somebody_in_the_rotation_who_left_is_a_declared_gap() -> None:
    book = Book((BO,), {"line": LINE}, channels=BOOK.channels)
    found = OnCall(book).duty("line", NOW)
    assert (found.person, found.source) == (None, "gap")
    assert found.reason == "ana is no longer among the people"
    assert ways("on-call:line", book) == []
    assert OnCall(book).resolve("next:line", NOW)[0].person == "bo"


def test_a_rotation_of_one_has_nobody_next() -> None:
    book = Book((ANA,), {"line": RotationSpec(people=("ana",))})
    assert ways("next:line", book) == []
    assert "nobody beside" in OnCall(book).why_nobody("next:line", NOW)


# --- PagerDuty's schedules --------------------------------------------------------------------------------------------

ASKED = Book((ANA, BO), {"line": RotationSpec(pagerduty_schedule="P1")}, channels={"pagerduty": object()})


def test_before_pagerduty_ever_answered_there_is_a_declared_gap() -> None:
    found = OnCall(ASKED).duty("line", NOW)
    assert (found.person, found.source) == (None, "gap")
    assert "not told yet" in found.reason


def test_of_several_entries_the_same_one_is_always_primary() -> None:
    entries = [Entry("P2", "Bo Birch", NOW - HOUR, NOW + HOUR), Entry("P1", "Ana Ash", NOW - HOUR, NOW + HOUR)]
    for order in (entries, entries[::-1]):
        assert OnCall(ASKED, schedules=Told(*order)).duty("line", NOW).person == "ana"
        assert OnCall(ASKED, schedules=Told(*order)).next_duty("line", NOW).person == "bo"


def test_what_was_told_in_advance_holds_while_pagerduty_is_silent() -> None:
    entries = (Entry("P1", "Ana Ash", NOW - DAY, NOW + DAY), Entry("P2", "Bo Birch", NOW + DAY, NOW + 2 * DAY))
    told = Told(*entries, trouble="HTTP 503")
    assert OnCall(ASKED, schedules=told).duty("line", NOW + DAY).person == "bo"
    beyond = OnCall(ASKED, schedules=told).duty("line", NOW + 9 * DAY)
    assert (beyond.person, beyond.source) == ("bo", "pagerduty")
    assert "HTTP 503" in beyond.reason


def test_nobody_on_a_fresh_schedule_is_a_gap_and_not_the_last_one() -> None:
    told = Told(Entry("P1", "Ana Ash", NOW - DAY, NOW - HOUR))
    assert OnCall(ASKED, schedules=told).duty("line", NOW).source == "gap"


def test_an_override_stands_above_pagerduty_too() -> None:
    told = Told(Entry("P1", "Ana Ash", NOW - DAY, NOW + DAY))
    found = OnCall(ASKED, Roster((Cover("line", NOW - 1, NOW + 1, "bo"),)), told).duty("line", NOW)
    assert (found.person, found.source, found.slot) == ("bo", "override", "ana")


def test_a_stranger_is_reached_through_pagerduty_by_name() -> None:
    told = Told(Entry("P9", "Zoe Zander"))
    [way] = OnCall(ASKED, schedules=told).resolve("on-call:line", NOW)
    assert (way.channel, way.name, way.human, way.person) == ("pagerduty", "Zoe Zander", True, "")


# --- people -----------------------------------------------------------------------------------------------------------


def test_people_are_recognised_by_id_then_by_an_unmistakable_name() -> None:
    twins = {"a": Person("a", "Sam Reed", pagerduty="P1"), "b": Person("b", "Sam Reed", slack="U0000001")}
    assert find_person(twins, pagerduty="P1", name="x") == twins["a"]
    assert find_person(twins, slack="U0000001") == twins["b"]
    assert find_person(twins, name="Sam Reed") is None
    assert find_person({"c": CY}, name=" cy cole ") == CY
    assert find_person({"c": CY}, slack="", pagerduty="") is None


@pytest.mark.parametrize(
    "reference", ["ana/phone/2", "zoe/phone/0", "ana/slack/0", "ana/phone/-1", "ana", "", "ana/phone/²"]
)
def test_a_reference_that_names_no_phone(reference: str) -> None:
    assert find_phone(reference, {"ana": ANA}) is None


@pytest.mark.parametrize(
    ("phone", "said"),
    [
        ("sms:+155512345", "pagerduty"),
        ("tel:+155512345", "pagerduty"),
        ("pushover:ukey123", "is a secret"),
        ("ntfy:https://ntfy.sh/planted", "is a secret"),
        ("planted-without-scheme", "cannot ring"),
        ("signal:x", "cannot ring"),
    ],
)
def test_a_phone_that_cannot_ring_is_refused_without_repeating_it(phone: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PersonSpec.model_validate({"name": "Ana", "phone": phone})
    message = caught.value.errors()[0]["msg"]
    assert said in message
    assert "planted/" not in message and "ukey123" not in message and "55512345" not in message


# --- policies ---------------------------------------------------------------------------------------------------------


def test_a_policy_names_every_target_once() -> None:
    policy = PolicySpec.model_validate(
        {
            "levels": [{"at": "0m", "notify": ["slack", "on-call:line"]}, {"at": "5m", "notify": "next:line"}],
            "warnings": ["slack"],
            "fallback": "ana",
        }
    )
    assert policy.targets == ("slack", "on-call:line", "next:line", "ana")
    assert (policy.repeat, policy.escalation) == (3, "showup")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"levels": []}, "at least 1"),
        ({"levels": [{"at": "5m"}, {"at": "5m"}]}, "rise in time"),
        ({"levels": [{"at": "2h"}]}, "at: 0m"),
        ({"levels": [{"at": "0m", "notify": ["on-call:"]}]}, "write on-call:ROTATION"),
        ({"levels": [{"at": "0m", "notify": ["email:x"]}]}, "is no target"),
        ({"levels": [{"at": "0m", "notify": ["First Responder"]}]}, "is no target"),
        ({"levels": [{"at": "0m", "notify": ["slack:<!channel>"]}]}, "slack:CHANNEL"),
        ({"levels": [{"at": "0m", "notify": ["ntfy:a/b"]}]}, "write ntfy:TOPIC"),
        ({"levels": [{"at": "0m"}], "every": "5s"}, "at least 1m"),
        ({"levels": [{"at": "0m"}], "escalation": "both"}, "pagerduty"),
    ],
)
def test_a_wrong_policy_is_refused_with_what_to_write(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PolicySpec.model_validate(given)
    assert said in str(caught.value)


def test_a_target_that_only_looks_like_a_kind_is_a_person() -> None:
    assert parse_target("slacker").kind == "person"
    with pytest.raises(ValueError, match="on-call:ROTATION"):
        parse_target("on-call")


# --- channels ---------------------------------------------------------------------------------------------------------


def test_every_channel_has_options_that_explain_themselves() -> None:
    for name in CHANNELS:
        assert spec_of(name).__doc__
    assert set(with_implied({}, {"ntfy", "slack", "console"})) == {"ntfy", "console"}
    assert set(CHANNELS) > IMPLIED


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("slack", {"token": "xoxb-literal", "channel": "ops"}, "write ${secret:NAME}"),
        ("slack", {"token": "${secret:A}", "channel": "<!here>"}, "not a Slack channel"),
        ("slack", {"token": "${secret:A}", "channel": "ops", "url": "ftp://x"}, "write https://"),
        ("pagerduty", {"routing_key": "${secret:A}", "url": "http://x.example"}, "TLS only"),
        ("pagerduty", {"routing_key": "${secret:A}", "timeout": "5m"}, "from 100ms to 1m"),
        ("pushover", {"retry": "5s"}, "at most every 30s"),
        ("webhook", {"endpoints": {}}, "at least 1"),
        ("webhook", {"endpoints": {"a b": {"url": "https://x.example", "sign": "${secret:A}"}}}, "cannot be a name"),
        ("webhook", {"endpoints": {"a": {"url": "https://x.example", "sign": "literal"}}}, "write ${secret:NAME}"),
    ],
)
def test_wrong_options_of_a_channel_are_refused_with_what_to_write(
    name: str, given: dict[str, object], said: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        spec_of(name).model_validate(given)
    assert said in str(caught.value)
