"""When nothing can be reached, the network is ours: nothing is known of the target, and nobody is called to it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monitor.config.load import load_text
from probes.frames import REFUSED, Reply, Request
from probes.words.outcome import State
from tests.story.watch import BOOKS, CONFIG, SECRETS, Watch, clock_of

REFERENCES = CONFIG.replace(
    "monitor: {policy: owner}",
    'monitor: {policy: owner, references: ["https://one.example.com", "https://two.example.com/health"]}',
)
SAYS = {
    ".": Reply(0, "up"),
    "silent": Reply(0, "down", "unreachable", "no connection within 10 s", "connect"),
    "refused": Reply(0, "down", "unreachable", "10.0.0.1 refused the connection", "connect", witness=REFUSED),
    "broken": Reply(0, "down", "app_error", "answered 503"),
    "slow": Reply(0, "down", "timeout", "no answer within 3 s", "first_byte"),
}


class Story(Watch):
    """A watch whose target and references say what they say."""

    target = "."
    references = (".", ".")
    looks = 0

    async def attempt(self, request: Request, *, job: Mapping[str, Any], script: bool) -> Reply:
        if job["workflow"] == "network":
            self.looks += 1
            said = self.references[int(job["probe"].rpartition("-")[2]) - 1]
        else:
            said = self.target
        return replace(SAYS[said], number=request.number)


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    async with Story(tmp_path, load_text(REFERENCES, secrets=SECRETS)) as story:
        yield story


async def test_what_reaches_nobody_is_unknown_and_pages_nobody(story: Story) -> None:
    story.target, story.references = "silent", ("silent", "silent")
    await story.run(at=clock_of("10:00"))
    last = story.engine.tracks[BOOKS].last
    assert last is not None and (last.state, last.failure, last.blame) == (State.UNKNOWN, "monitor_fault", "network")
    assert "neither the target nor https://one.example.com, https://two.example.com/health" in last.sentence
    assert await story.incidents() == []
    assert story.paged == []


@pytest.mark.parametrize("answer", [".", "refused", "broken", "slow"])
async def test_one_reference_that_gives_any_answer_is_enough_to_blame_the_target(story: Story, answer: str) -> None:
    story.target, story.references = "silent", ("silent", answer)
    await story.run(at=clock_of("10:00"))
    (incident,) = await story.incidents()
    assert incident.failure == "unreachable"
    assert story.paged == ["ana"]


@pytest.mark.parametrize("target", ["refused", "broken", "slow"])
async def test_a_target_that_gave_a_sign_of_life_is_not_the_networks_fault(story: Story, target: str) -> None:
    story.target, story.references = target, ("silent", "silent")
    await story.run(at=clock_of("10:00"))
    assert len(await story.incidents()) == 1
    assert story.looks == 0


async def test_nobody_is_asked_while_all_is_well_and_once_for_many(story: Story) -> None:
    await story.run(at=clock_of("10:00"))
    assert story.looks == 0
    story.step, story.target = 1, "silent"
    await story.run(at=clock_of("10:01"))
    assert story.looks == 2, "three attempts within ten seconds, two references"


async def test_a_dead_network_of_our_own_is_one_page_after_a_quarter_of_an_hour_and_its_end_is_told(
    story: Story,
) -> None:
    story.target, story.references, story.step = "silent", ("silent", "silent"), 1
    for minute in range(17):
        await story.run(at=clock_of(f"10:{minute:02}"))
        await story.engine.beat()
        await story.settle()
    assert story.paged == ["cy"], "the monitor's own people, once, and nobody of a workflow"
    (incident,) = await story.incidents()
    assert (incident.subject, incident.severity) == ("monitor", "error")
    assert "we are blind: our own network has reached nobody for 15" in incident.sentence
    assert list(incident.members) == ["network"]
    story.target = "."
    await story.run(at=clock_of("10:20"))
    await story.engine.beat()
    await story.settle()
    assert (await story.incidents())[0].state == "resolved"


async def test_a_restart_does_not_take_the_page_back_while_nothing_was_reached(story: Story) -> None:
    story.target, story.references, story.step = "silent", ("silent", "silent"), 1
    for minute in range(17):
        await story.run(at=clock_of(f"10:{minute:02}"))
        await story.engine.beat()
        await story.settle()
    await story.fall()
    await story.rise()
    await story.engine.beat()
    await story.run(at=clock_of("10:18"))
    await story.engine.beat()
    await story.settle()
    (incident,) = await story.incidents()
    assert incident.state != "resolved"
