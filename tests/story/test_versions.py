"""Another model answers, or another prompt: when that was, what it was before, and who is told."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import render
from monitor.engine.versions import QUIET, Versions, of_record
from monitor.store.queries.changes import Change, changes, in_force, newest
from probes.frames import Reply, Request
from probes.words.units import HOUR, MINUTE, SECOND
from tests.story.keeping import told
from tests.story.watch import BOOKS, MIDNIGHT, Watch, clock_of


class Story(Watch):
    """A watch whose target names what answers it: `versions`."""

    versions: Mapping[str, str] = {}

    async def attempt(self, request: Request, *, job: Mapping[str, Any], script: bool) -> Reply:
        return replace(await super().attempt(request, job=job, script=script), versions=dict(self.versions))

    async def changed(self) -> list[Change]:
        """All that is kept, oldest first."""
        await self.store.flush()
        ledger = self.engine.tracks[BOOKS].ledger
        return await self.store.read(lambda session: changes(session, [ledger]))


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    async with Story(tmp_path) as story:
        yield story


async def test_a_change_is_kept_with_the_run_that_saw_it_first(story: Story) -> None:
    for minute, model in enumerate(("gpt-x", "gpt-x", "gpt-y", "gpt-y")):
        story.versions = {"model": model}
        await story.run(at=clock_of("10:00") + minute * MINUTE)
    kept = await story.changed()
    assert [(one.before, one.after, one.at) for one in kept] == [
        ("", "gpt-x", clock_of("10:00")),
        ("gpt-x", "gpt-y", clock_of("10:02")),
    ]
    assert in_force(kept, clock_of("10:01")) == {"model": "gpt-x"}
    assert in_force(kept, clock_of("10:03")) == {"model": "gpt-y"}


async def test_an_incident_that_begins_after_a_change_says_so_in_its_page(story: Story) -> None:
    story.versions = {"model": "gpt-x"}
    await story.run(at=clock_of("10:00"))
    story.versions = {"model": "gpt-y"}
    await story.run(at=clock_of("10:01"))
    story.world = lambda probe, at: "w"
    await story.run(at=clock_of("10:05"))
    (incident,) = await story.incidents()
    assert incident.context == ("model gpt-x → gpt-y, 4m before",)
    assert "model gpt-x → gpt-y, 4m before" in told(incident)
    page = story.providers["ntfy"].sent[-1]
    assert "model gpt-x → gpt-y, 4m before" in render.body(page)


async def test_what_changed_long_before_is_not_told(story: Story) -> None:
    for hours, model in ((0, "gpt-x"), (1, "gpt-y")):
        story.versions = {"model": model}
        await story.run(at=clock_of("10:00") + hours * HOUR)
    story.world = lambda probe, at: "w"
    await story.run(at=clock_of("11:00") + 25 * HOUR)
    assert (await story.incidents())[-1].context == ()


async def test_a_restart_makes_no_event_and_forgets_none(story: Story) -> None:
    story.versions = {"model": "gpt-x", "fingerprint": "a"}
    await story.run(at=clock_of("10:00"))
    story.versions = {"model": "gpt-y", "fingerprint": "a"}
    await story.run(at=clock_of("10:01"))
    await story.restart()
    await story.run(at=clock_of("10:02"))
    assert len(await story.changed()) == 3
    story.world = lambda probe, at: "x"
    await story.run(at=clock_of("10:03"))
    assert (await story.incidents())[0].context == ("model gpt-x → gpt-y, 2m before",)


async def test_a_provider_that_answers_from_several_builds_makes_an_event_of_each_once(story: Story) -> None:
    for minute in range(12):
        story.versions = {"fingerprint": "ab"[minute % 2]}
        await story.run(at=clock_of("10:00") + minute * MINUTE)
    assert [(one.before, one.after) for one in await story.changed()] == [("", "a"), ("a", "b")]


async def test_the_newest_of_each_name_is_found_without_the_others(story: Story) -> None:
    for minute, model in enumerate(("a", "b", "c")):
        story.versions = {"model": model, "version": "7"}
        await story.run(at=clock_of("10:00") + minute * MINUTE)
    await story.store.flush()
    ledger = story.engine.tracks[BOOKS].ledger
    found = await story.store.read(lambda session: newest(session, [ledger]))
    assert {one.name: one.after for one in found} == {"model": "c", "version": "7"}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(450, 4 * 3600)), max_size=30))
def test_what_was_in_force_is_what_the_runs_saw(runs: list[tuple[str, int]]) -> None:
    versions, at, kept, seen = Versions(), MIDNIGHT, list[Change](), list[tuple[int, str]]()
    for value, later in runs:
        at += later * SECOND
        kept += [Change(*row) for row in versions.observe({"model": value}, ledger=1, at=at)]
        seen.append((at, value))
    assert [in_force(kept, when)["model"] for when, _ in seen] == [value for _, value in seen]
    again = of_record(kept[-1:], kept, now=at)
    assert again.observe({"model": seen[-1][1]}, ledger=1, at=at + SECOND) == () if seen else True


@given(st.lists(st.text(max_size=3), max_size=60))
def test_a_target_that_answers_with_anything_fills_nothing(values: list[str]) -> None:
    versions = Versions()
    for number, value in enumerate(values):
        versions.observe({value: value, "fingerprint": value}, ledger=1, at=MIDNIGHT + number * QUIET)
    assert len(versions.current) <= 8 and all(len(seen) <= 32 for seen in versions.seen.values())


def test_a_name_that_is_another_in_every_run_is_noise_and_the_record_keeps_little_of_it() -> None:
    versions, kept = Versions(), []
    for minute in range(6 * 60):
        kept += versions.observe({"version": f"built {minute}"}, ledger=1, at=MIDNIGHT + minute * MINUTE)
    assert 6 <= len(kept) <= 6 * 8 + 1
    settled = versions.observe({"version": "7"}, ledger=1, at=MIDNIGHT + 8 * HOUR)
    assert [row.after for row in settled] == ["7"]
