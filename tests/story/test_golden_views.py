"""What people see of a golden set: the list, one set, its baseline; and that a host that was taken over says little."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from monitor.cli import show_golden
from monitor.cli.commands import app
from monitor.config.load import load
from monitor.config.secrets import Secrets
from monitor.services import golden as service
from probes.frames import Reply, pack, unpack_reply
from probes.words.errors import Refused
from probes.words.outcome import State
from probes.words.units import MINUTE
from tests.story.answers import CASES, CONFIG, GOLDEN, Answers, configured
from tests.story.watch import SECRETS, clock_of

START = clock_of("10:00")


class Keeper:
    """As much of the keeper as these services ask."""

    def __init__(self, watch: Answers) -> None:
        self.clock, self.catalog, self.store = watch.clock, watch.catalog, watch.store
        self.engine = watch.engine


async def runs(watch: Answers, first: int, last: int) -> None:
    await watch.runs(START + first * 5 * MINUTE, START + last * 5 * MINUTE, every=300, name=GOLDEN)
    await watch.store.flush()


def drawn(draw: Any, found: Any) -> str:
    out = io.StringIO()
    with redirect_stdout(out):
        draw(found)
    return out.getvalue()


async def test_a_set_is_seen_with_its_accuracy_its_pairs_and_its_cases(tmp_path: Path) -> None:
    async with Answers(tmp_path, configured()) as watch:
        watch.answer = lambda case, at: "wrong" if case in CASES[:6] and at > START + 60 * MINUTE else "right"
        keeper: Any = Keeper(watch)
        assert (await service.golden(keeper))[0]["accuracy"] is None
        await runs(watch, 0, 40)
        (listed,) = await service.golden(keeper)
        one = await service.golden(keeper, "knows")
        assert (listed["state"], listed["of"], listed["needed"]) == (str(watch.knows.last.state), 200, 47)
        assert listed["right"] == watch.knows.answers.said.right
        assert one["confusions"] == [{"expected": "book", "got": "cancel", "times": 200 - listed["right"]}]
        assert [each["case"] for each in one["each"] if each.get("wrong")] == CASES[:6]
        assert one["days"] == [{"day": "2030-01-01", "right": listed["right"], "of": 200}]
        with pytest.raises(Refused):
            await service.golden(keeper, "nothing")
        whole = drawn(show_golden.whole, one)
        assert "54 of 60 cases that were asked were always right." in whole
        assert "cancel instead of" in whole and "✗" in whole
        assert max(map(len, whole.splitlines())) <= 80
        text = drawn(show_golden.listed, [listed])
        assert "intake/knows" in text and f"{listed['right'] / 2:.1f} %" in text
        assert max(map(len, text.splitlines())) <= 80
        assert "no golden set" in drawn(show_golden.listed, [])
        keeper.engine = SimpleNamespace(tracks={})  # nothing runs, and the record alone is asked
        assert await service.golden(keeper) == [listed]


async def test_a_set_that_gets_no_answer_is_down_whatever_it_was_before(tmp_path: Path) -> None:
    async with Answers(tmp_path, configured()) as watch:
        keeper: Any = Keeper(watch)
        await runs(watch, 0, 20)
        watch.world = lambda probe, at: "x"
        await runs(watch, 20, 22)
        (listed,) = await service.golden(keeper)
        assert (listed["state"], listed["right"], listed["of"]) == ("down", 100, 100)
        said = " ".join(drawn(show_golden.whole, await service.golden(keeper, "knows")).split())
        assert f"down: no case was answered in the newest run ({listed['silent']}); before that 100.0 % right" in said


async def test_a_baseline_is_written_on_purpose_and_what_gets_worse_than_it_is_told(tmp_path: Path) -> None:
    lines = "\n".join(f"          - {{name: {name}, ask: q, expect: book}}" for name in CASES)
    config = tmp_path / "showup.yaml"
    config.write_text(CONFIG.replace("KEYS", "").replace("LINES", lines))
    (tmp_path / ".env").touch(0o600)
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in SECRETS.items()))
    state, run = tmp_path / "state", CliRunner()
    asked = ["golden", "baseline", "knows", "-c", str(config), "--state", str(state)]
    state.mkdir()
    catalog = load(config, secrets=Secrets(SECRETS))
    async with Answers(state, catalog) as watch:
        await runs(watch, 0, 24)
    made = await _invoked(run, asked)
    file = tmp_path / "golden" / "knows.baseline.json"
    assert made.exit_code == 0 and "60 of 60 cases right." in made.output
    assert set(json.loads(file.read_text())["cases"]) == set(CASES)
    again = await _invoked(run, asked)
    assert again.exit_code != 0 and isinstance(again.exception, Refused)
    assert (await _invoked(run, [*asked, "--again"])).exit_code == 0
    async with Answers(state, load(config, secrets=Secrets(SECRETS)), start=START + 200 * MINUTE) as watch:
        watch.answer = lambda case, at: "wrong" if case in CASES[:6] else "right"
        await runs(watch, 40, 52)
        assert watch.knows.last.state is State.UP, "one wrong answer each is no flip yet: two of three were right"
        await runs(watch, 52, 64)
        assert watch.knows.last.state in (State.DEGRADED, State.DOWN)
        assert "6 cases got worse since the baseline" in watch.knows.last.sentence
        assert "regressed: case 00" in watch.knows.last.sentence


async def _invoked(run: CliRunner, words: list[str]) -> Any:
    """The command, in a thread: it has a loop of its own."""
    import asyncio

    return await asyncio.to_thread(run.invoke, app, words)


async def test_a_host_that_was_taken_over_can_add_no_case_and_break_nothing(tmp_path: Path) -> None:
    scores = ({"case": "no such", "verdict": "right"}, {"case": CASES[0], "verdict": "excellent"},
              {"case": CASES[1], "verdict": "wrong", "expected": ["x"], "got": "\x1b[31m" + "y" * 9_000,
               "fields": {"a" * 500: True, "b": "no"}, "failure": "made up"},
              {"case": CASES[1], "verdict": "right"}, {})  # fmt: skip
    reply = unpack_reply(pack(Reply(1, "up", scores=scores)).rstrip())
    async with Answers(tmp_path, configured()) as watch:

        async def attempt(request: Any, *, job: Any, script: bool) -> Reply:
            return Reply(request.number, "up", scores=reply.scores)

        watch.attempt = attempt  # type: ignore[method-assign]
        await runs(watch, 0, 2)
        kept = watch.knows.answers.window.cases
        assert [(one.case, one.right, one.failure) for one in kept] == [(CASES[1], False, "")] * 2
        assert len(kept[0].got) <= 200 and "\x1b" not in kept[0].got
        assert {len(name) <= 80 for name in kept[0].fields} == {True}
