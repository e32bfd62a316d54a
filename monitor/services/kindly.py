"""What is common to all that people press beside an answer: the incident as it is, once in a while only, and telling
the incident's thread."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from alerts.message import IncidentView
from probes.words.errors import Refused, StoreError
from probes.words.units import MINUTE

if TYPE_CHECKING:
    from monitor.app import Keeper

log = structlog.get_logger("showup.pressed")

KEPT = 5 * MINUTE  # µs that a press is remembered; longer than any time within which it counts once
LARGEST = 200_000  # characters of a runbook that are read
LINES = 400
_WORK: set[asyncio.Task[Any]] = set()


def spawn(work: Coroutine[Any, Any, Any]) -> None:
    """Begin what nobody waits for; it is kept until it ends."""
    task = asyncio.get_running_loop().create_task(work)
    _WORK.add(task)
    task.add_done_callback(_WORK.discard)


def once(keeper: Keeper, key: str, *, within: int) -> bool:
    """True when this was not done within that time (µs), and then it is remembered."""
    now, known = keeper.clock.now(), keeper.notes.setdefault("pressed", {})
    for old in [name for name, at in known.items() if now - at > KEPT]:
        del known[old]
    if key in known and now - known[key] < within:
        return False
    known[key] = now
    return True


async def seen(keeper: Keeper, name: str) -> IncidentView | None:
    """An incident as it is now, None for none."""
    now = keeper.clock.now()
    return await keeper.store.read(lambda session: keeper.desk.find(session, name, now=now))


async def shown(keeper: Keeper, name: str) -> IncidentView | None:
    """An incident as it is now, with its whole runbook where that is a file."""
    view = await seen(keeper, name)
    workflow = keeper.catalog.workflows.get(view.subject.partition("/")[0]) if view is not None else None
    if view is None or workflow is None or not workflow.runbook or "://" in workflow.runbook:
        return view
    lines = await asyncio.to_thread(_lines, keeper.catalog.folder / workflow.runbook)
    return replace(view, runbook_lines=lines) if lines else view


def _lines(file: Path) -> tuple[str, ...]:
    try:
        with file.open(encoding="utf-8") as opened:
            return tuple(line.rstrip() for line in opened.read(LARGEST).splitlines())[:LINES]
    except (OSError, ValueError):
        return ()


async def tell(keeper: Keeper, name: str, text: str, *, by: str) -> None:
    """A line on the timeline and in the thread, without secrets."""
    now, said = keeper.clock.now(), keeper.secrets.redactor().text(text)
    try:
        await keeper.store.write(lambda session: keeper.desk.tell(session, name, said, by=by, now=now))
    except (StoreError, Refused) as error:
        log.warning("what was pressed could not be kept", incident=name, reason=str(error))
        return
    keeper.dispatcher.wake(set(keeper.channels))
