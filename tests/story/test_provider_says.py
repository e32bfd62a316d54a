"""What a provider says of itself stands beside an incident that names it: in the page, or as soon as it says so."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from alerts import render
from monitor.config.load import load_text
from probes.words.units import MINUTE, SECOND
from tests.story.keeping import told
from tests.story.providing import CONFIG, INTAKE, Story
from tests.story.watch import SECRETS, clock_of

WITH_PAGE = CONFIG.replace("model: gpt-5-mini}", "model: gpt-5-mini, status_page: true, components: [Chat]}")
ILL = {
    "state": "trouble",
    "parts": [{"name": "Chat", "said": "a partial outage"}],
    "incidents": [{"name": "Elevated errors", "since": "2030-01-01T01:52:00.000-08:00", "url": "https://stspg.example.com/a"}],
}
TEXT = (
    "OpenAI says: a partial outage of Chat: Elevated errors, since 09:52 UTC (https://stspg.example.com/a)"
)  # fmt: skip
WELL = {"state": "operational", "parts": [], "incidents": []}


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    async with Story(tmp_path, load_text(WITH_PAGE, secrets=SECRETS)) as story:
        yield story


async def looks(story: Story) -> None:
    """The keeper looks at what is due, and delivers what follows."""
    await story.engine.said.look()
    await story.deliver()


async def test_what_it_says_is_in_the_first_page(story: Story) -> None:
    story.says = ILL
    story.clock.at = clock_of("09:59")
    await looks(story)
    story.world = lambda probe, at: "x"
    await story.run(INTAKE, at=clock_of("10:00"))
    (provider,), (intake,) = await story.of("provider:openai"), await story.of("intake/production")
    assert provider.context == intake.context == (TEXT,)
    assert TEXT in render.body(story.providers["ntfy"].sent[-1])
    assert story.paged == ["ana"]


async def test_what_it_says_later_is_written_beside_it_once_and_wakes_nobody(story: Story) -> None:
    story.says = WELL
    story.world = lambda probe, at: "x"
    await story.run(INTAKE, at=clock_of("10:00"))
    assert (await story.of("provider:openai"))[0].context == ()
    story.says = ILL
    for minute in (2, 4, 6):
        await story.pass_to(clock_of("10:00") + minute * MINUTE)
        await looks(story)
    (provider,) = await story.of("provider:openai")
    assert provider.context == (TEXT,)
    assert told(provider).count("OpenAI says") == 1
    assert story.paged == ["ana"]


async def test_a_page_that_is_green_suppresses_nothing(story: Story) -> None:
    story.says = WELL
    await looks(story)
    story.world = lambda probe, at: "x"
    await story.run(INTAKE, at=clock_of("10:00"))
    assert story.paged == ["ana"]
    assert (await story.of("provider:openai"))[0].paged_at is not None


async def test_a_page_that_is_red_opens_nothing(story: Story) -> None:
    story.says = ILL
    await looks(story)
    await story.run(INTAKE, at=clock_of("10:00"))
    assert await story.incidents() == []


async def test_a_page_that_cannot_be_read_is_no_information_and_what_was_said_grows_old(story: Story) -> None:
    story.says = ILL
    story.clock.at = clock_of("10:00")
    await looks(story)
    assert story.engine.said.trouble("openai") == TEXT
    story.says = None
    await story.pass_to(clock_of("10:05"))
    await looks(story)
    assert story.engine.said.trouble("openai") == TEXT, "it was said five minutes ago"
    await story.pass_to(clock_of("10:15") + SECOND)
    await looks(story)
    assert story.engine.said.trouble("openai") == ""


async def test_it_is_not_asked_more_often_than_every_three_minutes(story: Story) -> None:
    story.says, asked = WELL, []
    attempt = story.attempt

    async def counted(request, *, job, script):  # type: ignore[no-untyped-def]
        asked.append(request.at)
        return await attempt(request, job=job, script=script)

    story.attempt = counted  # type: ignore[method-assign]
    for minute in range(10):
        story.clock.at = clock_of("10:00") + minute * MINUTE
        await looks(story)
    assert len(asked) == 4


@pytest.mark.parametrize(
    ("says", "text"),
    [
        ({"state": "unknown", "missing": 5}, "nothing that can be read"),
        ({"state": "trouble", "parts": 5, "incidents": [{"name": "Slow", "since": "2030-01-01T11:52:00+02:00"}]},
         "Slow, since 09:52 UTC"),
        ({"state": "trouble", "incidents": [{"name": "Slow", "since": "9999-12-31T23:59:59-23:00"}]}, "Slow ("),
    ],
)  # fmt: skip
async def test_whatever_is_said_is_a_sentence_in_our_time(story: Story, says: dict[str, object], text: str) -> None:
    story.says = says
    await looks(story)
    found = story.engine.said.of("openai", story.clock.now())
    assert found is not None and text in found["text"]
