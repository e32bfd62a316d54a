"""Sending to the console: one line to standard error, which is the journal under systemd."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from alerts import render
from alerts.channels.console.spec import Spec
from alerts.channels.kit import Surroundings
from alerts.message import Finding, Message, Purpose, React, Receipt
from probes.words.errors import DeliveryError
from probes.words.text import for_terminal

_QUIET = frozenset({Purpose.REFRESH})


class ConsoleChannel:
    """Prints each message as one line, and the facts of a page indented under it."""

    name = "console"

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out

    async def send(self, message: Message) -> Receipt:
        """Print it; raises DeliveryError when standard error is gone."""
        if message.purpose not in _QUIET:
            lines = [f"[{message.purpose}] {render.subject_line(message)}"]
            if message.incident is not None and message.purpose is Purpose.PAGE:
                lines += [f"    {line}" for line in render.lines(message.incident)]
            try:
                print("\n".join(for_terminal(line) for line in lines), file=self._out or sys.stderr, flush=True)
            except (OSError, ValueError) as error:
                raise DeliveryError(f"nothing can be printed: {error}") from None
        return Receipt(channel=self.name, id=message.marker)

    async def listen(self, react: React) -> None:
        """Nobody answers here."""

    async def verify(self, key: str) -> dict[str, Any] | None:
        """What was printed was printed."""
        return {}

    async def doctor(self) -> list[Finding]:
        """Says that a console wakes nobody."""
        return [Finding(level="warning", what="the console wakes nobody", write="add ntfy: to a person's phone")]

    async def close(self) -> None:
        """Nothing to close."""


def open_channel(spec: Spec, around: Surroundings) -> ConsoleChannel:
    """The channel, ready to send."""
    return ConsoleChannel()
