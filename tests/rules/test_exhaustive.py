"""Every sequence of events up to a depth keeps the rules of the pure core; `make rules` goes deeper."""

from tests.rules.exhaustive import EVENTS, search


def test_no_sequence_of_five_events_breaks_a_rule() -> None:
    found = search(5)
    assert found.wrong == []
    assert found.sequences == sum(len(EVENTS) ** depth for depth in range(1, 6))
    assert found.situations > 5_000
