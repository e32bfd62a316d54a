"""A kill at any moment loses no page, opens nothing twice and leaves nothing behind; `make crash` strikes oftener."""

from __future__ import annotations

import asyncio

import pytest

from tests.crash.__main__ import report
from tests.crash.lanes import random_stories, tell, tell_all
from tests.crash.story import Story


@pytest.mark.serial
@pytest.mark.timeout(400)
def test_twenty_kills_at_random_moments_lose_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    plan = random_stories(20, seed=20_261_123, at_once=4)
    told = asyncio.run(tell_all(plan, lanes=3, said=lambda told, left: None))
    well = report(told)
    said = capsys.readouterr()
    assert well, said.out + said.err
    assert told.kills >= 12  # of 20 planned: on a busy machine some find the daemon not yet up again


@pytest.mark.timeout(120)
def test_every_commit_and_every_send_is_a_write_point_with_a_name() -> None:
    """The harness sees each of them pass: what it could not name or number it could not strike at."""
    told = asyncio.run(tell(lambda stage: Story(stage, [])))
    assert not told.words
    commits = {point for point in told.points if point.startswith("commit ")}
    assert {"commit teller.Teller._flush|inside", "commit rows appended|after"} <= commits
    for side in ("before", "after"):
        for site in ("send pagerduty page", "send pagerduty resolve", "send slack page", "send ntfy page"):
            assert told.points[f"{site}|{side}"] == 1, told.points
    inside = {point.removesuffix("|inside") for point in told.points if point.endswith("|inside")}
    inside -= {"commit of the opening"}  # before there is anything to lose: one transaction of the migrations
    assert all(told.points[f"{site}|inside"] == told.points[f"{site}|after"] for site in inside), told.points
    assert not any("unknown" in point for point in told.points), told.points
