"""What signals and time mean for an incident: one decision at a time, without a database."""

from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from alerts.decide import FLAPS, RECOVERING, SETTLE, Action, Decision, Facts, Failing, decide, worst
from alerts.signal import Condition, Severity, Signal
from probes.words.units import MINUTE

NOW = 1_790_000_000_000_000
SUBJECT = "intake/production"
CRITICAL, WARNING = Failing(Severity.CRITICAL), Failing(Severity.WARNING)
OPEN = Facts(Severity.CRITICAL, {"books": CRITICAL})
ACKED = replace(OPEN, ack_until=NOW + 10 * MINUTE, acked=frozenset({"books"}))


@dataclass(frozen=True)
class Night:
    subject: str = "intake"
    start: int = NOW - MINUTE
    end: int = NOW + MINUTE
    lifted: int | None = None
    author: str = "Ana"
    reason: str = "nightly load"


def signal(
    condition: Condition = Condition.FAILING,
    member: str = "books",
    severity: Severity = Severity.CRITICAL,
    **more: object,
) -> Signal:
    plain = Signal(
        subject=SUBJECT, member=member, condition=condition, at=NOW, since=NOW, severity=severity, policy="p", title="I"
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def meant(given: Signal | None, facts: Facts | None, **more: object) -> tuple[Action, bool]:
    decision = decide(given, facts, subject=SUBJECT, now=NOW, **more)  # type: ignore[arg-type]
    assert decision.reason
    return decision.action, decision.begins


def test_the_first_failure_opens_and_pages() -> None:
    assert meant(signal(), None) == (Action.OPEN, True)


def test_a_warning_opens_and_wakes_nobody() -> None:
    assert meant(signal(severity=Severity.WARNING), None) == (Action.OPEN, False)
    assert meant(signal(severity=Severity.INFO), None) == (Action.OPEN, False)


def test_passing_where_nothing_failed_is_nothing() -> None:
    assert meant(signal(Condition.PASSING), None) == (Action.NOTHING, False)
    assert meant(signal(Condition.PASSING, "home"), OPEN) == (Action.NOTHING, False)


def test_another_member_joins_without_a_new_round() -> None:
    assert meant(signal(member="home"), OPEN) == (Action.JOIN, False)


def test_a_warning_that_gets_worse_begins_to_page() -> None:
    quiet = Facts(Severity.WARNING, {"books": WARNING}, paging=False)
    assert meant(signal(), quiet) == (Action.WORSEN, True)


def test_what_only_warns_any_more_wakes_nobody() -> None:
    decision = decide(signal(severity=Severity.WARNING), OPEN, subject=SUBJECT, now=NOW)
    assert (decision.stops, decision.severity) == (True, Severity.WARNING)


def test_an_answer_covers_what_failed_when_it_was_given() -> None:
    assert meant(signal(Condition.CHANGED), ACKED) == (Action.UPDATE, False)
    new = decide(signal(member="home"), ACKED, subject=SUBJECT, now=NOW)
    assert (new.action, new.voids, new.begins) == (Action.JOIN, True, True)
    assert "home fails since" in new.reason


def test_an_answer_covers_no_worse_than_it_was() -> None:
    error = replace(
        ACKED, severity=Severity.ERROR, members={"books": Failing(Severity.ERROR)}, acked_severity=Severity.ERROR
    )
    worse = decide(signal(), error, subject=SUBJECT, now=NOW)
    assert (worse.voids, worse.begins) == (True, True)


def test_an_answer_expires_and_recovery_that_is_near_is_awaited_once() -> None:
    over = replace(ACKED, ack_until=NOW)
    assert meant(None, ACKED) == (Action.KEEP, False)
    assert meant(None, over) == (Action.EXPIRE, True)
    near = decide(None, over, subject=SUBJECT, now=NOW, recovers_by=NOW + MINUTE)
    assert (near.action, near.until, near.begins) == (Action.AWAIT, NOW + MINUTE, False)
    assert meant(None, replace(over, ack_grace=True), recovers_by=NOW + MINUTE) == (Action.EXPIRE, True)


def test_the_last_one_to_recover_resolves() -> None:
    two = replace(OPEN, members={"books": CRITICAL, "home": CRITICAL})
    assert meant(signal(Condition.PASSING), two) == (Action.LEAVE, False)
    assert meant(signal(Condition.PASSING), OPEN) == (Action.RESOLVE, False)
    assert meant(signal(Condition.GONE), OPEN) == (Action.RESOLVE, False)


def test_what_flaps_must_stay_well_for_a_while() -> None:
    restless = replace(OPEN, flaps=FLAPS)
    held = decide(signal(Condition.PASSING), restless, subject=SUBJECT, now=NOW)
    assert (held.action, held.until) == (Action.SETTLE, NOW + SETTLE)
    settling = replace(restless, members={}, settle_at=NOW + 1)
    assert meant(None, settling) == (Action.KEEP, False)
    assert meant(None, replace(settling, settle_at=NOW)) == (Action.RESOLVE, False)
    acked = replace(settling, ack_until=NOW)
    assert meant(None, acked) == (Action.AWAIT, False)


def test_a_mute_is_named_and_resolves_nothing() -> None:
    mute = Night()
    decision = decide(signal(), None, subject=SUBJECT, now=NOW, mutes=[mute])
    assert decision.hold is mute
    assert decision.begins, "the round begins; its levels are held"
    assert meant(signal(Condition.PASSING), OPEN, mutes=[mute]) == (Action.RESOLVE, False)


def test_a_provider_speaks_only_with_a_witness_and_while_it_pages() -> None:
    blamed = signal(failure="provider_down", blame="provider", suspected=False, labels=(("provider", "openai"),))
    folded = decide(blamed, None, subject=SUBJECT, now=NOW, providers=frozenset({"openai"}))
    assert (folded.fold, folded.begins) == (True, False)
    assert meant(blamed, None) == (Action.OPEN, True)
    assert meant(replace(blamed, suspected=True), None, providers=frozenset({"openai"})) == (Action.OPEN, True)
    assert not decide(blamed, OPEN, subject=SUBJECT, now=NOW, providers=frozenset({"openai"})).fold


SEVERITIES = st.sampled_from(Severity)
MEMBERS = st.dictionaries(st.sampled_from("abc"), st.builds(Failing, SEVERITIES, st.booleans()), max_size=3)
TIMES = st.integers(NOW - 60 * MINUTE, NOW + 60 * MINUTE)
FACTS = st.builds(
    Facts,
    SEVERITIES,
    MEMBERS,
    paging=st.booleans(),
    ack_until=st.none() | TIMES,
    ack_grace=st.booleans(),
    acked=st.frozensets(st.sampled_from("abc")),
    acked_severity=SEVERITIES,
    flaps=st.integers(0, 5),
    settle_at=st.none() | TIMES,
)
SIGNALS = st.builds(signal, st.sampled_from(Condition), st.sampled_from("abc"), SEVERITIES)


@given(st.none() | SIGNALS, st.none() | FACTS, st.none() | TIMES)
def test_every_decision_has_a_reason_and_none_contradicts_itself(
    given: Signal | None, facts: Facts | None, recovers_by: int | None
) -> None:
    if given is None and facts is None:
        return
    decision = decide(given, facts, subject=SUBJECT, now=NOW, recovers_by=recovers_by)
    assert decision.reason
    assert not (decision.begins and decision.stops)
    assert not decision.voids or decision.begins
    assert (decision.until is not None) == (decision.action in (Action.SETTLE, Action.AWAIT))
    if decision.action is Action.RESOLVE:
        left = dict(facts.members) if facts else {}
        if given is not None:
            left.pop(given.member, None)
        assert not left, "nothing is resolved while something fails"
    if facts is not None and facts.ack_until is not None and facts.ack_until > NOW and given is None:
        still = {name for name, each in facts.members.items() if each.severity.pages and not each.folded}
        if facts.paging and still <= facts.acked and facts.severity is facts.acked_severity:
            worse = any(facts.members[name].severity.rank < facts.acked_severity.rank for name in still)
            assert not decision.begins or worse, "an answer holds until something new happens"


def test_what_was_left_to_a_provider_keeps_its_time_while_that_recovers() -> None:
    changed = signal(Condition.CHANGED, labels=((RECOVERING, "openai"),))
    left = replace(OPEN, paging=False, members={"books": Failing(Severity.CRITICAL, folded=True)})
    own = replace(OPEN, paging=False, members={"books": Failing(Severity.CRITICAL)})
    assert decide(changed, left, subject=SUBJECT, now=NOW).fold
    assert not decide(changed, left, subject=SUBJECT, now=NOW).begins
    assert decide(changed, own, subject=SUBJECT, now=NOW).begins, "what stands for itself is left to nobody"
    assert decide(signal(Condition.CHANGED), left, subject=SUBJECT, now=NOW).begins


def test_where_nothing_is_open_the_passing_of_time_means_nothing() -> None:
    assert decide(None, None, subject=SUBJECT, now=NOW) == Decision(Action.NOTHING, "nothing has changed")


def test_who_was_not_failing_and_passes_changes_nothing_of_what_is_open() -> None:
    quiet = replace(OPEN, paging=False)
    for facts in (OPEN, quiet, replace(ACKED, ack_until=NOW)):
        found = decide(signal(Condition.PASSING, "home"), facts, subject=SUBJECT, now=NOW)
        assert found == Decision(Action.NOTHING, "home was not failing here")


def test_it_is_as_severe_as_the_worst_that_fails() -> None:
    assert worst({"a": WARNING, "b": CRITICAL, "c": Failing(Severity.ERROR)}) is Severity.CRITICAL
    both = Facts(Severity.CRITICAL, {"books": CRITICAL, "home": WARNING})
    found = decide(signal(Condition.PASSING), both, subject=SUBJECT, now=NOW)
    assert (found.action, found.severity, found.stops) == (Action.LEAVE, Severity.WARNING, True)


def test_what_left_is_said_to_pass_again_or_to_be_gone() -> None:
    both = Facts(Severity.CRITICAL, {"books": CRITICAL, "home": CRITICAL})
    said = {each: decide(signal(each), both, subject=SUBJECT, now=NOW).reason for each in Condition}
    assert said[Condition.PASSING] == "books passes again, 1 still fail"
    assert said[Condition.GONE] == "books is gone, 1 still fail"


def test_three_failures_of_one_member_within_an_hour_are_flapping_and_cost_ten_minutes() -> None:
    def ends(flaps: int) -> tuple[Action, int | None, bool]:
        found = decide(signal(Condition.PASSING), replace(OPEN, flaps=flaps), subject=SUBJECT, now=NOW)
        return found.action, found.until, found.fold

    assert ends(2) == (Action.RESOLVE, None, False)
    assert ends(3) == (Action.SETTLE, NOW + 10 * MINUTE, False)


def test_recovery_that_was_due_at_the_end_of_an_answer_is_not_awaited() -> None:
    over = replace(ACKED, ack_until=NOW)
    assert meant(None, over, recovers_by=NOW + 1) == (Action.AWAIT, False)
    assert meant(None, over, recovers_by=NOW) == (Action.EXPIRE, True)


def test_a_mute_holds_levels_and_changes_nothing_else() -> None:
    muted = decide(signal(), None, subject=SUBJECT, now=NOW, mutes=(Night(),))
    free = decide(signal(), None, subject=SUBJECT, now=NOW)
    assert (muted, muted.hold, free.hold) == (free, Night(), None)
    assert free.fold is False  # nothing was said of a provider
