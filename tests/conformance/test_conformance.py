"""Every fault in every dialect, by the real path: its failure, who is blamed, its sentence, its evidence, in time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from monitor.sandbox.models.kinds import MODEL_KINDS
from probes.words.failure import FACTS, Failure
from tests.conformance.hostile import ATTACKS, Arena, Attack, unsafe_in
from tests.conformance.page import cell, table
from tests.conformance.rows import GROUPS, REFUSALS, ROWS
from tests.conformance.stage import DIALECTS, Stage


@pytest.mark.parametrize("group", GROUPS)
async def test_each_fault_is_called_by_its_name_in_each_dialect(group: str) -> None:
    async with Stage(GROUPS[group]) as stage:
        seen = await stage.see_all()
    assert len(seen) >= len(GROUPS[group])
    found = {f"{one.row.name}, {one.dialect}": (one.faults(), one.reply.sentence) for one in seen if one.faults()}
    assert found == {}


def test_each_fault_of_the_kit_is_in_a_row_and_each_failure_of_a_model_has_one() -> None:
    assert {row.broken.kind for row in ROWS if row.broken is not None} == set(MODEL_KINDS)
    assert {kind.failure for kind in MODEL_KINDS.values()} <= {str(one) for one in FACTS}
    not_of_models = {"monitor_fault", "probe_bug", "host_lost", "skipped", "unscored", "expiring", "app_error"}
    passive = {"heartbeat_missed", "heartbeat_failed", "unreachable"}
    assert {str(one) for one in Failure} - {kind.failure for kind in MODEL_KINDS.values()} <= not_of_models | passive


async def test_a_row_that_is_not_as_it_has_to_be_is_told() -> None:
    rows = tuple(replace(row, failure="wrong", says="no such words", within=0.0) for row in REFUSALS[:1])
    async with Stage(rows) as stage:
        seen = await stage.see(rows[0], DIALECTS[0])
    told = " ".join(seen.faults())
    assert "called auth, not wrong" in told and "'no such words'" in told and "not 0 s" in told
    blamed = replace(seen, row=replace(rows[0], failure="auth", blame="partner"))
    assert "workflow was blamed, not partner" in " ".join(blamed.faults())


@pytest.fixture
async def arena() -> AsyncIterator[Arena]:
    async with Arena() as made:
        yield made


async def test_hostile_targets_end_in_time_in_little_memory_and_are_safe_to_show(arena: Arena) -> None:
    found = {attack.name: (await arena.face(attack)).faults() for attack in ATTACKS}
    assert {name: faults for name, faults in found.items() if faults} == {}


async def test_an_attack_that_is_not_survived_as_it_has_to_be_is_told(arena: Arena) -> None:
    seen = await arena.face(Attack("loop", "redirect-loop", "garbage", says="nothing like it"))
    told = " ".join(replace(seen, seconds=9.0, grown=30e6).faults())
    assert "called app_error, not garbage" in told and "after 9.0 s" in told and "30 MB" in told
    reply = replace(seen.reply, sentence="\x1b[31mred", evidence={"steps": [{"name": "\u202eevil"}]})
    assert "shown unencoded: U+202E" in " ".join(replace(seen, reply=reply).faults())


def test_what_must_not_be_shown_is_found_at_any_depth() -> None:
    assert unsafe_in({"a": ["fine\n", {"b": "\x07"}]}) == "U+0007"
    assert unsafe_in({"\x9b": 1}) == "U+009B"
    assert unsafe_in(["plain", 1, None, {"x": "tab\t"}]) == ""


def test_a_cell_of_the_page_stays_a_cell() -> None:
    assert table(["a"], [[cell("x | <b>")]]).splitlines()[-1] == "| x \\| \\<b\\> |"
