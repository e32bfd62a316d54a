"""The tools of one attempt, made when they are first needed and put away at its end."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from probes.checks.number import amount
from probes.tools import Timeouts

if TYPE_CHECKING:
    from probes.arrivals import Inbox
    from probes.target import Target
    from probes.tools.call import ChatAnswer
    from probes.tools.http import Http
    from probes.tools.resolver import Resolver

Length: TypeAlias = str | float | timedelta
"""A time as authors write it: `"4s"`, 4 (seconds) or a timedelta."""
Wait: TypeAlias = Length | Mapping[str, Length] | None
"""A limit for a request: one time for all of it, or one for each part (connect, first_byte, first_token, idle,
total).
"""

_PARTS = frozenset(Timeouts.__dataclass_fields__)


def timeouts(base: Timeouts, given: Wait) -> Timeouts:
    """`base` with what a request says itself; raises ValueError for what is no time."""
    if given is None:
        return base
    named = dict(given) if isinstance(given, Mapping) else {"total": given}
    if unknown := sorted(set(named) - _PARTS):
        raise ValueError(f"a request has no part {unknown[0]!r}; write {', '.join(Timeouts.__dataclass_fields__)}")
    own = {name: float(amount(value)) for name, value in named.items()}
    return Timeouts(**{name: own.get(name, getattr(base, name)) for name in _PARTS})


class Bench:
    """The tools: one Http for all requests of the attempt. `deadline` is monotonic seconds and may be moved."""

    def __init__(
        self,
        target: Target,
        *,
        run_id: str,
        attempt: int,
        deadline: float,
        record: Callable[[Any], None],
        base: Timeouts,
        folder: str = "",
        hook: str = "",
        inbox: Inbox | None = None,
    ) -> None:
        self.target = target
        self.base = base
        self._folder = folder
        self.hook = hook
        self.inbox = inbox
        self.price: Sequence[float] | None = None  # of what is asked: US dollars for a million tokens (in, out)
        self._others: list[Http] = []
        self._made: Http | None = None
        self._facts: dict[str, Any] = {"run_id": run_id, "attempt": attempt, "deadline": deadline, "record": record}

    @property
    def http(self) -> Http:
        """The one Http of the attempt."""
        if self._made is None:
            from probes.tools.http import Http

            self._made = Http(self.target, **self._facts)
        return self._made

    @property
    def folder(self) -> str:
        """Where relative paths start."""
        return self._folder or os.getcwd()

    @property
    def deadline(self) -> float:
        """Monotonic seconds."""
        return float(self._facts["deadline"])

    @property
    def resolver(self) -> Resolver:
        """Where names are looked up."""
        from probes.tools.http import shared_resolver

        return shared_resolver()

    def http_to(self, url: str, *, ca_file: str = "") -> Http:
        """An Http to a place that the configuration names beside the target; raises Refused."""
        from probes.target import Target
        from probes.tools.http import Http

        target = Target.of({"url": url, "ca_file": ca_file, "allow_private": True})
        made = Http(replace(target, redactor=self.target.redactor), **self._facts)
        self._others.append(made)
        return made

    async def ask(
        self,
        messages: Sequence[Mapping[str, Any]],
        limits: Timeouts,
        variables: Mapping[str, Any],
        how: Mapping[str, Any],
    ) -> ChatAnswer:
        """The answer of the target's agent to a conversation that ends with a question; raises Trouble."""
        from probes.tools.rounds import talk

        answer = await talk(self.http, self.target.chat, messages, how, timeout=limits, variables=variables)
        answer.charge(self.price)
        return answer

    def move(self, deadline: float) -> None:
        """Give what follows a deadline of its own."""
        self._facts["deadline"] = deadline
        for made in (self._made, *self._others):
            if made is not None:
                made.deadline = deadline

    async def aclose(self) -> None:
        """Close every connection."""
        for made in (self._made, *self._others):
            if made is not None:
                await made.aclose()
