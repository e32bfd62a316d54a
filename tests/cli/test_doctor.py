"""The doctor: each line is well or says what to do, and a channel that hangs holds nobody up."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from alerts.message import Finding
from monitor.cli import doctor, examine
from monitor.config.load import load_text
from monitor.config.secrets import Secrets
from tests.cli.target import configure

CONFIG = """\
people: {ana: {name: Ana, phone: ["ntfy:topic"]}, ben: {name: Ben}}
policies: {p: {levels: [{notify: [ana]}]}}
monitor: {policy: p}
workflows: {intake: {url: "http://127.0.0.1:9", policy: p, probes: {home: {get: /, check: [{contains: x}]}}}}
"""


def levels(found: list[Finding]) -> dict[str, str]:
    return {one.what: one.level for one in found}


def test_a_machine_in_order_has_no_fault(tmp_path: Path) -> None:
    found = examine.machine(tmp_path / "new" / "state")
    assert {one.level for one in found} <= {"ok", "warning"}
    assert any("SQLite 3." in one.what for one in found)
    assert not (tmp_path / "new").exists()


def test_a_state_folder_under_a_file_is_at_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (found,) = [one for one in examine.machine(tmp_path / "file" / "state") if one.level == "fault"]
    assert "is a file" in found.what and found.write


def test_a_full_disk_is_at_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=50_000_000))
    assert levels(examine.machine(tmp_path))["0.1 GB are free for the state"] == "fault"


def test_a_clock_behind_the_installation_is_at_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.clock_gettime", lambda _: 1_000_000.0)
    assert any("the clock runs behind" in one.what for one in examine.machine(tmp_path) if one.level == "fault")


def test_a_distribution_with_a_package_of_our_name_is_named() -> None:
    def made(name: str, *files: str) -> Any:
        return SimpleNamespace(metadata={"Name": name}, files=[Path(file) for file in files])

    theirs = made("monitor-kit", "monitor/__init__.py", "monitor_kit/x.py")
    others = [made("showup", "monitor/__init__.py"), made("good", "good/monitor/__init__.py"), made("bare")]
    assert examine.foreign([theirs, *others]) == [("monitor-kit", "monitor")]


def test_this_installation_has_no_such_guest() -> None:
    assert {one.level for one in examine.packages()} == {"ok"}


def test_who_has_nothing_that_rings_is_named() -> None:
    found = levels(examine.people(load_text(CONFIG)))
    assert found["Ana can be rung at night, by ntfy"] == "ok"
    assert found["Ben has nothing that rings at night"] == "warning"


def test_whom_pagerduty_knows_and_a_policy_tells_it_of_is_rung_by_it(tmp_path: Path) -> None:
    told = CONFIG.replace("{name: Ben}", "{name: Ben, pagerduty: PBEN123}").replace("[ana]", "[ana, pagerduty]")
    told += 'channels: {pagerduty: {routing_key: "${secret:R}"}}\n'
    found = levels(examine.people(load_text(told, secrets={"R": "r" * 32})))
    assert found["Ben can be rung at night, by PagerDuty"] == "ok"
    untold = told.replace("[ana, pagerduty]", "[ana]")
    found = levels(examine.people(load_text(untold, secrets={"R": "r" * 32})))
    assert found["Ben has nothing that rings at night"] == "warning"


def test_a_daemon_that_does_not_run_is_at_fault(tmp_path: Path) -> None:
    def never() -> dict[str, Any]:
        raise AssertionError("nothing is asked where nobody answers")

    (found,) = examine.daemon(tmp_path, never)
    assert (found.level, found.what) == ("fault", "the daemon does not run")


@pytest.mark.parametrize(
    ("answer", "level", "what"),
    [
        ({}, "warning", "no phone was ever tried"),
        ({"phone_tests": {"ana": "2026-11-20T00:00:00+00:00"}}, "ok", "ana was tried 3.0 days ago"),
        ({"phone_tests": {"ana": "2026-01-01T00:00:00+00:00"}}, "warning", "ana was last tried 326.0 days ago"),
        ({"health": ["no probe host runs"]}, "fault", "no probe host runs"),
        ({"undelivered": [{}, {}]}, "fault", "2 messages are not delivered"),
    ],
)
def test_what_the_daemon_says_of_itself(
    answer: dict[str, Any], level: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.client.alive", lambda _: True)
    found = levels(examine.daemon(tmp_path, lambda: {"at": "2026-11-23T00:00:00+00:00", **answer}))
    assert found["the daemon answers"] == "ok"
    assert found[what] == level


class Hanging:
    """A channel whose provider never answers."""

    closed = False

    async def doctor(self) -> list[Finding]:
        await asyncio.Event().wait()
        return []

    async def close(self) -> None:
        self.closed = True


def test_a_channel_that_hangs_is_at_fault_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    channel = Hanging()
    monkeypatch.setattr("alerts.channel_table.open_channel", lambda *_: channel)
    (found,) = asyncio.run(doctor._channel("ntfy", load_text(CONFIG), Secrets({}), seconds=0.05))
    assert (found.level, found.what) == ("fault", "ntfy did not answer in 0.05 s")
    assert channel.closed


@pytest.mark.parametrize(
    ("config", "looked"), [(CONFIG, False), (CONFIG.replace("[{notify: [ana]}]", "[{notify: [console]}]"), True)]
)
def test_a_console_is_looked_at_where_pages_go_to_it(
    config: str, looked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def look(name: str, *_: Any) -> list[Finding]:
        asked.append(name)
        return []

    monkeypatch.setattr(doctor, "_channel", look)
    asyncio.run(doctor._channels(load_text(config), Secrets({})))
    assert "ntfy" in asked
    assert ("console" in asked) is looked


def test_it_looks_at_everything_and_answers_1_when_a_page_would_not_leave(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("SHOWUP_")]:
        monkeypatch.delenv(name)
    code = doctor.run_doctor(configure(tmp_path, "http://127.0.0.1:9"), tmp_path / "state", as_json=True)
    found = {one["what"]: one["level"] for one in json.loads(capsys.readouterr().out)}
    assert code == 1
    assert found["the daemon does not run"] == "fault"
    assert found["there is nobody to wake"] == "fault"
    assert found["the console wakes nobody"] == "warning"
    assert found["every secret is there"] == "ok"
    assert found["nobody notices when this machine is gone"] == "warning"
    assert not (tmp_path / "state").exists()


def test_a_broken_configuration_is_one_of_its_findings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "showup.yaml").write_text("workflows: {}\n")
    assert doctor.run_doctor(tmp_path / "showup.yaml", tmp_path, as_json=False) == 1
    drawn = capsys.readouterr().out
    assert "✗ fault" in drawn and "there is no workflow" in " ".join(drawn.split())
    assert drawn.splitlines()[-1].startswith("1 at fault")
