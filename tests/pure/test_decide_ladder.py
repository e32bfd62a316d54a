"""The ladder and its moves: what comes next, and when; and what a mute covers."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerts.ladder import NOBODY_EVERY, RESUMES_AFTER, Ladder, Move, Stand, next_move
from alerts.mute import concerns, covers, until
from alerts.policy import Level, PolicySpec
from alerts.tables import Mute
from probes.words.units import MINUTE

MINUTES = timedelta(minutes=1)
NOW = 1_790_000_000_000_000
POLICY = PolicySpec(
    levels=(Level(notify=("ana",)), Level(at=5 * MINUTES, notify=("bo",)), Level(at=15 * MINUTES, notify=("cy",))),
    repeat=2,
    fallback="dee",
)
LADDER = Ladder.of(POLICY)


def test_levels_then_rounds_then_nobody() -> None:
    due = [next_move(Stand(1, level, NOW), LADDER).due for level in range(3)]
    assert due == [NOW, NOW + 5 * MINUTE, NOW + 15 * MINUTE]
    again = next_move(Stand(1, 3, NOW), LADDER)
    assert (again.move, again.due) == (Move.ROUND, NOW + 30 * MINUTE)
    last = next_move(Stand(2, 3, NOW), LADDER)
    assert (last.move, last.due) == (Move.NOBODY, NOW + 30 * MINUTE)
    assert last.why == "2 rounds brought no answer"
    more = next_move(Stand(3, 3, NOW, nobody=True), LADDER)
    assert (more.move, more.due) == (Move.NOBODY, NOW + NOBODY_EVERY)
    assert LADDER.last_resort == ("cy", "dee")


def test_a_ladder_survives_its_row() -> None:
    import json

    assert Ladder.load(json.loads(json.dumps(LADDER.dump()))) == LADDER


def test_pagerduty_has_half_an_hour_before_showup_goes_on() -> None:
    ladder = Ladder.of(POLICY.model_copy(update={"escalation": "pagerduty"}))
    assert ladder.notify[0] == ("ana", "pagerduty")
    due = [next_move(Stand(1, level, NOW), ladder).due for level in range(3)]
    assert due == [NOW, NOW + RESUMES_AFTER, NOW + RESUMES_AFTER + 10 * MINUTE]
    alone = Ladder.of(PolicySpec(levels=(Level(notify=("pagerduty",)),), escalation="pagerduty"))
    assert next_move(Stand(1, 1, NOW), alone).due == NOW + RESUMES_AFTER


def test_two_policies_make_one_ladder() -> None:
    other = Ladder.of(PolicySpec(levels=(Level(notify=("eve", "ana")), Level(at=9 * MINUTES, notify=("flo",)))))
    both = LADDER.merge(other)
    assert both.at == (0, 5 * MINUTE, 9 * MINUTE, 15 * MINUTE)
    assert both.notify == (("ana", "eve"), ("bo",), ("flo",), ("cy",))
    assert both.merge(other) == both
    assert LADDER.merge(LADDER) == LADDER


def test_of_two_policies_whichever_wakes_sooner_and_oftener_holds() -> None:
    def ladder(repeat: int, every: int, ack: int, **more: object) -> Ladder:
        levels = (Level(notify=("ana",)),)
        return Ladder.of(
            PolicySpec(levels=levels, repeat=repeat, every=every * MINUTES, ack=ack * MINUTES, **more)  # type: ignore[arg-type]
        )

    one, other = ladder(2, 10, 40, fallback="dee"), ladder(5, 20, 20, escalation="pagerduty")
    for both in (one.merge(other), other.merge(one)):
        assert (both.rounds, both.every, both.ack) == (5, 10 * MINUTE, 20 * MINUTE)
        assert both.fallback == "dee"
        assert not both.by_pagerduty  # one of them is not left to PagerDuty: nobody waits for it
    assert other.merge(other).by_pagerduty


def test_a_policy_that_repeats_nothing_climbs_once_and_says_so() -> None:
    for repeat in (0, 1):
        ladder = Ladder.of(PolicySpec(levels=(Level(notify=("ana",)),), repeat=repeat))
        last = next_move(Stand(1, 1, NOW), ladder)
        assert (last.move, last.due, last.why) == (Move.NOBODY, NOW + NOBODY_EVERY, "one round brought no answer")


def test_without_a_fallback_the_last_level_goes_on_alone() -> None:
    assert Ladder.of(PolicySpec(levels=(Level(notify=("ana", "bo")),))).last_resort == ("ana", "bo")


def test_a_ladder_calls_somebody_when_any_of_its_targets_is_one_to_be_called() -> None:
    def calls(*notify: str, **more: str) -> bool:
        return Ladder.of(PolicySpec(levels=(Level(notify=notify),), **more)).calls_somebody  # type: ignore[arg-type]

    assert calls("console") is False
    assert calls("console", "ana") is True
    assert calls("console", fallback="dee") is True
    early = PolicySpec(levels=(Level(notify=("ana",)), Level(at=5 * MINUTES, notify=("console",))))
    assert Ladder.of(early).calls_somebody is True


def test_a_ladder_of_one_level_has_its_half_hour_only_at_pagerduty() -> None:
    one = (Level(notify=("ana",)),)
    by = {way: Ladder.of(PolicySpec(levels=one, every=MINUTES, escalation=way)) for way in ("showup", "pagerduty")}
    assert next_move(Stand(1, 1, NOW), by["showup"]).due == NOW + MINUTE
    assert next_move(Stand(1, 1, NOW), by["pagerduty"]).due == NOW + 30 * MINUTE
    two = Ladder.of(PolicySpec(levels=(*one, Level(at=MINUTES, notify=("bo",))), every=MINUTES, escalation="pagerduty"))
    assert next_move(Stand(1, 1, NOW), two).due == NOW + 30 * MINUTE
    assert next_move(Stand(1, 2, NOW), two).due == NOW + 31 * MINUTE


LEVELS = st.lists(st.integers(0, 59), min_size=1, max_size=5, unique=True).map(sorted)


@given(LEVELS, st.integers(1, 5), st.booleans())
def test_no_ladder_comes_to_an_end_and_no_move_is_before_the_last(at: list[int], rounds: int, service: bool) -> None:
    policy = PolicySpec(
        levels=tuple(Level(at=minute * MINUTES, notify=("ana",)) for minute in at),
        repeat=rounds,
        escalation="pagerduty" if service else "showup",
    )
    ladder = Ladder.of(policy)
    stand, now, moves = Stand(1, 0, NOW), NOW, []
    for _ in range(60):
        step = next_move(stand, ladder)
        assert step.due >= now
        now = step.due
        moves.append(step.move)
        if step.move is Move.LEVEL:
            stand = Stand(stand.climbs, stand.level + 1, stand.round_at)
        elif step.move is Move.ROUND:
            stand = Stand(stand.climbs + 1, 0, now)
        else:
            assert stand.climbs >= rounds
            stand = Stand(stand.climbs + 1, len(at), now, nobody=True)
    assert Move.NOBODY in moves


def mute(subject: str = "", start: int = 0, end: int = 10, lifted: int | None = None) -> Mute:
    return Mute(subject=subject, start=start, end=end, author="Ana", reason="load", created=0, lifted=lifted)


def test_a_mute_concerns_a_subject_a_workflow_or_all_of_them() -> None:
    assert concerns(mute("intake"), "intake/production")
    assert concerns(mute("intake/production"), "intake/production")
    assert not concerns(mute("intake/production"), "intake/staging")
    assert not concerns(mute("intake"), "intake-two/production")
    assert concerns(mute(""), "anything/production")
    assert not concerns(mute(""), "monitor")
    assert concerns(mute("monitor"), "monitor")


@given(st.integers(-5, 20), st.none() | st.integers(0, 20))
def test_a_mute_covers_from_its_start_to_before_its_end(at: int, lifted: int | None) -> None:
    end = 10 if lifted is None else min(10, lifted)
    assert covers(mute(lifted=lifted), "x/production", at) == (0 <= at < end)


def test_the_mute_that_holds_longest_is_named() -> None:
    short, long = mute(end=5), mute(end=9)
    assert until([short, long], "x/production", 1) is long
    assert until([short, long], "x/production", 9) is None
