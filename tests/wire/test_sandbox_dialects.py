"""The local model provider in every dialect: the shapes on the wire, its limits, tools and documents."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.sandbox.models import ModelServer
from monitor.sandbox.models.kinds import MODEL_KINDS
from monitor.sandbox.models.server import all_dialects
from monitor.sandbox.models.tools import fill

QUESTION = "A cleaning on 2026-12-01 for 2 people please"
TOOL = {
    "type": "object",
    "properties": {"date": {"type": "string"}, "people": {"type": "integer"}, "loud": {"type": "boolean"}},
}
PATHS = {
    "openai": "/v1/chat/completions",
    "openai-responses": "/v1/responses",
    "anthropic": "/v1/messages",
    "ollama": "/api/chat",
    "compatible": "/compatible/v1/chat/completions",
}


@pytest.fixture
async def models() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


def body(dialect: str, *, stream: bool = True, **more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": QUESTION}]
    asked: dict[str, Any] = {"model": "gpt-5-mini", "stream": stream}
    asked |= {"input": said} if dialect == "openai-responses" else {"messages": said}
    return asked | ({"max_tokens": 64} if dialect == "anthropic" else {}) | more


async def post(models: ModelServer, dialect: str, asked: Mapping[str, Any]) -> httpx.Response:
    headers = {"Authorization": f"Bearer {models.key}", "anthropic-version": "2023-06-01"}
    async with httpx.AsyncClient(headers=headers, timeout=2) as http:
        return await http.post(models.url + PATHS[dialect], json=asked)


def documents(text: str) -> list[dict[str, Any]]:
    """Every document of a stream, whatever stands around it."""
    lines = [line.removeprefix("data:").strip() for line in text.splitlines()]
    return [json.loads(line) for line in lines if line.startswith("{")]


async def test_responses_are_named_numbered_and_end_with_the_whole(models: ModelServer) -> None:
    answer = await post(models, "openai-responses", body("openai-responses"))
    names = [line.removeprefix("event: ") for line in answer.text.splitlines() if line.startswith("event: ")]
    found = documents(answer.text)
    assert [one["type"] for one in found] == names
    assert [one["sequence_number"] for one in found] == list(range(len(found)))
    assert names[:2] == ["response.created", "response.in_progress"] and names[-1] == "response.completed"
    said = "".join(one["delta"] for one in found if one["type"] == "response.output_text.delta")
    last = found[-1]["response"]
    assert said == last["output"][0]["content"][0]["text"] == f"You said: {QUESTION}"
    assert last["usage"]["output_tokens"] == len(said.split()) and "[DONE]" not in answer.text


@pytest.mark.parametrize(("fault", "status", "reason"), [("length", "incomplete", "max_output_tokens")])
async def test_responses_have_three_ends(models: ModelServer, fault: str, status: str, reason: str) -> None:
    models.faults.set(fault, times=1)
    cut = documents((await post(models, "openai-responses", body("openai-responses"))).text)[-1]
    assert cut["type"] == f"response.{status}"
    assert cut["response"]["incomplete_details"] == {"reason": reason}
    models.faults.set("error-in-stream", times=1)
    failed = documents((await post(models, "openai-responses", body("openai-responses"))).text)[-1]
    assert (failed["type"], failed["response"]["error"]["code"]) == ("response.failed", "server_error")


async def test_anthropics_blocks_begin_and_end(models: ModelServer) -> None:
    answer = await post(models, "anthropic", body("anthropic"))
    kinds = [one["type"] for one in documents(answer.text)]
    assert kinds[:3] == ["message_start", "ping", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert answer.headers["anthropic-ratelimit-requests-remaining"] == "9999"
    assert answer.headers["anthropic-ratelimit-requests-reset"].endswith("Z") and "request-id" in answer.headers
    assert int(answer.headers["anthropic-ratelimit-tokens-remaining"]) % 1000 == 0
    lacking = await post(models, "anthropic", body("anthropic", max_tokens=None))
    assert (lacking.status_code, lacking.json()["error"]["type"]) == (400, "invalid_request_error")


async def test_anthropic_refuses_in_its_own_words(models: ModelServer) -> None:
    models.faults.set("overloaded", times=1)
    models.faults.set("no-credit", times=1)
    models.faults.set("rate-limited", times=1, seconds=7, skip=2)
    overloaded, unpaid, limited = [await post(models, "anthropic", body("anthropic")) for _ in range(3)]
    assert (overloaded.status_code, overloaded.json()["error"]["type"]) == (529, "overloaded_error")
    assert unpaid.json()["error"]["details"] == {"error_code": "enforced_spend_limit_reached"}
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")
    assert "details" not in limited.json()["error"]


async def test_ollama_writes_lines_and_counts_at_the_end(models: ModelServer) -> None:
    asked = {key: value for key, value in body("ollama").items() if key != "stream"}
    found = documents((await post(models, "ollama", asked)).text)
    assert len(found) > 5, "it streams unless told otherwise"
    assert "".join(one["message"]["content"] for one in found) == f"You said: {QUESTION}"
    assert [one["done"] for one in found] == [False] * (len(found) - 1) + [True]
    assert found[-1]["done_reason"] == "stop" and found[-1]["eval_count"] == 10 and found[-1]["load_duration"]
    models.faults.set("server-error", times=1)
    assert isinstance((await post(models, "ollama", body("ollama"))).json()["error"], str)
    async with httpx.AsyncClient() as http:
        assert [m["name"] for m in (await http.get(f"{models.url}/api/tags")).json()["models"]] == list(models.models)


async def test_a_look_alike_has_every_quirk(models: ModelServer) -> None:
    answer = await post(models, "compatible", body("compatible"))
    assert ": keep-alive\r\n" in answer.text and "data:{" in answer.text and "data:[DONE]" in answer.text
    found = documents(answer.text)
    assert {one["choices"][0]["finish_reason"] for one in found} == {"", "stop"}
    models.faults.set("reasoning-only", times=1)
    thought = documents((await post(models, "compatible", body("compatible"))).text)
    assert any(one["choices"][0]["delta"].get("reasoning_content") for one in thought)
    models.faults.set("error-in-stream", times=1)
    assert isinstance(documents((await post(models, "compatible", body("compatible"))).text)[-1]["error"], str)


def tools(dialect: str) -> list[dict[str, Any]]:
    inner: dict[str, Any] = {"name": "book_cleaning", "parameters": TOOL}
    if dialect == "anthropic":
        return [{"name": "book_cleaning", "input_schema": TOOL}]
    return [{"type": "function", **inner} if dialect == "openai-responses" else {"type": "function", "function": inner}]


def called(dialect: str, said: Mapping[str, Any]) -> tuple[str, Any]:
    """The name and the arguments of the call in a whole answer."""
    if dialect == "anthropic":
        [block] = said["content"]
        return block["name"], block["input"]
    if dialect == "openai-responses":
        return said["output"][0]["name"], json.loads(said["output"][0]["arguments"])
    message = said["message"] if dialect == "ollama" else said["choices"][0]["message"]
    function = message["tool_calls"][0]["function"]
    given = function["arguments"]
    return function["name"], given if isinstance(given, dict) else json.loads(given)


@pytest.mark.parametrize("dialect", PATHS)
async def test_a_tool_is_called_with_what_the_question_says(models: ModelServer, dialect: str) -> None:
    answer = await post(models, dialect, body(dialect, stream=False, tools=tools(dialect)))
    assert called(dialect, answer.json()) == (
        "book_cleaning",
        {"date": "2026-12-01", "people": 2, "loud": True},
    ), answer.text
    streamed = (await post(models, dialect, body(dialect, tools=tools(dialect)))).text
    assert "book_cleaning" in streamed and "You said" not in streamed


async def test_a_document_fits_the_schema_that_was_asked_for(models: ModelServer) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "booking", "schema": TOOL}}
    answer = await post(models, "openai", body("openai", stream=False, response_format=form))
    said = json.loads(answer.json()["choices"][0]["message"]["content"])
    assert said == {"date": "2026-12-01", "people": 2, "loud": True}


_LEAVES = st.sampled_from(
    [{"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "boolean"}, {"type": ["string", "null"]},
     {"enum": ["red", "blue"]}, {"const": 7}, {"type": "null"}]
)  # fmt: skip
_SCHEMAS = st.recursive(
    _LEAVES,
    lambda inner: st.dictionaries(st.text(max_size=8), inner, max_size=3).map(
        lambda parts: {"type": "object", "properties": parts, "required": list(parts)}
    )
    | inner.map(lambda one: {"type": "array", "items": one}),
    max_leaves=6,
)


@given(_SCHEMAS, st.text(max_size=60))
def test_what_is_filled_in_fits_its_schema(schema: dict[str, Any], question: str) -> None:
    jsonschema.validate(fill(schema, question), schema)


async def test_only_this_machine_comes_in_unless_others_are_let_in(models: ModelServer) -> None:
    async with ModelServer(address="127.0.0.2") as opened, httpx.AsyncClient() as http:
        found = []
        for server in (models, opened):
            url = f"http://{server.address}:{server.port}"
            headers = {"Host": "staging.example", "Authorization": f"Bearer {server.key}"}
            asked = await http.post(url + PATHS["openai"], json=body("openai"), headers=headers)
            found.append(asked.status_code)
            control = await http.post(f"{url}/_sandbox/faults", json={"kind": "hang"})
            assert control.status_code == 401, "the switch is for who holds the token, wherever they are"
    assert found == [421, 200]


@pytest.mark.parametrize("fault", MODEL_KINDS)
async def test_each_fault_is_met_in_each_dialect_and_is_over_when_healed(models: ModelServer, fault: str) -> None:
    for dialect in all_dialects():
        models.faults.set(fault, where=dialect.label, seconds=0.02 if fault != "endless" else None, times=1)
        name = "compatible" if dialect.label == "chat.compatible" else dialect.name
        models.pace = 0.001
        if fault in ("endless",):
            await _hang_up(models, name)
        elif fault in ("cut", "drop", "lost-reply"):
            with pytest.raises(httpx.HTTPError):
                await post(models, name, body(name))
        else:
            await post(models, name, body(name))
        assert models.received[-1].fault == fault
        assert (await post(models, name, body(name))).status_code == 200
        assert models.faults.met[fault] == 1


async def _hang_up(models: ModelServer, dialect: str) -> None:
    """Reads a while, and leaves."""
    headers = {"Authorization": f"Bearer {models.key}", "anthropic-version": "2023-06-01"}
    async with (
        httpx.AsyncClient(headers=headers, timeout=2) as http,
        http.stream("POST", models.url + PATHS[dialect], json=body(dialect)) as answer,
    ):
        read = 0
        async for part in answer.aiter_bytes():
            read += len(part)
            if read > 50_000:
                return
    raise AssertionError("it ended by itself")
