"""Rows of SQLite and of a real PostgreSQL: bound values, nothing written, nothing that goes on for ever."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.tools import Trouble
from probes.tools.http import shared_resolver
from probes.tools.rows import named, password_of, pieces, rows, where
from tests.store.postgres import postgres

TABLE = "CREATE TABLE ledger (reference TEXT, total NUMERIC(10, 2), due DATE)"
FILL = "INSERT INTO ledger VALUES ('showup-1', 119.00, '2026-12-01'), ('it''s; DROP TABLE ledger', 5, NULL)"
HOSTILE = "'; DROP TABLE ledger; --"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(TABLE.encode())
            connection.execute(FILL.encode())
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("server"))
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute(TABLE)
        connection.execute(FILL)
    return f"sqlite:///{tmp_path / 'ledger.db'}"


async def ask(database: str, query: str, seconds: float = 5.0, **values: Any) -> list[dict[str, Any]]:
    return await rows(database, query, values, resolver=shared_resolver(), seconds=seconds)


async def trouble(database: str, query: str, seconds: float = 5.0, **values: Any) -> Trouble:
    with pytest.raises(Trouble) as raised:
        await ask(database, query, seconds, **values)
    return raised.value


async def test_a_row_is_found_by_a_bound_value(database: str) -> None:
    query = "SELECT total, due FROM ledger WHERE reference = :marker"
    assert await ask(database, query, marker="showup-1") == [{"total": 119, "due": "2026-12-01"}]
    assert await ask(database, query, marker=HOSTILE) == []
    assert len(await ask(database, "SELECT * FROM ledger")) == 2, "nothing was dropped"


async def test_what_looks_like_a_name_in_a_text_is_none(database: str) -> None:
    odd = "SELECT ':marker' AS a, '100%' AS b, 'it''s :x' AS c /* :y */ -- :z ;\n"
    query = odd + " FROM ledger WHERE reference = :marker"
    assert await ask(database, query, marker="showup-1") == [{"a": ":marker", "b": "100%", "c": "it's :x"}]


@pytest.mark.parametrize(
    "query",
    ["DELETE FROM ledger", "SELECT 1; DELETE FROM ledger", "ATTACH 'x' AS y", "", "SELECT 1; SELECT 2", "PRAGMA x"],
)
async def test_what_is_more_than_one_select_is_refused(database: str, query: str) -> None:
    with pytest.raises(ValueError, match=r"SELECT|statement"):
        await ask(database, query)


async def test_a_select_that_writes_does_not(database: str) -> None:
    writing = "WITH gone AS (DELETE FROM ledger RETURNING reference) SELECT * FROM gone"
    assert (await trouble(database, writing)).failure in ("probe_bug", "auth")
    assert len(await ask(database, "SELECT * FROM ledger")) == 2


async def test_a_query_without_end_is_stopped_in_its_time(database: str) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) AS x FROM n"
    began = time.monotonic()
    assert (await trouble(database, endless, seconds=0.6)).failure == "timeout"
    assert time.monotonic() - began < 1.6


async def test_a_hundred_rows_are_the_most_and_large_values_are_cut(database: str) -> None:
    query = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5000) SELECT x FROM n"
    assert len(await ask(database, query)) == 100
    text = "replace(hex(zeroblob(500000)), '0', 'x')" if database.startswith("sqlite") else "repeat('x', 1000000)"
    assert len((await ask(database, f"SELECT {text} AS t"))[0]["t"]) == 20_000


async def test_a_table_that_is_not_there_is_a_changed_contract(database: str) -> None:
    assert (await trouble(database, "SELECT * FROM elsewhere")).failure == "contract_changed"
    assert (await trouble(database, "SELECT amount FROM ledger")).failure == "contract_changed"


async def test_a_value_that_is_not_given_is_said(database: str) -> None:
    with pytest.raises(ValueError, match="nothing is given for :marker"):
        await ask(database, "SELECT :marker AS m")


async def test_a_file_that_is_none_is_told_apart(tmp_path: Path) -> None:
    assert (await trouble(f"sqlite:///{tmp_path / 'gone.db'}", "SELECT 1")).failure == "unreachable"
    assert not (tmp_path / "gone.db").exists(), "and it is not made"
    (tmp_path / "text.db").write_text("this is no database" * 100)
    assert (await trouble(f"sqlite:///{tmp_path / 'text.db'}", "SELECT 1 FROM x")).failure == "garbage"
    os.mkfifo(tmp_path / "pipe.db")
    assert (await trouble(f"sqlite:///{tmp_path / 'pipe.db'}", "SELECT 1")).failure == "contract_changed"


async def test_invalid_text_in_a_file_is_read_as_far_as_it_is(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE t (x TEXT)")
        connection.execute("INSERT INTO t VALUES (CAST(x'ff41' AS TEXT))")
    assert await ask(f"sqlite:///{tmp_path / 'a.db'}", "SELECT x FROM t") == [{"x": "\ufffdA"}]


async def test_a_locked_file_is_a_timeout(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE t (x TEXT)")
    holder = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        began = time.monotonic()
        assert (await trouble(f"sqlite:///{tmp_path / 'a.db'}", "SELECT x FROM t", seconds=0.5)).failure == "timeout"
        assert time.monotonic() - began < 1.5
    finally:
        holder.close()


async def test_a_server_that_is_not_there_is_unreachable_and_hides_its_password() -> None:
    found = await trouble("postgresql://probe:s3cr3t@127.0.0.1:1/x", "SELECT 1", seconds=2)
    assert found.failure == "unreachable" and "s3cr3t" not in found.sentence
    never = await trouble("postgresql://probe:s3cr3t@169.254.169.254/x", "SELECT 1", seconds=2)
    assert never.failure == "unreachable" and "no probe may go" in never.sentence


async def test_a_role_that_may_not_is_auth(server: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(b"CREATE ROLE guest LOGIN")
    guest = server.replace("showup@", "guest@")
    assert (await trouble(guest, "SELECT * FROM ledger")).failure == "auth"


def test_an_address_for_people_has_no_user_and_no_password() -> None:
    assert where("postgresql://me:pw@db.example:5432/x") == "postgresql://db.example:5432/x"
    assert password_of("postgresql://me:p%40w@db.example/x") == "p@w"


@given(st.text(max_size=80))
def test_pieces_put_together_are_the_query(query: str) -> None:
    made = "".join(f":{text}" if kind == "name" else text for kind, text in pieces(query))
    assert made == query


@given(st.text(alphabet="select :'\";%-/*$a\n", max_size=60))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        found = named(f"SELECT {text}")
    except ValueError:
        return
    assert all(name.isidentifier() for name in found)
