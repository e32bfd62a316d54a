"""A receptionist that never shows the machine: what the model says, in time and readable, or a sentence of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from monitor.sandbox.clinic.agent import Agent, ModelFailed, Turn
from probes.checks.texture import garbled

TRIES, PATIENCE = 2, 1.5  # times the model is asked, and how long each may take, s
AGAIN = 0.2  # s between two
SORRY = "Our assistant is having a short break. Please call us on 555-0100, or write again in a few minutes."


async def say_politely(agent: Agent, message: str, turn: Turn) -> AsyncIterator[str]:
    """The model's answer, asked for twice at most; SORRY when it has none that can be passed on."""
    for number in range(TRIES):
        if number:
            await asyncio.sleep(AGAIN)
        try:
            async with asyncio.timeout(PATIENCE):
                said = "".join([word async for word in agent.say(message, turn)])
        except (ModelFailed, TimeoutError):
            continue
        if said.strip() and not garbled(said):
            yield said
            return
    yield SORRY
