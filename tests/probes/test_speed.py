"""What an attempt costs beside its request: little, as a host makes hundreds a second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import probes.tools.http
from probes.attempt import make, prepare
from tests.probes.stage import request

COST = 80e-6  # s of processor time for journal, checks and reply of a plain GET with a check of text and of status
SLACK = 3  # the machines that run this are slower than the one it was measured on, and busy


class Wire:
    """Answers at once: what is measured is everything but the request."""

    def __init__(self, target: Any, **facts: Any) -> None:
        self._record = facts["record"]

    async def request(self, *_: Any, **__: Any) -> Any:
        answer = SimpleNamespace(
            status=200,
            url="http://127.0.0.1:9/",
            text="<h1>Book online</h1>",
            headers={},
            certificate_begins=0,
            certificate_expires=0,
        )
        self._record(SimpleNamespace(phases={"connect": 1, "first_byte": 2, "total": 3}, answer=answer))
        return answer

    async def aclose(self) -> None:
        """Nothing was opened."""


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(probes.tools.http, "Http", Wire)
    yield


@pytest.mark.serial
@pytest.mark.usefixtures("wire")
async def test_journal_checks_and_reply_of_a_plain_attempt_cost_next_to_nothing() -> None:
    spec = {"get": "/", "check": [{"contains": "Book online"}, {"status": 200}]}
    ready = prepare({"kind": "http", "probe": "home", "spec": spec, "target": {"url": "http://127.0.0.1:9"}})
    asked = request()
    costs = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(500):
            reply = await make(ready, asked)
        costs.append((time.process_time() - began) / 500)
    assert reply.state == "up" and reply.evidence is None
    assert min(costs) < COST * SLACK, f"{min(costs) * 1e6:.0f} µs"
