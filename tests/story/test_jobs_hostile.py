"""Jobs whose inbox, bucket or database is sick: they end by their deadline, with a failure that says what it was."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from monitor.sandbox.invoices import Invoices
from probes import Context
from probes.kinds.job.run import _pattern
from probes.testing import Result
from tests.story.office import run, written

DROP = "submit: {drop: {folder: <scans>, name: '${marker}.txt', content: hello}}\n"
MAIL = "  - {name: mailed, within: 1s, mail: <mail>}\n"
OBJECT = "  - {name: filed, within: 1s, object: {<bucket>}}\n"
ROW = "  - {name: booked, within: 1s, row: {database: '<ledger>', query: QUERY}}\n"
ENDLESS = "'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) AS x FROM n'"


@pytest.fixture
async def office() -> AsyncIterator[Invoices]:
    async with Invoices(seconds=60) as made:
        yield made


async def ends(office: Invoices, stage: str, folder: Path) -> Result:
    """One attempt, over by its deadline and a second."""
    began = time.monotonic()
    result = await run(office, written(office, stage, submit=DROP), folder)
    assert time.monotonic() - began < 2.5, result
    assert list(office.scans.iterdir()) == [], "it was cleaned up"
    return result


def outcome(result: Result) -> tuple[str | None, str, str]:
    return result.failure, result.reply.step, result.reply.phase


@pytest.mark.parametrize(
    ("kind", "where", "failure"),
    [
        ("stall", "search", "timeout"),
        ("stall", "greeting", "timeout"),
        ("flood", "search", "garbage"),
        ("garbage", "greeting", "garbage"),
        ("refuse", "examine", "app_error"),
        ("hang-up", "login", "truncated"),
    ],
)
async def test_a_sick_inbox(office: Invoices, tmp_path: Path, kind: str, where: str, failure: str) -> None:
    office.mail.faults.set(kind, where=where)
    result = await ends(office, MAIL, tmp_path)
    assert outcome(result) == (failure, "mailed", "mailed"), result


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        ("endless", "timeout"),
        ("hang", "timeout"),
        ("bomb", "garbage"),
        ("garbage", "garbage"),
        ("server-error", "app_error"),
    ],
)
async def test_a_sick_bucket(office: Invoices, tmp_path: Path, kind: str, failure: str) -> None:
    office.bucket.faults.set(kind)
    result = await ends(office, OBJECT, tmp_path)
    assert outcome(result) == (failure, "filed", "filed"), result


async def test_a_query_without_end_and_a_locked_database(office: Invoices, tmp_path: Path) -> None:
    assert outcome(await ends(office, ROW.replace("QUERY", ENDLESS), tmp_path)) == ("timeout", "booked", "booked")
    holder = sqlite3.connect(office.folder / "ledger.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        locked = await ends(office, ROW.replace("QUERY", "'SELECT * FROM ledger'"), tmp_path)
    finally:
        holder.close()
    assert outcome(locked) == ("timeout", "booked", "booked")


@pytest.mark.parametrize(
    ("stage", "change", "failure", "said"),
    [
        (MAIL, {"mail": {"user": "nobody"}}, "auth", "refuses the login"),
        (OBJECT, {"object": {"key": "nobody"}}, "auth", "InvalidAccessKeyId"),
        (MAIL, {"mail": {"server": "imaps://127.0.0.1:1"}}, "unreachable", "refused the connection"),
        (OBJECT, {"object": {"endpoint": "http://127.0.0.1:1"}}, "unreachable", "refused the connection"),
        (ROW.replace("QUERY", "SELECT 1"), {"row": {"database": "sqlite:////nowhere.db"}}, "unreachable", "nowhere.db"),
        (ROW.replace("QUERY", "SELECT x FROM gone"), {}, "contract_changed", "no such table"),
    ],
)
async def test_a_place_that_cannot_be_looked_at(
    office: Invoices, tmp_path: Path, stage: str, change: Mapping[str, Any], failure: str, said: str
) -> None:
    job = written(office, stage, submit=DROP)
    for place, values in change.items():
        job["wait"][0][place] |= values
    result = await run(office, job, tmp_path)
    assert result.failure == failure and said in result.sentence, result
    assert office.mail.password not in str(result) and office.bucket.who.secret not in str(result)


@pytest.mark.parametrize("said", ["*", "?", "[a-z]", "../*"])
def test_what_a_target_says_is_no_pattern(said: str) -> None:
    class Known:
        captured: ClassVar[dict[str, str]] = {"id": said}

    pattern = _pattern("${id}.json", cast(Context, Known()))
    assert not fnmatchcase("a.json", pattern) and fnmatchcase(f"{said}.json", pattern)
