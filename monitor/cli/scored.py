"""A golden set tried by hand: which cases are asked, and what their answers come to without a window behind them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.engine.golden import Standing, asked_in
from monitor.engine.scoring import accuracy, bounds_of, worst
from probes.frames import Reply
from probes.words.errors import Refused
from probes.words.failure import Failure

if TYPE_CHECKING:
    from monitor.config.catalog import Probe


class Turns:
    """Whose turn it is, run after run; `wanted` cases each, those of an ordinary run for 0."""

    def __init__(self, wanted: int = 0) -> None:
        self._wanted = wanted
        self._standings: dict[str, Standing] = {}

    def next(self, probe: Probe) -> list[str]:
        """The cases of the next run of a probe, none of one that is no golden set."""
        rules = probe.golden
        if rules is None:
            return []
        wanted = replace(rules, per_run=self._wanted) if self._wanted else rules
        return self._standings.setdefault(probe.id, Standing()).next(wanted)


def stretch(probe: Probe, cases: list[str]) -> float:
    """How many times the time of an ordinary run so many cases take."""
    return max(1.0, len(cases) / probe.golden.per_run) if probe.golden is not None else 1.0


def wanted_of(probe: Probe, text: str) -> int:
    """How many cases were asked for: a number, or all; raises Refused."""
    if not text:
        return 0
    if probe.golden is None:
        raise Refused(f"{probe.id} is no golden set", hint="leave --cases out")
    if text != "all" and not (text.isdecimal() and int(text) > 0):
        raise Refused(f"{text[:40]!r} is no number of cases", hint="write --cases 20, or --cases all")
    return len(probe.golden.cases) if text == "all" else int(text)


def alone(reply: Reply, probe: Probe) -> Reply:
    """A reply with what its scores come to: it fails when even their upper bound is under the target."""
    rules = probe.golden
    asked = asked_in(rules, reply, 0) if rules is not None else []
    scored = [one for one in asked if one.right is not None]
    if rules is None or not scored or reply.failure is not None:
        return reply
    right = sum(bool(one.right) for one in scored)
    said = f"{right} of {len(scored)} cases right"
    if bounds_of(scored).high >= rules.target:
        few = accuracy(scored) < rules.target
        return replace(reply, sentence=f"{said}; so few cases say no more" if few else said)
    told = "; ".join([f"{said}, surely under the target of {rules.target * 100:g} %", *worst(scored)])
    return replace(reply, state="down", failure=Failure.WRONG.value, sentence=told)
