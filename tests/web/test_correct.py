"""The service behind `showup correct`, in a keeper with an hour of history, and what it refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from monitor.app import Keeper
from monitor.engine.restore import restore
from monitor.services import SERVICES
from monitor.services.acts import NOBODY_NAMED
from monitor.services.base import moment_of, when
from monitor.store.codes import state_code
from monitor.store.queries.ledgers import begin_ledger
from monitor.store.queries.presence import begin_alive, extend_alive
from monitor.store.rows import Rows, RunRow, SpanRow
from monitor.web.app import private_app, public_app
from probes.words.clock import micros
from probes.words.errors import Refused
from probes.words.outcome import State
from probes.words.units import HOUR, MINUTE, SECOND
from tests.story.watch import CONFIG
from tests.web.asking import KEPT, asking, built

TWO = CONFIG.replace("timezone: UTC", "timezone: America/New_York")
TWO += "      home: {get: /, every: 1m, check: [{contains: Book online}]}\n"
GOOD = {"workflow": "intake", "start": "50m", "end": "40m ago", "counts_as": "up", "reason": "a wrong check"}


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Keeper]:
    """A keeper that saw both probes down for an hour; nothing runs."""
    async with built(tmp_path, TWO + KEPT) as made:
        now, down = made.clock.now(), state_code(State.DOWN)
        begun = now - HOUR
        found = await made.store.write(
            lambda session: restore(session, made.catalog, now=begun, secrets=lambda names: dict.fromkeys(names, ""))
        )
        rows = [SpanRow(track.ledger, begun, now - MINUTE, down) for track in found.tracks.values()]
        runs = [RunRow(now - MINUTE, track.ledger, 0, 20_000, down, 1, track.hold) for track in found.tracks.values()]
        made.store.append(Rows(runs=runs, spans=rows))
        for track in found.tracks.values():
            await made.store.write(lambda session, number=track.ledger: begin_ledger(session, number, at=begun))
        await made.store.write(lambda session: begin_alive(session, now=begun))
        await made.store.write(lambda session: extend_alive(session, begun, now=now))
        await made.store.flush()
        yield made


async def ask(keeper: Keeper, name: str, **given: Any) -> Any:
    return await SERVICES[name](keeper, **given)


async def test_all_probes_are_corrected_and_explain_tells_it(keeper: Keeper) -> None:
    answer = await ask(keeper, "correct", **GOOD, by="Ana")
    assert sorted(answer["probes"]) == ["books", "home"]
    assert (answer["workflow"], answer["state"], answer["author"]) == ("intake/production", "up", "Ana")
    assert keeper.changed.is_set()
    found = await ask(keeper, "explain", workflow="intake", window="1h")
    (row,) = [row for row in found["rows"] if row["because"] == ["corrected by Ana: a wrong check"]]
    assert (row["state"], row["seconds"]) == ("up", 600.0)
    (said,) = found["corrections"]
    assert (said["state"], said["probes"], said["reason"]) == ("up", [], "a wrong check")
    assert said["made"] is not None
    assert found["figures"]["uptime"] is not None
    assert 16 < found["figures"]["uptime"] < 17


async def test_one_probe_alone_leaves_the_other_to_decide(keeper: Keeper) -> None:
    assert (await ask(keeper, "correct", **GOOD, probe="home"))["probes"] == ["home"]
    found = await ask(keeper, "explain", workflow="intake", window="1h")
    assert found["figures"]["uptime"] == 0
    assert found["corrections"][0]["probes"] == ["home"]
    assert ["books", f"corrected by {NOBODY_NAMED}: a wrong check"] in [row["because"] for row in found["rows"]]


async def test_reason_and_name_are_cleaned_and_cut(keeper: Keeper) -> None:
    answer = await ask(keeper, "correct", **{**GOOD, "reason": "\x1b[31m\x00\u202e" + "w" * 9_000}, by="A\x00na\n" * 90)
    assert answer["reason"].startswith("[31mwww")
    assert (len(answer["reason"]), len(answer["author"])) == (300, 80)


@pytest.mark.parametrize(
    ("wrong", "said", "hint"),
    [
        ({"workflow": "intak"}, "there is no workflow intak", "did you mean intake?"),
        ({"workflow": "intake/staging"}, "intake/staging has not run yet", "nothing to correct"),
        ({"probe": "bokks"}, "never had a probe bokks", "did you mean books?"),
        ({"counts_as": "dwon"}, "there is no state dwon", "did you mean down?"),
        ({"counts_as": ""}, "there is no state", "up, degraded, down, maintenance, unknown"),
        ({"start": "40m", "end": "50m"}, "must end after it begins", ""),
        ({"end": "9999-01-01"}, "a time that is over", "showup maintenance"),
        ({"start": "3h"}, "before the first run", "that was at 20"),
        ({"start": "0001-01-01T00:00"}, "before the first run", "that was at 20"),
        ({"reason": " \x00"}, "needs an author and a reason", "shown"),
        ({"start": "yesterday"}, "'yesterday' is no moment", "write 2026-11-23T03:00"),
        ({"end": "-1h"}, "is no moment", "such as 2h"),
        ({"end": ""}, "is no moment", "such as 2h"),
    ],
)
async def test_what_cannot_be_is_refused_in_a_sentence(
    keeper: Keeper, wrong: dict[str, str], said: str, hint: str
) -> None:
    with pytest.raises(Refused) as refused:
        await ask(keeper, "correct", **{**GOOD, **wrong})
    assert said in str(refused.value)
    assert hint in refused.value.hint
    assert (await ask(keeper, "explain", workflow="intake", window="1h"))["corrections"] == []


async def test_what_first_run_is_told_can_be_written(keeper: Keeper) -> None:
    first = (await ask(keeper, "explain", workflow="intake", window="1h"))["first_run"]
    answer = await ask(keeper, "correct", **{**GOOD, "start": first, "end": "now", "counts_as": "maintenance"})
    assert answer["from"] == first


@pytest.mark.parametrize("start", ["-2h", " -30m", "2h ago"])
async def test_maintenance_in_the_past_names_the_command_for_it(keeper: Keeper, start: str) -> None:
    with pytest.raises(Refused, match="cannot begin in the past") as refused:
        await ask(keeper, "maintenance", workflow="intake", length="1h", reason="move", start=start)
    assert "showup correct" in refused.value.hint


async def test_only_the_socket_corrects_and_anyone_reads_it(keeper: Keeper) -> None:
    async with asking(public_app(keeper)) as web, asking(private_app(keeper)) as local:
        assert (await web.post("/api/v1/correct", json=GOOD)).status_code in (404, 405)
        assert (await local.post("/rpc/correct", json=GOOD)).status_code == 200
        wrong = await local.post("/rpc/correct", json={**GOOD, "start": "\x00" * 999})
        assert wrong.status_code == 422
        seen = (await web.get("/api/v1/explain?workflow=intake&window=1h")).json()["answer"]
        assert [one["reason"] for one in seen["corrections"]] == ["a wrong check"]


NOW = 1_795_435_200 * SECOND  # 2026-11-23 12:00 UTC


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("now", "2026-11-23T12:00:00+00:00"),
        ("0", "2026-11-23T12:00:00+00:00"),
        ("2h", "2026-11-23T10:00:00+00:00"),
        ("1h30m ago", "2026-11-23T10:30:00+00:00"),
        ("2026-11-23T03:00", "2026-11-23T08:00:00+00:00"),
        ("2026-11-23 03:00:30", "2026-11-23T08:00:30+00:00"),
        ("2026-11-23", "2026-11-23T05:00:00+00:00"),
        ("2026-11-23T03:00Z", "2026-11-23T03:00:00+00:00"),
        ("2026-11-23T03:00+01:00", "2026-11-23T02:00:00+00:00"),
        ("2026-11-01T01:30", "2026-11-01T05:30:00+00:00"),  # autumn repeats it: the first
        ("2026-03-08T02:30", "2026-03-08T07:00:00+00:00"),  # spring skips it: what follows
    ],
)
def test_a_moment_is_a_date_on_the_sites_wall_or_how_long_ago(text: str, found: str) -> None:
    assert when(moment_of(text, "America/New_York", now=NOW)) == found


def test_the_clock_of_these_tests_shows_what_it_says() -> None:
    from datetime import UTC, datetime

    assert micros(datetime(2026, 11, 23, 12, tzinfo=UTC)) == NOW
