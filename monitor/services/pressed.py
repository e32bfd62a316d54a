"""What people press beside an answer: check now, and the actions that a workflow declares. Recorded with who did it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import structlog

from alerts.message import Answer, IncidentView, Reaction
from monitor.config.catalog import Action
from monitor.services.base import service
from probes.words.errors import Refused, StoreError
from probes.words.secret import fill, names_in
from probes.words.text import clean
from probes.words.units import SECOND

if TYPE_CHECKING:
    from monitor.app import Keeper

log = structlog.get_logger("showup.pressed")

AGAIN = 30 * SECOND  # µs before the same incident is checked again
TWICE = 10 * SECOND  # µs within which a second press of an action is the same one
MOST = 5  # probes that one press runs
PATIENCE = 10.0  # seconds that an action may take
ANSWER = 4_000  # bytes of its answer that are read
_ACTS: set[asyncio.Task[Any]] = set()


def _spawn(work: Coroutine[Any, Any, Any]) -> None:
    task = asyncio.get_running_loop().create_task(work)
    _ACTS.add(task)
    task.add_done_callback(_ACTS.discard)


async def seen(keeper: Keeper, name: str) -> IncidentView | None:
    """An incident as it is now, None for none."""
    now = keeper.clock.now()
    return await keeper.store.read(lambda session: keeper.desk.find(session, name, now=now))


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
    now, key = keeper.clock.now(), f"checked {view.public_id}"
    if now - keeper.notes.get(key, -AGAIN) < AGAIN:
        return Answer(accepted=False, text=f"{view.title}: it was checked a moment ago.")
    keeper.notes[key] = now
    _spawn(_checked(keeper, view, names[:MOST], by=reaction.by))
    said = ", ".join(name.rpartition("/")[2] for name in names[:MOST])
    return Answer(accepted=True, text=f"{view.title}: checking {said} now; what comes of it stands in the thread.")


def probes_of(keeper: Keeper, view: IncidentView) -> list[str]:
    """The ids of the probes that fail in an incident, those that it speaks for among them."""
    named = [member if "/" in member else f"{view.subject}/{member}" for member in view.members]
    known = keeper.catalog.probes
    ids = {one.id for one in known.values()} | {f"{one.subject}/{one.name}": one.id for one in known.values()}.keys()
    by_subject = {f"{one.subject}/{one.name}": one.id for one in known.values()}
    return [by_subject.get(name, name) for name in named if name in ids]


async def _checked(keeper: Keeper, view: IncidentView, names: list[str], *, by: str) -> None:
    await asyncio.gather(*(keeper.engine.run_now(name) for name in names), return_exceptions=True)
    said = []
    for name in names:
        track = keeper.engine.tracks.get(name)
        if track is not None and track.last is not None:
            fails = str(track.last.state) not in ("up", "degraded")
            said.append(f"{track.probe.name} {'still fails: ' + track.last.sentence if fails else 'passed'}")
    await _tell(keeper, view.public_id, f"checked by {by}: {'; '.join(said) or 'nothing could be said'}", by=by)


async def _tell(keeper: Keeper, name: str, text: str, *, by: str) -> None:
    now = keeper.clock.now()
    try:
        await keeper.store.write(lambda session: keeper.desk.tell(session, name, text, by=by, now=now))
    except (StoreError, Refused) as error:
        log.warning("what was pressed could not be kept", incident=name, reason=str(error))
        return
    keeper.dispatcher.wake(set(keeper.channels))


async def act(keeper: Keeper, reaction: Reaction) -> Answer:
    """Do an action of the incident's workflow; answered, recorded, and told in the thread."""
    view, key = await seen(keeper, reaction.incident), str(reaction.said.get("action", ""))[:60]
    if view is None:
        return Answer(accepted=False, text="There is no such incident.")
    found = actions_of(keeper, view.subject).get(key)
    if found is None:
        return Answer(accepted=False, text=f"{view.title} has no action {clean(key, 40)}.")
    now, mark = keeper.clock.now(), f"acted {view.public_id} {key}"
    if now - keeper.notes.get(mark, -TWICE) < TWICE:
        return Answer(accepted=False, text=f"{found.title}: somebody did that a moment ago.")
    keeper.notes[mark] = now
    await _tell(keeper, view.public_id, f"{found.title}: asked for by {reaction.by}", by=reaction.by)
    well, said = await _post(keeper, found)
    await _tell(keeper, view.public_id, f"{found.title}: {said}", by=reaction.by)
    return Answer(accepted=well, text=f"{view.title}: {found.title}: {said}.")


def actions_of(keeper: Keeper, subject: str) -> dict[str, Action]:
    """The actions that the workflow of a subject declares, by key."""
    workflow = keeper.catalog.workflows.get(subject.partition("/")[0])
    return dict(workflow.actions) if workflow is not None else {}


async def _post(keeper: Keeper, action: Action) -> tuple[bool, str]:
    """Send it; (whether it was taken, what came of it in words without secrets)."""
    import httpx

    hide = keeper.secrets.redactor().text
    try:
        values = keeper.secrets.need(names_in([action.url, dict(action.headers), dict(action.body)]))
        url = str(fill(action.url, values))
        headers = {name: str(fill(text, values)) for name, text in action.headers.items()}
        async with (
            asyncio.timeout(PATIENCE),
            httpx.AsyncClient(follow_redirects=False, trust_env=False) as client,
            client.stream("POST", url, json=fill(dict(action.body), values), headers=headers) as answer,
        ):
            text = b""
            async for part in answer.aiter_raw(1_024):
                text = (text + part)[:ANSWER]
                if len(text) == ANSWER:
                    break
            said = clean(hide(text.decode("utf-8", "replace")), 80)
            well = 200 <= answer.status_code < 300
            return well, f"answered {answer.status_code}" + (f" ({said})" if said else "")
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, KeyError, ValueError, Refused) as error:
        return False, f"failed ({hide(clean(type(error).__name__, 60))})"


@service(acts=True)
async def do_action(keeper: Keeper, id: str, action: str = "", by: str = "") -> dict[str, Any]:
    """Do an action of an incident's workflow; without one, list those that there are."""
    if not action:
        view = await seen(keeper, id)
        if view is None:
            raise Refused(f"there is no incident {clean(id, 40)}", hint="see: showup incidents")
        listed = [{"action": key, "title": one.title} for key, one in actions_of(keeper, view.subject).items()]
        return {"accepted": True, "text": "", "actions": listed}
    said = Reaction(action="act", incident=id, by=by or "somebody", via="the command line", said={"action": action})
    answer = await act(keeper, said)
    return {"accepted": answer.accepted, "text": answer.text, "actions": []}


@service(acts=True)
async def check_now(keeper: Keeper, id: str, by: str = "") -> dict[str, Any]:
    """Run what fails in an incident now."""
    answer = await check(keeper, Reaction(action="check", incident=id, by=by or "somebody", via="the command line"))
    return {"accepted": answer.accepted, "text": answer.text}
