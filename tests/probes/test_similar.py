"""Likeness of meaning by embeddings: a number, and unscored where there is none."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from probes.jury.prompt import NoVerdict, cosine, read_verdict, shortened
from probes.testing import attempt
from tests.probes.stage import Stage

SIMILAR = {"to": "Open from 8", "by": "openai", "at-least": "80%"}
PROBE = {"ask": "When do you open?", "check": [{"contains": "open"}, {"similar": SIMILAR}]}


async def compared(stage: Stage, answer: Any, *, status: int = 200) -> Any:
    asked: list[Any] = []

    async def embed(request: web.Request) -> web.Response:
        asked.append((await request.json(), request.headers.get("Authorization")))
        return web.json_response(answer, status=status)

    stage.on("POST /chat", {"reply": "We open at 8."})
    stage.on("POST /v1/embeddings", embed)
    judges = {"openai": {"url": stage.url, "key": "${secret:KEY}", "embedding_model": "embed-1"}}
    result = await attempt(PROBE, stage.target(), secrets={"KEY": "sk-judge"}, judges=judges)
    assert asked[0][0]["input"] == ["We open at 8.", "Open from 8"]
    assert (asked[0][0]["model"], asked[0][1]) == ("embed-1", "Bearer sk-judge")
    return result


def vectors(*listed: Any) -> dict[str, Any]:
    data = [{"object": "embedding", "index": number, "embedding": one} for number, one in enumerate(listed)]
    return {"object": "list", "data": data, "usage": {"prompt_tokens": 9, "total_tokens": 9}}


async def test_what_means_nearly_the_same_passes(stage: Stage) -> None:
    result = await compared(stage, vectors([1.0, 0.1], [1.0, 0.0]))
    assert result.state == "up", result
    assert result.checks[-1]["says"] == 'reply of ask is similar to "Open from 8", to 80%'
    assert result.reply.spent["judge:openai:tokens_in"] == 9.0


async def test_what_does_not_is_wrong(stage: Stage) -> None:
    result = await compared(stage, vectors([1.0, 1.0], [1.0, 0.0]))
    assert (result.state, result.failure) == ("down", "wrong")
    assert result.sentence == 'reply of ask should be similar to "Open from 8", to 80%, got 71% alike'


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({}, "it answered without two embeddings"),
        (vectors([1.0]), "it answered without two embeddings"),
        (vectors([1.0], [1.0, 2.0]), "its embeddings are not of the same length"),
        (vectors([0.0, 0.0], [1.0, 2.0]), "its embeddings are no directions"),
        (vectors(["a"], [1.0]), "its embeddings are no lists of numbers"),
        (vectors([1e300, 1e300], [1.0, 2.0]), "its embeddings are no directions"),
    ],
)
async def test_what_is_no_embedding_is_unscored(stage: Stage, answer: Any, why: str) -> None:
    result = await compared(stage, answer)
    assert (result.state, result.failure) == ("unknown", "unscored")
    assert result.sentence == f"reply of ask could not be judged: the judge embed-1 gave no verdict: {why}"


async def test_a_refusal_is_unscored(stage: Stage) -> None:
    result = await compared(stage, {"error": {"code": "insufficient_quota", "message": "pay"}}, status=429)
    assert (result.state, result.failure) == ("unknown", "unscored")


_NUMBERS = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=6)


@given(_NUMBERS, _NUMBERS)
def test_a_likeness_is_a_number_or_nothing(left: list[float], right: list[float]) -> None:
    try:
        found = cosine(left, right)
    except NoVerdict:
        return
    assert -1.0 <= found <= 1.0


@given(st.text(max_size=200))
def test_whatever_a_judge_says_is_a_verdict_or_none(said: str) -> None:
    with pytest.raises(NoVerdict):
        read_verdict(said)
    assert read_verdict('```json\n{"pass": true, "score": 1, "reason": "x"}\n```').ok


def test_of_a_long_text_beginning_and_end_are_judged() -> None:
    found = shortened("a" * 20_000 + "z" * 20_000)
    assert found.startswith("aaa") and found.endswith("zzz") and len(found) < 12_100
