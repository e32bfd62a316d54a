"""Check now: what fails in an incident is run at once, and what came of it stands on its timeline."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from alerts.message import Answer, IncidentView, Reaction
from monitor.engine.track import Last
from monitor.services.kindly import once, seen, spawn, tell
from probes.words.outcome import State
from probes.words.units import SECOND

if TYPE_CHECKING:
    from monitor.app import Keeper

log = structlog.get_logger("showup.pressed")

AGAIN = 30 * SECOND  # µs before the same incident is checked again
MOST = 5  # probes that one press runs
LOOK, LOOKS = 0.2, 600  # seconds between looks at a run that is under way, and how many: two minutes


async def check(keeper: Keeper, reaction: Reaction) -> Answer:
    """Run what fails now; what comes of it is told in the incident's thread."""
    view = await seen(keeper, reaction.incident)
    if view is None:
        return Answer(accepted=False, text="There is no such incident.")
    if view.state == "resolved":
        return Answer(accepted=False, text=f"{view.title}: already resolved.")
    names = [name for name in probes_of(keeper, view) if name in keeper.engine.tracks]
    if not names or not keeper.engine.pulse.began:
        return Answer(accepted=False, text=f"{view.title}: no probe of it can be run.")
    if not once(keeper, f"checked {view.public_id}", within=AGAIN):
        return Answer(accepted=False, text=f"{view.title}: it was checked a moment ago.")
    spawn(_checked(keeper, view, names, by=reaction.by))
    said = ", ".join(_short(name) for name in names[:MOST])
    return Answer(accepted=True, text=f"{view.title}: checking {said} now; what comes of it stands in the thread.")


def probes_of(keeper: Keeper, view: IncidentView) -> list[str]:
    """The ids of the probes that fail in an incident, those that it speaks for among them."""
    named = [member if "/" in member else f"{view.subject}/{member}" for member in view.members]
    by_subject = {f"{one.subject}/{one.name}": one.id for one in keeper.catalog.probes.values()}
    ids = set(by_subject.values())
    return [found for name in named if (found := by_subject.get(name, name)) in ids]


def _short(name: str) -> str:
    return name.rpartition("/")[2]


async def _checked(keeper: Keeper, view: IncidentView, names: list[str], *, by: str) -> None:
    told = await asyncio.gather(*(_run(keeper, name) for name in names[:MOST]))
    said = [f"{_short(name)} {words}" for name, words in zip(names, told, strict=False)]
    if len(names) > MOST:
        said.append(f"{len(names) - MOST} more were not run")
    await tell(keeper, view.public_id, f"checked by {by}: {'; '.join(said)}", by=by)


async def _run(keeper: Keeper, name: str) -> str:
    """What one run came to that began after this was asked for; never the words of an earlier one."""
    try:
        for _ in range(LOOKS):
            if not keeper.engine.tracks[name].running:  # what began before may have met another state
                break
            await asyncio.sleep(LOOK)
        before = keeper.engine.tracks[name].last
    except KeyError:
        return "is watched no more"
    try:
        await keeper.engine.run_now(name)
    except Exception as error:  # whatever it is, whoever pressed is told that nothing is known
        log.warning("what was to be checked could not be run", probe=name, reason=repr(error))
        return "could not be run"
    track = keeper.engine.tracks.get(name)
    last = track.last if track is not None else None
    return sentence(last) if last is not None and last is not before else "could not be run: another run is under way"


def sentence(last: Last) -> str:
    """A run in words: unknown is neither failing nor well."""
    if last.state is State.UP:
        return "passed"
    word = {State.DOWN: "still fails", State.DEGRADED: "passed, and is degraded"}.get(last.state, "told nothing")
    tries = f" (attempt {last.attempts})" if last.state is State.DOWN and last.attempts > 1 else ""
    return f"{word}: {last.sentence}{tries}" if last.sentence else word + tries
