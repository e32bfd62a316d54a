"""Nights on which a model provider fails, or does not: one page, and it names who broke it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from alerts.message import Purpose
from monitor.config.load import load_text
from monitor.status.build import make_pages
from probes.words.units import MINUTE, SECOND
from tests.story.keeping import told
from tests.story.providing import CANARY, CONFIG, DISPATCH, INTAKE, Story
from tests.story.watch import SECRETS, Watch, clock_of, said


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    async with Story(tmp_path, load_text(CONFIG, secrets=SECRETS)) as story:
        yield story


def all_fail(probe: str, at: int) -> str:
    return "x"


async def test_a_canary_that_fails_alone_is_one_page_on_the_provider(story: Story) -> None:
    story.world = lambda probe, at: "x" if probe == CANARY else "."
    await story.run(CANARY, at=clock_of("10:00"))
    (incident,) = await story.incidents()
    assert (incident.subject, incident.title, incident.blame, incident.suspected) == (
        "provider:openai", "OpenAI", "provider", False,
    )  # fmt: skip
    assert incident.headline == "OpenAI does not answer in time: no answer came in time"
    assert story.paged == ["ana"]


async def test_a_workflow_that_fails_with_its_provider_is_one_page_that_names_the_provider(story: Story) -> None:
    story.world = all_fail
    await story.run(at=clock_of("10:00"))
    (provider,), (intake,) = await story.of("provider:openai"), await story.of("intake/production")
    assert story.paged == ["ana"], "one page"
    assert provider.paged_at is not None and intake.paged_at is None
    assert "intake/production/books" in provider.members, "the workflows it hits are listed"
    assert (intake.failure, intake.blame, intake.suspected) == ("provider_down", "provider", False)
    assert "OpenAI fails" in intake.sentence and "no answer came in time" in intake.sentence
    assert "OpenAI fails showup's canary too" in intake.sure
    assert intake.left_to == f"{provider.public_id} of OpenAI"
    assert intake.spoken_at == provider.paged_at
    assert "books is left to the incident of OpenAI" in told(intake)


async def test_two_workflows_of_one_provider_are_one_page(story: Story) -> None:
    story.world = all_fail
    await story.run(INTAKE, at=clock_of("10:00"))
    await story.run(DISPATCH, at=clock_of("10:02"))
    (provider,) = await story.of("provider:openai")
    assert {"intake/production/books", "dispatch/production/calls"} <= set(provider.members)
    assert story.paged == ["ana"]


async def test_a_workflow_that_fails_while_its_provider_answers_is_to_blame_for_sure(story: Story) -> None:
    story.world = lambda probe, at: "." if probe == CANARY else "e"
    await story.run(at=clock_of("10:00"))
    (incident,) = await story.incidents()
    assert (incident.subject, incident.failure) == ("intake/production", "app_error")
    assert (incident.blame, incident.suspected) == ("workflow", False)
    assert "OpenAI answered showup's canary meanwhile" in incident.sure
    assert story.paged == ["ana"]


async def test_the_canary_is_asked_at_the_first_failed_attempt_and_not_while_all_is_well(story: Story) -> None:
    await story.run(at=clock_of("10:00"))
    assert story.asked_of(CANARY) == 0
    story.world = lambda probe, at: "x" if probe == INTAKE and at < clock_of("10:05:20") else "."
    await story.run(at=clock_of("10:05"))
    assert story.asked_of(CANARY) == 1
    assert await story.incidents() == [], "the second attempt passed"


async def test_a_page_that_only_reads_does_not_depend_on_a_model(tmp_path: Path) -> None:
    text = CONFIG.replace("probes: {books: {", 'probes: {home: {get: /, every: 1m, check: [{status: 200}]}, books: {')
    async with Story(tmp_path, load_text(text, secrets=SECRETS)) as story:
        story.world = all_fail
        await story.run("intake/production/home", at=clock_of("10:00"))
        (incident,) = await story.incidents()
        assert (incident.subject, incident.blame, incident.suspected) == ("intake/production", "workflow", True)
        assert story.asked_of(CANARY) == 0


async def test_a_key_of_ours_that_is_used_up_says_nothing_of_the_provider(story: Story) -> None:
    for letter in "qr":
        story.world = lambda probe, at, letter=letter: letter if probe == CANARY else "x"
        await story.run(at=clock_of("10:00" if letter == "q" else "11:00"))
        assert await story.of("provider:openai") == []
    (incident,) = await story.of("intake/production")
    assert (incident.failure, incident.blame, incident.suspected) == ("timeout", "workflow", True)


async def test_the_owner_hears_of_a_canary_that_cannot_ask(story: Story) -> None:
    story.world = lambda probe, at: "q" if probe == CANARY else "."
    for minute in range(0, 25, 5):
        await story.run(CANARY, at=clock_of("10:00") + minute * MINUTE)
    await story.pass_to(clock_of("10:21"))
    await story.engine.beat()
    await story.settle()
    (incident,) = await story.of("monitor")
    assert f"blind {CANARY}" in incident.members
    last = story.engine.tracks[CANARY].last
    assert last is not None and "the quota of showup's own key is used up" in last.sentence
    assert await story.of("provider:openai") == []


async def test_a_provider_that_is_well_again_leaves_a_workflow_a_period_then_it_pages_itself(story: Story) -> None:
    well = clock_of("10:10")
    story.world = lambda probe, at: "." if probe == CANARY and at >= well else "x"
    await story.run(INTAKE, at=clock_of("10:00"))
    await story.run(CANARY, at=well)
    await story.run(CANARY, at=well + 5 * MINUTE)
    (provider,) = await story.of("provider:openai")
    assert said(provider.resolved_at) == "10:15:00"
    await story.run(INTAKE, at=well + 6 * MINUTE)
    (intake,) = await story.of("intake/production")
    assert (intake.failure, intake.blame, intake.suspected) == ("timeout", "workflow", False), "that is known already"
    assert story.paged == ["ana"], "it has a period to recover with its provider"
    await story.pass_to(well + 10 * MINUTE + SECOND)
    assert story.paged == ["ana", "ana"]
    assert story.providers["ntfy"].sent[-1].incident.headline.startswith("Intake agent does not answer in time")


async def test_a_workflow_is_not_left_to_a_provider_whose_canary_has_nothing_to_say(story: Story) -> None:
    story.world = all_fail
    await story.run(INTAKE, at=clock_of("10:00"))
    story.world = lambda probe, at: "q" if probe == CANARY else "x"
    await story.run(INTAKE, at=clock_of("10:05"))
    assert story.paged == ["ana"], "it was heard a moment ago"
    await story.run(INTAKE, at=clock_of("10:14"))
    assert story.paged == ["ana", "ana"]


async def test_a_canary_that_is_paused_is_not_asked(story: Story) -> None:
    story.world = all_fail
    await story.engine.pause([CANARY], paused=True)
    await story.run(INTAKE, at=clock_of("10:00"))
    (incident,) = await story.incidents()
    assert (incident.blame, incident.suspected, story.asked_of(CANARY)) == ("workflow", True, 0)


async def test_a_canary_that_fails_too_late_still_names_the_provider(tmp_path: Path) -> None:
    story = Story(tmp_path, load_text(CONFIG, secrets=SECRETS))
    story.patience, story.canary_holds = 0.05, asyncio.Event()
    async with story:
        story.world = all_fail
        await Watch.run(story, INTAKE, at=clock_of("10:00"))
        assert story.paged == ["ana"]
        story.canary_holds.set()
        await story.rests()
        await story.settle()
        (intake,) = await story.of("intake/production")
        assert (intake.failure, intake.blame, intake.suspected) == ("provider_down", "provider", False)
        assert len(await story.of("provider:openai")) == 1


async def test_a_provider_that_comes_and_goes_is_not_acquitted(story: Story) -> None:
    story.world = lambda probe, at: "." if probe == CANARY and story.asked_of(CANARY) > 1 else "x"
    await story.run(at=clock_of("10:00"))
    (intake,) = await story.of("intake/production")
    assert story.asked_of(CANARY) == 2
    assert intake.suspected, "it failed and then answered: nobody knows"


async def test_a_canary_that_is_late_is_not_waited_for_for_ever_and_then_believed(tmp_path: Path) -> None:
    story = Story(tmp_path, load_text(CONFIG, secrets=SECRETS))
    story.patience, story.canary_holds = 0.05, asyncio.Event()
    async with story:
        story.world = lambda probe, at: "." if probe == CANARY else "e"
        await Watch.run(story, INTAKE, at=clock_of("10:00"))
        (incident,) = await story.incidents()
        assert (incident.blame, incident.suspected) == ("workflow", True)
        story.canary_holds.set()
        await story.rests()
        await story.settle()
        (incident,) = await story.incidents()
        assert (incident.blame, incident.suspected) == ("workflow", False)
        assert "answered showup's canary" in incident.sure
        assert story.paged == ["ana"]


async def test_what_was_left_to_a_provider_stays_so_over_a_restart(story: Story) -> None:
    story.world = all_fail
    await story.run(INTAKE, at=clock_of("10:00"))
    assert story.paged == ["ana"]
    await story.restart()
    await story.run(INTAKE, at=clock_of("10:05"))
    assert story.paged == [], "nobody is told again"
    (intake,) = await story.of("intake/production")
    assert (intake.failure, intake.paged_at) == ("provider_down", None)


async def test_a_canary_that_may_wake_nobody_leaves_each_workflow_to_speak_for_itself(tmp_path: Path) -> None:
    text = CONFIG.replace("model: gpt-5-mini}", "model: gpt-5-mini, canary: {severity: warning}}")
    async with Story(tmp_path, load_text(text, secrets=SECRETS)) as story:
        story.world = all_fail
        await story.run(INTAKE, at=clock_of("10:00"))
        (intake,) = await story.of("intake/production")
        assert (intake.failure, intake.blame, intake.suspected) == ("provider_down", "provider", False)
        assert intake.paged_at is not None and story.paged == ["ana"]


async def test_the_public_page_of_a_workflow_that_was_left_to_its_provider_says_that_somebody_was_called(
    story: Story,
) -> None:
    story.world = all_fail
    await story.run(INTAKE, at=clock_of("10:00"))
    made = await story.store.read(
        lambda session: make_pages(session, story.catalog, story.desk, now=story.clock.at + MINUTE)
    )
    (page,) = [one.page for one in made]
    (shown,) = page.open
    assert shown.title == "Intake agent lost its model provider"
    assert [(one.label, one.reached) for one in shown.moments[:2]] == [("Noticed", True), ("Paged", True)]
    assert {view.title for group in page.groups for view in group.workflows} == {"Intake agent", "Dispatch"}


async def test_a_provider_that_flaps_is_soon_one_incident_that_is_held_open(story: Story) -> None:
    began = clock_of("10:00")
    for cycle in range(6):
        at = began + cycle * 6 * MINUTE
        story.world = all_fail
        await story.run(INTAKE, at=at)
        story.world = lambda probe, at: "."
        for minute in (2, 4):
            await story.run(CANARY, at=at + minute * MINUTE)
            await story.run(INTAKE, at=at + minute * MINUTE)
    assert len(await story.of("provider:openai")) <= 3, "from the third time on it stays open"
    assert len(story.paged) <= 4
    assert all(one.paged_at is None for one in await story.of("intake/production"))


async def test_a_warning_that_is_left_to_its_provider_is_not_posted_beside_the_page(tmp_path: Path) -> None:
    minor = 'notes: {ask: "A note", every: 5m, severity: warning, check: [{contains: noted}]}'
    text = CONFIG.replace("probes: {books: {", f"probes: {{{minor}, books: {{")
    async with Story(tmp_path, load_text(text, secrets=SECRETS)) as story:
        story.world = all_fail
        await story.run(INTAKE, at=clock_of("10:00"))
        await story.run("intake/production/notes", at=clock_of("10:01"))
        (intake,) = await story.of("intake/production")
        assert "notes is left to the incident of OpenAI" in told(intake)
        assert story.providers["console"].of(Purpose.WARNING) == [], "the provider's page has said it"
        assert story.paged == ["ana"]


async def test_a_warning_that_still_fails_when_its_provider_is_well_again_is_posted_then(tmp_path: Path) -> None:
    text = CONFIG.replace("check: [{contains: booked}]", "severity: warning, check: [{contains: booked}]")
    async with Story(tmp_path, load_text(text, secrets=SECRETS)) as story:
        well = clock_of("10:10")
        story.world = lambda probe, at: "." if probe == CANARY and at >= well else "x"
        await story.run(INTAKE, at=clock_of("10:00"))
        await story.run(CANARY, at=well)
        await story.run(CANARY, at=well + 5 * MINUTE)
        assert story.providers["console"].of(Purpose.WARNING) == []
        await story.run(INTAKE, at=well + 6 * MINUTE)
        await story.pass_to(well + 10 * MINUTE + SECOND)
        (warning,) = story.providers["console"].of(Purpose.WARNING)
        assert "books" in warning.text and story.paged == ["ana"]


async def test_a_workflow_that_is_well_again_has_its_provider_asked_before_the_next_person_is_woken(
    story: Story,
) -> None:
    story.world = all_fail
    await story.run(INTAKE, at=clock_of("10:00"))
    asked = story.asked_of(CANARY)
    story.world = lambda probe, at: "."
    await story.run(INTAKE, at=clock_of("10:05"))
    await story.run(DISPATCH, at=clock_of("10:07"))
    assert story.asked_of(CANARY) == asked + 2
    (provider,) = await story.of("provider:openai")
    assert said(provider.resolved_at) == "10:07:00"
    await story.run(INTAKE, at=clock_of("10:10"))
    assert story.asked_of(CANARY) == asked + 2, "all is well, and nobody asks beside the canary's own turns"
    await story.pass_to(clock_of("10:20"))
    assert story.paged == ["ana"]


async def test_a_provider_that_calls_nobody_speaks_for_no_workflow(tmp_path: Path) -> None:
    text = CONFIG.replace("providers: {openai: {", "providers: {openai: {policy: quiet, ")
    text = text.replace("  owner:", "  quiet: {levels: [{at: 0m, notify: [console]}]}\n  owner:")
    async with Story(tmp_path, load_text(text, secrets=SECRETS)) as story:
        story.world = all_fail
        await story.run(at=clock_of("10:00"))
        (provider,), (intake,) = await story.of("provider:openai"), await story.of("intake/production")
        assert story.paged == ["ana"], "by the workflow, as only the console hears of its provider"
        assert (intake.failure, intake.left_to) == ("provider_down", "")
        assert provider.paged_at is None


async def test_the_provider_is_told_of_by_what_spoke_against_it_and_not_by_what_befell_us_since(tmp_path: Path) -> None:
    text = CONFIG.replace("model: gpt-5-mini}", "model: gpt-5-mini, canary: {confirm: 2 of 2}}")
    async with Story(tmp_path, load_text(text, secrets=SECRETS)) as story:
        seen = iter("x")
        story.world = lambda probe, at: next(seen, "l") if probe == CANARY else "x"
        await story.run(at=clock_of("10:00"))
        (provider,) = await story.of("provider:openai")
        assert (provider.failure, provider.sentence) == ("timeout", "no answer came in time")
        assert story.paged == ["ana"]


async def test_a_canary_without_a_word_lets_no_run_wait_for_ever(tmp_path: Path) -> None:
    class Impatient(Story):
        patience = 0.001

    async with Impatient(tmp_path, load_text(CONFIG, secrets=SECRETS)) as story:
        story.world = lambda probe, at: "q" if probe == CANARY else "x"
        for _ in range(6):
            story.canary_holds = asyncio.Event()
            await story.engine.run_now(INTAKE)
            story.canary_holds.set()
            await story.rests()
            story.clock.at += 5 * MINUTE
        assert len(story.engine.witnesses._unheard) <= 2
