"""`showup kit` and `showup drill`, played for real: a kit, a resilient clinic and a naive one, and a customer."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from monitor.cli.drill import FAULTS, run_drill
from monitor.cli.kit import list_faults, run_fault, run_heal, yaml_for
from monitor.config.load import load_text
from monitor.sandbox.clinic import Clinic
from monitor.sandbox.clinic.agent import Elsewhere
from monitor.sandbox.faults import Fault
from monitor.sandbox.kit import FILE, Kit, Place, Switch
from monitor.sandbox.models.kinds import MODEL_KINDS
from monitor.sandbox.models.server import LABELS
from probes.words.errors import ConfigError, Refused

CONFIG = """
workflows:
  {name}:
    environments: {{staging: "{url}"}}
    chat: {{post: /chat, send: {{message: "${{ask}}"}}, reply: $.reply}}
    drill: {{polite: [{{contains-any: ["You said", "call us"]}}]}}
    probes:
      hours: {{ask: When are you open?, timeout: {timeout}, check: [{{contains: "8:00"}}]}}
"""


class Town:
    """A kit with two clinics whose model it is, in a loop of their own; `polite` and `naive` are their addresses."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, folder / "state"
        self.state.mkdir()
        self.polite = self.naive = self.alone = ""
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._live(),))

    def __enter__(self) -> Town:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive()
        self._loop.close()

    async def _live(self) -> None:
        async with Kit(self.state, port=0, pace=0.0) as kit:
            there = Elsewhere(kit.models.base_url, kit.models.key)
            async with Clinic(models=there, resilient=True) as polite, Clinic(models=there) as naive, Clinic() as alone:
                self.polite, self.naive, self.alone = polite.url, naive.url, alone.url
                self._ready.set()
                await self._stop.wait()

    @property
    def switch(self) -> Switch:
        return Switch(Place.read(self.state))

    def write(self, url: str, *, name: str = "intake", timeout: str = "5s") -> Path:
        """The configuration that watches a clinic."""
        path = self.folder / "showup.yaml"
        path.write_text(CONFIG.format(name=name, url=url, timeout=timeout))
        return path

    def drill(self, url: str, fault: str, **given: str) -> int:
        """A drill of a clinic: its exit code."""
        timeout = given.pop("timeout", "5s")
        shown = {"environment": "staging", "kit": "", **given}
        config = self.write(url, timeout=timeout)
        return run_drill("intake", config, self.state, fault=fault, as_json=False, **shown)  # type: ignore[arg-type]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with Town(tmp_path) as made:
        yield made


