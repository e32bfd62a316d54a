"""The daemon dies again and again: the program that systemd runs after each exit, run for real, pages on the third."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitor.sandbox.phone.server import PhoneServer
from monitor.sandbox.webhook import WebhookServer
from monitor.service import stopped
from monitor.service.contacts import read_contacts
from monitor.service.exits import DUE
from probes.words.clock import SystemClock
from tests.service.kit import KEY, config_text, program

SECRETS = {"HOOK": KEY, "FIRST": "first-rings"}


@dataclass
class Scene:
    """A configuration, a state folder and two receivers."""

    folder: Path
    hook: WebhookServer
    phone: PhoneServer

    @property
    def config(self) -> Path:
        return self.folder / "showup.yaml"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def environ(self, secrets: dict[str, str] | None = None, *, result: str = "exit-code") -> dict[str, str]:
        """What systemd puts into the environment."""
        places = {"SHOWUP_CONFIG": str(self.config), "STATE_DIRECTORY": str(self.state)}
        return {**places, "SERVICE_RESULT": result, "EXIT_STATUS": "1", **(SECRETS if secrets is None else secrets)}

    async def count(self, secrets: dict[str, str] | None = None, *, result: str = "exit-code") -> None:
        """One more exit."""
        given = self.environ(secrets, result=result)
        assert await asyncio.to_thread(stopped.count, self.state, given, clock=SystemClock()) == 0

    async def page(self, unit: str = "showup.service") -> int:
        """What the unit with credentials does."""
        return await asyncio.to_thread(stopped.page, unit, self.state, self.environ(), clock=SystemClock())


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with WebhookServer() as hook, PhoneServer() as phone:
        scene = Scene(tmp_path, hook, phone)
        scene.state.mkdir()
        scene.config.write_text(config_text(hook.hook_url, phone.url))
        yield scene


async def test_the_third_failed_exit_pages_every_way_of_the_monitors_policy(scene: Scene) -> None:
    environ = scene.environ(result="watchdog")
    await scene.count()
    await scene.count()
    assert (scene.hook.deliveries, scene.phone.messages) == ([], [])
    done = await asyncio.to_thread(program, "monitor.service.stopped", "count", environ=environ)
    said = done.stderr
    assert done.returncode == 0, said
    assert "paged by ntfy, webhook" in said
    sent = json.loads(scene.hook.deliveries[0].body)
    assert sent["purpose"] == "emergency"
    assert "showup.service: it failed 3 times in 5 minutes, the last time with watchdog (1)" in sent["text"]
    assert sent["headline"].startswith("What showup watches is not being watched: showup.service: it failed 3 times")
    assert [message.topic for message in scene.phone.messages] == ["first-rings"]
    await scene.count()
    assert len(scene.hook.deliveries) == 1
    assert KEY not in said


async def test_without_credentials_the_page_is_left_to_the_unit_that_has_them(scene: Scene) -> None:
    for _ in range(3):
        await scene.count({})
    assert (scene.state / DUE).exists()
    assert scene.hook.deliveries == []
    assert await scene.page() == 0
    assert len(scene.hook.deliveries) == 1
    assert not (scene.state / DUE).exists()
    assert await scene.page() == 0  # nothing is due any more
    assert len(scene.hook.deliveries) == 1


async def test_a_configuration_broken_elsewhere_still_says_whom_to_tell(scene: Scene) -> None:
    text = scene.config.read_text().replace("check:", "chekc:").replace("defaults: {policy: wake-us}", "defaults: 7")
    scene.config.write_text(text)
    for _ in range(3):
        await scene.count()
    assert len(scene.hook.deliveries) == 1


async def test_a_file_that_is_no_yaml_any_more_is_replaced_by_its_last_good_copy(scene: Scene) -> None:
    await scene.count(result="success")
    scene.config.write_text("workflows: {site: [")
    for _ in range(3):
        await scene.count()
    assert len(scene.hook.deliveries) == 1
    assert stat.S_IMODE((scene.state / "last-good").stat().st_mode) == 0o700


async def test_a_provider_that_refuses_leaves_the_page_due(scene: Scene) -> None:
    await scene.phone.stop()
    scene.hook.status = 500
    for _ in range(3):
        await scene.count()
    assert (scene.state / DUE).exists()
    await scene.phone.start()
    scene.hook.status = 200
    assert await scene.page() == 0
    assert len(scene.hook.deliveries) == 1


async def test_a_stop_that_was_meant_takes_back_what_was_due(scene: Scene) -> None:
    for _ in range(3):
        await scene.count({})
    await scene.count({}, result="success")
    assert await scene.page() == 0
    assert scene.hook.deliveries == []


async def test_a_failed_copy_of_the_database_is_told_too(scene: Scene) -> None:
    assert await scene.page("showup-backup.service") == 0
    sent = json.loads(scene.hook.deliveries[0].body)
    assert "showup-backup.service" in sent["text"]
    assert sent["headline"].startswith("showup needs attention: showup-backup.service: it failed")


async def test_nobody_to_tell_is_said_and_is_a_failure(scene: Scene) -> None:
    scene.config.write_text("workflows: [")
    words = ("page", "showup-backup.service")
    done = await asyncio.to_thread(program, "monitor.service.stopped", *words, environ=scene.environ())
    assert done.returncode == 1
    assert "nobody can be told" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["", "7", "[]", "monitor: 3", "people: 3\nmonitor: {policy: x}", "channels: []", "\0"])
def test_whatever_stands_in_the_file_reading_it_does_not_fail(tmp_path: Path, text: str) -> None:
    (tmp_path / "showup.yaml").write_text(text)
    assert read_contacts(tmp_path / "showup.yaml") is None
