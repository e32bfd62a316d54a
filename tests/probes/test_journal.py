"""Whatever happens in an attempt, the journal comes to one outcome by the rules of the taxonomy."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.checks import Absent, Note, Said
from probes.evidence import LARGEST, evidence
from probes.groups import Group
from probes.journal import Journal
from probes.records import ANSWERED, Finding, Stop
from probes.words.failure import FACTS, Failure
from probes.words.outcome import State
from probes.words.secret import Redactor

ORDER = list(Failure)
failures = st.sampled_from(ORDER)


def failed(failure: Failure, *, soft: bool = False, source: str = "x") -> Note:
    return Note(ANSWERED, (), ok=False, got=Said("y"), source=source, soft=soft, failure=failure)


@given(st.lists(st.tuples(failures, st.booleans()), max_size=6), st.lists(st.just("a bug"), max_size=2))
def test_the_outcome_follows_from_what_was_seen(seen: list[tuple[Failure, bool]], bugs: list[str]) -> None:
    journal = Journal(started=0.0, fallback="p")
    for failure, soft in seen:
        journal.note(failed(failure, soft=soft))
    journal.bugs += bugs
    result = journal.result()
    hard = [failure for failure, soft in seen if not soft and FACTS[failure].state != "degraded"]
    observed = [failure for failure in hard if failure is not Failure.PROBE_BUG]
    if observed:
        expected = min(observed, key=ORDER.index)
        assert (result.failure, result.state) == (expected, State(FACTS[expected].state))
    elif hard or bugs:
        assert (result.failure, result.state) == (Failure.PROBE_BUG, State.UNKNOWN)
    elif seen:
        assert (result.failure, result.state) == (min((one for one, _ in seen), key=ORDER.index), State.DEGRADED)
    else:
        assert (result.failure, result.state) == (None, State.UP)
    assert journal.stopped == bool(hard)
    assert len(result.findings) == len(seen) + (not observed and bool(bugs) and Failure.PROBE_BUG not in hard)


def test_a_run_that_has_failed_enters_no_step() -> None:
    journal = Journal(started=0.0, planned=("one", "two", "three"), fallback="p")
    journal.enter("one")
    journal.note(failed(Failure.SLOW))
    journal.leave()
    journal.enter("two")
    journal.note(failed(Failure.WRONG))
    with pytest.raises(Stop):
        journal.leave()
    with pytest.raises(Stop):
        journal.enter("three")
    assert [step.name for step in journal.unreached()] == ["three"]
    assert journal.within is None


@pytest.mark.parametrize(
    ("kind", "held", "ok"),
    [("any", [0, 1], True), ("any", [0, 0], False), ("any", [], False), ("all", [1, 1], True), ("all", [1, 0], False)],
)
def test_a_group_counts_as_one_check(kind: str, held: list[int], ok: bool) -> None:
    journal = Journal(started=0.0, fallback="p")
    with Group(journal, kind):
        for number in held:
            journal.note(Note(ANSWERED, (), ok=bool(number), got=Said("y"), source="x"))
    (note,) = journal.step.notes
    assert (note.ok, note.name) == (ok, kind)
    assert journal.stopped is not ok


def test_a_group_that_broke_off_says_nothing_of_its_own() -> None:
    journal = Journal(started=0.0, fallback="p")
    with pytest.raises(Stop), Group(journal, "any"):
        journal.note(failed(Failure.WRONG))
        journal.used(Absent("$.a"))
    assert [finding.sentence for finding in journal.findings] == ["$.a should exist, got nothing"]


def test_where_a_value_came_from_is_remembered_by_identity_newest_first() -> None:
    journal = Journal(started=0.0)
    value = "10:00"
    journal.look(value, "$.a")
    journal.look(value, "$.b")
    for number in range(200):
        journal.look(f"value {number}", "other")
    assert journal.origin(value) == ("", "", None)  # too long ago
    journal.look(value, "$.c", "s")
    assert journal.origin(value) == ("$.c", "s", None)
    assert len(journal.looks) <= 64


hostile = st.text(alphabet="a\x00\x1b\r\n\u202e\u200bé<&", max_size=400)


@given(st.lists(hostile, max_size=5), hostile)
def test_evidence_is_clean_small_and_without_secrets(texts: list[str], name: str) -> None:
    journal = Journal(started=0.0, planned=(name,), fallback=name)
    journal.texts += [f"{text} sesame-42" for text in texts]
    for text in texts:
        journal.note(failed(Failure.WRONG, source=text))
        journal.capture("x", f"{text} sesame-42")
    journal.settle()
    record: dict[str, Any] = evidence(journal, Redactor.of(["sesame-42"]))
    shown = json.dumps(record, ensure_ascii=False)
    assert "sesame-42" not in shown and len(shown.encode()) <= LARGEST
    assert not any(sign in shown for sign in "\x00\x1b\u202e\u200b")
    assert all("\n" not in finding.sentence and len(finding.sentence) <= 300 for finding in journal.findings)


def test_a_finding_is_a_fact() -> None:
    with pytest.raises(AttributeError):
        Finding(Failure.WRONG, "x", "one").step = "two"  # type: ignore[misc]
