"""Bad input and bad machines: nothing is lost, and whoever can mend it is told."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from alerts.signal import Condition, Severity, Signal
from monitor import app, assembly
from monitor.cli.daemon import _serve
from monitor.engine import engine as engines
from monitor.engine.teller import Teller
from monitor.metrics import exposition
from monitor.sandbox.faults import Fault
from monitor.sandbox.pagerduty import PagerDutyServer
from monitor.sandbox.phone import PhoneServer
from monitor.sandbox.slack import SlackServer
from monitor.services import SERVICES
from monitor.store.database import Store
from probes.words.clock import SystemClock
from probes.words.errors import StoreError, StoreNewer
from probes.words.units import HOUR, SECOND
from tests.serving import Page
from tests.story.keeping import HOME, incidents, kept, real, told, until, until_incident, write_config

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with Page() as page:
        yield page


@pytest.fixture
async def phone() -> AsyncIterator[PhoneServer]:
    async with PhoneServer() as phone:
        yield phone


def ntfy(phone: PhoneServer) -> str:
    return f'ntfy: {{url: "{phone.client_url}"}}'


def words(phone: PhoneServer) -> str:
    return "\n".join(f"{message.title} {message.message}" for message in phone.messages)


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process grows any more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.serial
async def test_on_a_full_disk_the_page_leaves_from_memory_and_is_recorded_when_there_is_room(
    tmp_path: Path, page: Page, phone: PhoneServer
) -> None:
    async with kept(write_config(tmp_path, page, channels=ntfy(phone))) as keeper:
        await until(lambda: keeper.store.last_commit)
        with capture_logs(), full_disk():  # the log of a test is a file too, and would be full
            page.well = False
            await until(lambda: keeper.engine.teller.refused_since)
            took = await until(lambda: phone.messages, within=14)
            assert 9 <= took <= 12, took
            await until(lambda: "Intake agent" in words(phone), within=5)
            assert "paged from memory" in words(phone)
            assert keeper.store.broken_since, "the disk is full, and the store says that all is well"
            await asyncio.sleep(2.5)
            assert words(phone).count("Intake agent") <= 2, "one failure is paged from memory once: title and text"
            before = keeper.catalog
            assert "the old configuration stays in force" in await asyncio.wait_for(keeper.reload(), 10)
            assert keeper.catalog is before
        found = await until_incident(keeper, lambda one: one.subject == "intake/production")
        assert found.began < real.now() - 9 * SECOND, "it began when it was seen, not when it could be written"
        await until_incident(keeper, lambda one: any("told from memory" in event.text for event in one.events))
        page.well = True
        await until_incident(keeper, lambda one: one.state == "resolved" and one.subject == "intake/production")


async def test_what_waits_when_the_keeper_stops_is_told_once_and_nothing_is_dropped() -> None:
    """The teller and the last words at a stop meet in the middle of a commit."""
    told_: list[str] = []

    async def write(work: Callable[[Any], Any]) -> Any:
        found = work(None)
        await asyncio.sleep(0.02)
        return found

    def receive(session: Any, signal_: Signal) -> set[str]:
        told_.append(signal_.member)
        return set()

    async def nobody(signal_: Signal) -> None:
        raise AssertionError("the store is well")

    teller = Teller(write, receive, clock=SystemClock(), woke=lambda names: None, emergency=nobody)
    running = asyncio.create_task(teller.run())
    teller.tell(_failing("first"))
    await asyncio.sleep(0.01)
    teller.tell(_failing("second"))
    while teller.waiting and await teller.flush():
        pass
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert told_ == ["first", "second"]


def _failing(member: str) -> Signal:
    return Signal(
        subject="intake/production",
        member=member,
        condition=Condition.FAILING,
        severity=Severity.CRITICAL,
        at=0,
        since=0,
        title="Intake agent",
        policy="wake-us",
    )


async def test_when_the_database_is_taken_away_the_page_leaves_all_the_same(
    tmp_path: Path, page: Page, phone: PhoneServer
) -> None:
    async with kept(write_config(tmp_path, page, channels=ntfy(phone))) as keeper:
        file = keeper.folder / "showup.db"
        file.rename(tmp_path / "elsewhere.db")
        page.well = False
        await until(lambda: keeper.engine.teller.refused_since)
        assert 9 <= await until(lambda: phone.messages, within=14) <= 12
        (tmp_path / "elsewhere.db").rename(file)
        await until_incident(keeper, lambda one: one.subject == "intake/production")


async def test_a_database_newer_than_the_program_is_left_alone(tmp_path: Path, page: Page, phone: PhoneServer) -> None:
    config = write_config(tmp_path, page, channels=ntfy(phone))
    state = tmp_path / "state"
    store = await asyncio.to_thread(Store.open, "", folder=state, clock=SystemClock(), ballast=0)
    await store.close()
    with sqlite3.connect(state / "showup.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999_from_tomorrow'")
    connection.close()
    before = (state / "showup.db").read_bytes()
    with pytest.raises(StoreNewer) as refused:
        await assembly.build(config, folder=state)
    assert refused.value.hint
    assert (state / "showup.db").read_bytes() == before


async def test_a_probe_that_is_deleted_while_its_incident_is_open_is_gone_for_all_to_see(
    tmp_path: Path, page: Page, phone: PhoneServer
) -> None:
    other = "other: {get: /, check: [{contains: e}], severity: info}"
    config = write_config(tmp_path, page, HOME, other, channels=ntfy(phone))
    async with kept(config) as keeper:
        page.well = False
        await until_incident(keeper, lambda one: "home" in one.members)
        page.well = True
        write_config(tmp_path, page, other, channels=ntfy(phone))
        assert await keeper.reload() == ""
        closed = await until_incident(keeper, lambda one: one.state == "resolved" and "home" in told(one))
        assert "home is no longer in the configuration" in told(closed)
        assert "intake/production/home" not in keeper.engine.tracks


async def test_a_probe_that_is_renamed_while_its_incident_is_open_keeps_it_open(
    tmp_path: Path, page: Page, phone: PhoneServer
) -> None:
    async with kept(write_config(tmp_path, page, channels=ntfy(phone))) as keeper:
        page.well = False
        opened = await until_incident(keeper, lambda one: one.subject == "intake/production")
        write_config(tmp_path, page, HOME.replace("home: {", "front: {was: home, "), channels=ntfy(phone))
        assert await keeper.reload() == ""
        found = await until_incident(keeper, lambda one: "home is called front now" in told(one))
        assert (found.public_id, found.members) == (opened.public_id, ("front",))
        assert found.state != "resolved", "it still fails, whatever it is called"
        page.well = True
        await until_incident(keeper, lambda one: one.state == "resolved")
        assert len(await incidents(keeper)) == 1


async def test_a_clock_set_back_an_hour_is_not_followed_and_the_owner_is_told(
    tmp_path: Path, page: Page, phone: PhoneServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "LOOK_EVERY", SECOND)
    wall, back = time.time_ns, 3_600_000_000_000
    config = write_config(tmp_path, page, channels=ntfy(phone))
    async with kept(config) as keeper:
        before = keeper.clock.now()
        monkeypatch.setattr(time, "time_ns", lambda: wall() - back)
        found = await until_incident(keeper, lambda one: "is not followed" in told(one))
        assert found.subject == "monitor"
        assert keeper.clock.now() > before
        await until(lambda: "clock" in words(phone))
    async with kept(config) as keeper:
        assert keeper.clock.now() >= before, "a restart does not go back either"
        page.well = False
        opened = await until_incident(keeper, lambda one: one.subject == "intake/production")
        assert opened.opened > before > keeper.clock.wall() + HOUR // 2


async def test_a_port_in_use_is_said_before_anything_runs_and_the_database_is_let_go(
    tmp_path: Path, page: Page, phone: PhoneServer
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        config = write_config(tmp_path, page, channels=ntfy(phone), listen=listen)
        with pytest.raises(StoreError, match="cannot listen") as refused:
            await _serve(config, tmp_path / "state")
        assert "web:" in refused.value.hint
    store = await asyncio.to_thread(Store.open, "", folder=tmp_path / "state", clock=SystemClock())
    await store.close()


async def test_a_wrong_slack_token_and_a_refusal_of_pagerduty_ring_the_next_one_at_once(
    tmp_path: Path, page: Page, phone: PhoneServer
) -> None:
    async with SlackServer() as slack, PagerDutyServer() as pagerduty:
        pagerduty.faults.set(Fault("invalid-event"))
        slack_spec = (
            f'slack: {{token: "${{secret:SLACK}}", channel: ops-alerts, url: "{slack.client_url.rstrip("/")}"}}'
        )
        pd_spec = (
            f'pagerduty: {{routing_key: "${{secret:PD}}", url: "{pagerduty.client_url}", '
            f'api_url: "{pagerduty.client_url}", ca_file: "{pagerduty.ca_file}"}}'
        )
        config = write_config(
            tmp_path,
            page,
            channels=f"{slack_spec}, {pd_spec}, {ntfy(phone)}",
            levels="{at: 0m, notify: [slack, pagerduty]}, {at: 10m, notify: [ana]}",
            secrets={"SLACK": "xoxb-of-another-workspace", "PD": pagerduty.routing_key},
        )
        async with kept(config) as keeper:
            page.well = False
            await until(lambda: phone.messages)
            found = await until_incident(
                keeper, lambda one: "invalid_auth" in told(one) and "Ana Silva was" in told(one)
            )
        assert "PagerDuty" in told(found)
        assert not slack.messages() and not pagerduty.incidents
        assert "level 2" in told(found), "ten minutes early, because nobody else could be told"


async def test_a_bad_configuration_leaves_the_old_one_in_force_and_says_so_everywhere(
    tmp_path: Path, page: Page, phone: PhoneServer, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path, page, channels=ntfy(phone))
    async with kept(config) as keeper:
        app.on_signals(keeper)
        fingerprint, text = keeper.catalog.fingerprint, config.read_text()
        config.write_text(text.replace("contains:", "contians:"))
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: keeper.config_trouble)
        status = await SERVICES["status"](keeper)
        assert "contians" in status["config"]["trouble"]
        assert b"showup_config_stale 1.0" in exposition(keeper)
        assert keeper.catalog.fingerprint == fingerprint
        said = capsys.readouterr()
        assert "the configuration is not taken over" in said.out + said.err
        page.well = False
        await until(lambda: phone.messages)  # the old one still pages
        config.write_text(text)
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: not keeper.config_trouble)
        assert b"showup_config_stale 0.0" in exposition(keeper)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().remove_signal_handler(number)