@pytest.mark.parametrize("fault", FAULTS)
def test_a_resilient_application_passes_and_a_naive_one_does_not(
    town: Town, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert town.drill(town.polite, fault) == 0
    told = capsys.readouterr().out
    assert "PASSED" in told and "met it" in told and "0 requests met it" not in told
    assert ("call us" in told) == (fault != "429-once"), "asked again, the model answers"
    assert town.drill(town.naive, fault, timeout="2s") == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "NO GOOD" in told and "left alone with it" in told
    assert town.switch.state()["set"] == [], "whatever was broken is healed"


def test_an_application_that_never_calls_the_kit_proves_nothing(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    config = town.write(town.alone)
    config.write_text(config.read_text().replace('"You said"', '"open"'))
    found = run_drill("intake", config, town.state, fault="empty", environment="staging", kit="", as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (found, told["passed"], told["met"]) == (1, False, 0)
    assert "met the fault" in told["faults"][0]


def test_what_met_the_fault_in_an_earlier_drill_proves_nothing_in_this_one(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    assert town.drill(town.polite, "empty") == 0
    assert "2 requests met it" in capsys.readouterr().out, "it asks its model twice"
    assert town.drill(town.polite, "empty") == 0
    assert "2 requests met it" in capsys.readouterr().out
    config = town.write(town.alone)
    config.write_text(config.read_text().replace('"You said"', '"open"'))
    assert run_drill("intake", config, town.state, fault="empty", environment="staging", kit="", as_json=False) == 1
    assert "no request of staging met the fault" in " ".join(capsys.readouterr().out.split())


def test_an_application_that_was_broken_before_proves_nothing(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    assert town.drill("http://127.0.0.1:9", "empty") == 1
    assert "was no good before anything was broken" in capsys.readouterr().out


def test_a_users_own_rules_decide_with_the_rest(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    config = town.write(town.polite)
    config.write_text(config.read_text().replace('["You said", "call us"]', '["You said", "write to us"]'))
    found = run_drill("intake", config, town.state, fault="empty", environment="staging", kit="", as_json=False)
    assert found == 1 and "write to us" in capsys.readouterr().out


def test_what_cannot_be_drilled_is_refused_with_what_to_write(town: Town, tmp_path: Path) -> None:
    def refused(act: Callable[[], object]) -> str:
        with pytest.raises(Refused) as caught:
            act()
        return f"{caught.value}; {caught.value.hint}"

    assert "did you mean hang?" in refused(lambda: town.drill(town.polite, "hangs"))
    elsewhere = refused(lambda: town.drill(town.polite, "hang", environment="production"))
    assert "nothing watches intake/production" in elsewhere
    town.switch.break_it(Fault("slow"))
    assert "showup kit heal" in refused(lambda: town.drill(town.polite, "hang"))
    town.switch.heal()
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()
    config = town.write(town.polite)
    given = {"fault": "hang", "environment": "staging", "kit": "", "as_json": False}
    assert "showup kit" in refused(lambda: run_drill("intake", config, nowhere, **given))  # type: ignore[arg-type]
    given["kit"] = "http://127.0.0.1:9"
    assert "SHOWUP_KIT_TOKEN" in refused(lambda: run_drill("intake", config, nowhere, **given))  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_drill_that_is_called_off_heals_the_kit(town: Town, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "monitor.cli", "drill", "intake", "--fault", "hang", "--state", str(town.state)]
    config = town.write(town.naive, timeout="25s")
    # As from a terminal, also where whoever runs these tests has had it ignored, as a shell has in the background.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    drill = subprocess.Popen([*command, "--config", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    signal.signal(signal.SIGINT, before)
    try:
        _until(lambda: town.switch.state()["met"].get("hang"))
        os.kill(drill.pid, number)
        assert drill.wait(15) != 0
    finally:
        drill.kill()
        drill.wait()
    assert town.switch.state()["set"] == []


def test_polite_is_about_words_alone() -> None:
    text = CONFIG.format(name="intake", url="http://127.0.0.1:9", timeout="5s")
    for wrong in ("{json: $.a, equals: 1}", "{value: total, below: 1s}", "{contains: a, soft: true}"):
        with pytest.raises(ConfigError) as caught:
            load_text(text.replace('{contains-any: ["You said", "call us"]}', wrong))
        assert "polite is about the words of an answer" in str(caught.value.problems[0])


# the kit's own commands


def test_the_kit_is_broken_and_healed_from_another_terminal(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    run_fault(town.state, "overloaded,times=2", dialect="anthropic")
    run_fault(town.state, "hang", dialect="")
    assert [one["where"] for one in town.switch.state()["set"]] == ["chat.anthropic", "*"]
    run_heal(town.state, "hang")
    assert [one["kind"] for one in town.switch.state()["set"]] == ["overloaded"]
    run_heal(town.state, "")
    run_heal(town.state, "")
    told = capsys.readouterr().out
    assert "in anthropic" in told and "0 requests had met it" in told and "Nothing was broken" in told
    for text, dialect, hint in (("hnag", "", "did you mean 'hang'?"), ("hang", "gemini", "it speaks openai")):
        with pytest.raises(Refused) as caught:
            run_fault(town.state, text, dialect=dialect)
        assert hint in str(caught.value)


def test_where_the_kit_runs_is_told_to_its_owner_alone_and_is_gone_with_it(tmp_path: Path) -> None:
    with Town(tmp_path) as town:
        path = town.state / FILE
        assert path.stat().st_mode & 0o077 == 0
        key = (town.state / "kit.key").read_text()
    assert not path.exists()
    assert (town.state / "kit.key").read_text() == key, "what points at it stays right"


def test_every_fault_is_listed_and_every_dialect_has_its_yaml(capsys: pytest.CaptureFixture[str]) -> None:
    list_faults(as_json=True)
    listed = json.loads(capsys.readouterr().out)
    assert {one["fault"] for one in listed} == set(MODEL_KINDS) and all(one["failure"] for one in listed)
    list_faults(as_json=False)
    told = capsys.readouterr().out
    assert [name for name in MODEL_KINDS if name not in told] == []
    for dialect in LABELS:
        catalog = load_text(yaml_for(dialect, "http://127.0.0.1:8480"), secrets={"KIT_KEY": "k"})
        assert list(catalog.probes) == ["rehearsal/production/answers"]


def _until(holds: Callable[[], object], *, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
