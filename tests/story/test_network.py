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
