"""Groups with weights: so much of them has to hold, and what must hold is never made up for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from probes import Context, probe
from probes.checks import Said
from probes.checks.base import Note
from probes.groups import Group
from probes.journal import Journal
from probes.records import rule
from probes.spec import read
from tests.probes.stage import Stage

PROBE = """
ask: Can I come on Sunday?
check:
  - all:
      - {not-contains: Sunday at, must: true}
      - {contains: closed, weight: 3}
      - {word-count: [3, 60]}
      - any: [{contains: Sorry}, {contains: sorry}]
        weight: 2
    threshold: 60%
"""


@pytest.mark.parametrize(
    ("reply", "state", "said"),
    [
        ("Sorry, we are closed on that day.", "up", ""),
        ("We are closed on that day.", "up", ""),  # 5 of 7
        ("Sorry, I do not know.", "down", "got 57%: reply should contain"),
        ("Sorry, closed. Come on Sunday at 9!", "down", "got 86%: reply should not contain"),
    ],
)
async def test_so_much_of_the_weights_is_enough_and_what_must_hold_is_never_made_up_for(
    stage: Stage, reply: str, state: str, said: str
) -> None:
    stage.on("POST /chat", {"reply": reply})
    result = await stage.yaml(PROBE)
    assert result.state == state, result
    assert said in result.sentence
    assert len(result.checks) == 1
    assert "60% of: " in result.checks[0]["says"]


async def test_python_says_the_same(stage: Stage) -> None:
    @probe()
    async def twin(ctx: Context) -> None:
        reply = await ctx.ask("Can I come on Sunday?")
        with ctx.all(threshold=0.6):
            ctx.check(reply, must=True).not_.contains("Sunday at")
            ctx.check(reply, weight=3).contains("closed")
            ctx.check(reply).word_count(3, 60)
            with ctx.any(weight=2):
                ctx.check(reply).contains("Sorry")
                ctx.check(reply).contains("sorry")

    stage.on("POST /chat", {"reply": "Sorry, closed. Come on Sunday at 9!"})
    in_yaml, in_python = await stage.yaml(PROBE), await stage.python(twin)
    assert in_python.sentence == in_yaml.sentence
    stage.on("POST /chat", {"reply": "We are closed on that day."})
    assert (await stage.python(twin)).state == "up"


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ({"contains": "a", "weight": 2}, "weight counts in a group with a threshold; write it under all:"),
        ({"contains": "a", "must": True}, "must counts in a group with a threshold; write it under all:"),
        ({"all": [{"contains": "a", "weight": 2}]}, "beside all:, add threshold: 80%"),
        ({"any": [{"contains": "a"}], "threshold": "80%"}, "a threshold is that of a group; write all:"),
        ({"contains": "a", "threshold": "80%"}, "a threshold is that of a group; write all:"),
        ({"all": [{"contains": "a", "must": True}], "threshold": 0.8}, "every check of the group must hold"),
        ({"all": [{"contains": "a"}], "threshold": 80}, "80 is no share; write 80% or 0.8"),
        ({"all": [{"contains": "a", "weight": 0}], "threshold": 0.8}, "greater than 0"),
    ],
)
def test_a_group_that_makes_no_sense_is_refused(check: Any, said: str) -> None:
    said = said.replace("80% or 0.8", "90% or 0.9")
    with pytest.raises(ValidationError) as error:
        read({"ask": "Hi", "check": [check]})
    assert said in str(error.value)


_NOTES = st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0.1, 10)), min_size=1, max_size=8)


@given(_NOTES, st.floats(0.01, 1.0))
def test_no_weight_makes_up_for_what_must_hold(drawn: list[tuple[bool, bool, float]], threshold: float) -> None:
    group = Group(Journal(started=0.0), "all", threshold=threshold)
    for ok, must, weight in drawn:
        note = Note(rule("x", "is {}", "be {}"), ("x",), ok=ok, got=Said("y"))
        note.weight, note.must = weight, must
        group.notes.append(note)
    made = group.note()
    if any(must and not ok for ok, must, _ in drawn):
        assert not made.ok
    if all(ok for ok, _, _ in drawn):
        assert made.ok
    assert made.says
