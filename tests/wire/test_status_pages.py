"""Status pages of providers: every form is read, nothing that is wrong with one matters, and they only annotate."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.catalog import Provider
from monitor.engine.said import job_of, word_of
from monitor.sandbox.statuspage import BODIES, FORMS, StatusPageServer, Trouble
from probes.attempt import make, prepare
from probes.kinds.provider_status.pages import read_page
from probes.spend import Allowance
from tests.probes.stage import AT, request

PROVIDER = Provider("openai", "OpenAI", "openai", "m", Allowance(), None, {}, "https://status.example.com")


async def looked(
    server: StatusPageServer, *, components: tuple[str, ...] = (), path: str = ""
) -> dict[str, Any] | None:
    """What a host makes of the page."""
    provider = replace(PROVIDER, status_page=f"{server.url}{path}", components=components)
    reply = await make(prepare(job_of(provider)), request(timeout=3.0))
    found: dict[str, Any] | None = reply.learned.get("provider_status")
    return found


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_says_that_all_is_well_and_what_is_not(form: str) -> None:
    async with StatusPageServer(form=form) as server:
        found = await looked(server)
        assert found is not None and (found["state"], found["parts"], found["incidents"]) == ("operational", [], [])
        server.shown.trouble = Trouble()
        found = await looked(server)
        assert found is not None and found["state"] == "trouble"
        assert found["incidents"][0]["name"] == "Elevated errors"
        said = word_of(PROVIDER, found, at=AT).text
        assert said.startswith("OpenAI says: ") and "Elevated errors, since 14:02 UTC" in said
        if form != "instatus":  # it lists no components
            assert "of Chat" in said


@pytest.mark.parametrize("form", ["statuspage", "incident.io", "better-stack"])
async def test_only_named_components_count(form: str) -> None:
    async with StatusPageServer(form=form) as server:
        server.shown.trouble = Trouble(component="Embeddings")
        other, mine = await looked(server, components=("Chat",)), await looked(server, components=("embeddings",))
        assert other is not None and other["state"] != "trouble"
        assert mine is not None and mine["state"] == "trouble"


async def test_a_component_that_is_not_there_is_said_to_be_missing() -> None:
    async with StatusPageServer() as server:
        found = await looked(server, components=("Realtime",))
        assert found is not None and (found["state"], found["missing"]) == ("unknown", ["Realtime"])
        assert "no word of Realtime" in word_of(PROVIDER, found, at=AT).text


async def test_an_address_that_names_a_document_is_taken_at_its_word() -> None:
    async with StatusPageServer(form="instatus") as server:
        assert await looked(server, path="/summary.json") is not None
        assert [one.what for one in server.received] == ["summary"]


@pytest.mark.parametrize("fault", ["server-error", "rate-limited", "drop", "hang", "not-json", "deep", "elsewhere"])
async def test_a_page_that_cannot_be_read_is_no_information(fault: str) -> None:
    async with StatusPageServer() as server:
        server.faults.set(fault)
        assert await looked(server) is None


@pytest.mark.parametrize("fault", ["huge", "odd"])
async def test_a_page_of_any_size_and_kind_is_a_small_answer(fault: str) -> None:
    assert fault in BODIES
    async with StatusPageServer() as server:
        server.faults.set(fault)
        assert len(json.dumps(await looked(server))) < 4_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["status", "indicator", "components", "incidents", "page", "name", "id", "data", "attributes",
                         "included", "ongoing_incidents", "affected_components", "started_at", "shortlink", "type"]),
        inner, max_size=5,
    ),
    max_leaves=30,
)  # fmt: skip


@given(JSON, st.lists(st.text(max_size=5), max_size=2))
def test_nothing_that_a_page_holds_breaks_anything(document: Any, components: list[str]) -> None:
    found = read_page(document, components)
    if found is not None:
        word = word_of(PROVIDER, found, at=AT)
        assert len(word.text) <= 280 and word.text.isprintable()
        assert word.state in ("operational", "trouble", "maintenance", "unknown")
