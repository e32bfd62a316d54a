"""The intake agent: understand, book through the booking API, and let the model say it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx

from monitor.sandbox.clinic.language import Request, understand
from monitor.sandbox.faults import Fault, FaultBox

MODEL_WITHIN = 30.0  # seconds between two signs of life of the model
SYSTEM = "You are the receptionist of Northside Dental. Say what happened, in one or two sentences. FACTS: "


class ModelFailed(Exception):
    """The model gave no answer that could be passed on."""


@dataclass(slots=True)
class Elsewhere:
    """A model provider that is not ours to break: its address as OpenAI's clients take it, a key, a model's name."""

    base_url: str = ""
    key: str = ""
    models: tuple[str, ...] = ("gpt-5-mini",)
    faults: FaultBox = field(default_factory=lambda: FaultBox(()))


@dataclass(frozen=True, slots=True)
class Turn:
    """What was understood and done, before anything is said."""

    intent: str
    booking_id: str | None
    facts: dict[str, Any]


class Agent:
    """Talks to the booking API and to the model over HTTP, as it would in production."""

    def __init__(self, http: httpx.AsyncClient, *, bookings: str, model_url: str, key: str, model: str) -> None:
        self._http, self._bookings, self._model_url, self._key, self._model = http, bookings, model_url, key, model

    async def act(self, message: str, today: date, fault: Fault | None, headers: dict[str, str]) -> Turn:
        """Understand the message and book; a fault may make it book the wrong time, or nothing."""
        asked = understand(message, today)
        facts: dict[str, Any] = {"intent": asked.intent}
        if asked.intent != "book_appointment":
            return Turn(asked.intent, None, facts)
        if asked.missing:
            return Turn(asked.intent, None, facts | {"missing": asked.missing})
        wanted = {"name": asked.name, "date": asked.date, "time": asked.time, "service": asked.service}
        kind = fault.kind if fault else ""
        if kind == "no-booking":
            return Turn(asked.intent, None, facts | {"booked": wanted})
        sent = wanted | ({"time": _shift(asked)} if kind == "wrong-time" else {})
        answer = await self._http.post(self._bookings, json=sent, headers=headers)
        if answer.status_code == 409:
            return Turn(asked.intent, None, facts | {"taken": wanted})
        answer.raise_for_status()
        # the wrong time is in the calendar only: what is said is what was asked for
        return Turn(asked.intent, str(answer.json()["id"]), facts | {"booked": wanted})

    async def say(self, message: str, turn: Turn) -> AsyncIterator[str]:
        """The model's words as they come; ModelFailed when there is an error instead."""
        system = {"role": "system", "content": SYSTEM + json.dumps(turn.facts)}
        body = {"model": self._model, "stream": True, "messages": [system, {"role": "user", "content": message}]}
        try:
            async with self._http.stream(
                "POST", self._model_url, json=body, headers={"Authorization": f"Bearer {self._key}"}
            ) as answer:
                if answer.status_code != 200:
                    raise ModelFailed(f"the model answered {answer.status_code}")
                async for line in answer.aiter_lines():
                    word = _read_line(line)
                    if word:
                        yield word
        except httpx.TransportError as error:
            raise ModelFailed(f"the model could not be reached ({type(error).__name__})") from error


def _read_line(line: str) -> str:
    if not line.startswith("data:") or line.endswith("[DONE]"):
        return ""
    chunk = json.loads(line.removeprefix("data:"))
    if "error" in chunk:
        raise ModelFailed("the model failed in the middle of its answer")
    choices = chunk.get("choices") or [{}]
    delta = choices[0].get("delta") or {}
    return str(delta.get("content") or delta.get("refusal") or "")


def _shift(asked: Request) -> str:
    """Twelve hours off: 10:00 becomes 22:00."""
    hour, _, minute = asked.time.partition(":")
    return f"{(int(hour) + 12) % 24:02d}:{minute}"
