"""What people press beside an answer: the actions that a workflow declares. Recorded with who did it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

from alerts.message import Answer, Reaction
from monitor.config.catalog import Action
from monitor.services.base import place_named, service
from monitor.services.checked import check
from monitor.services.kindly import once, seen, tell
from probes.words.errors import Refused
from probes.words.secret import fill, names_in
from probes.words.text import clean
from probes.words.units import SECOND

if TYPE_CHECKING:
    from monitor.app import Keeper

log = structlog.get_logger("showup.pressed")

TWICE = 10 * SECOND  # µs within which a second press of an action is the same one
PATIENCE = 10.0  # seconds that an action may take
ANSWER = 4_000  # bytes of its answer that are read


async def act(keeper: Keeper, reaction: Reaction) -> Answer:
    """Do an action of the incident's workflow; answered, recorded, and told in the thread."""
    view, key = await seen(keeper, reaction.incident), str(reaction.said.get("action", ""))[:60]
    if view is None:
        return Answer(accepted=False, text="There is no such incident.")
    found = actions_of(keeper, view.subject).get(key)
    if found is None:
        return Answer(accepted=False, text=f"{view.title} has no action {clean(key, 40)}.")
    if not once(keeper, f"acted {view.subject} {key}", within=TWICE):
        return Answer(accepted=False, text=f"{found.title}: somebody did that a moment ago.")
    await tell(keeper, view.public_id, f"{found.title}: asked for by {reaction.by}", by=reaction.by)
    well, said = await _post(keeper, found)
    await tell(keeper, view.public_id, f"{found.title}: {said}", by=reaction.by)
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
    """Do an action of an incident's workflow, or of a workflow whether or not something is wrong with it; without one,
    list those that there are."""
    view = await seen(keeper, id)
    subject = view.subject if view is not None else await _place(keeper, id)
    if not action:
        listed = [{"action": key, "title": one.title} for key, one in actions_of(keeper, subject).items()]
        return {"accepted": True, "text": "", "actions": listed}
    name = view.public_id if view is not None else await _open(keeper, subject)
    if name:
        said = Reaction(
            action="act", incident=name, by=by or "somebody", via="the command line", said={"action": action}
        )
        answer = await act(keeper, said)
    else:
        answer = await _act_alone(keeper, subject, action, by=by or "somebody")
    return {"accepted": answer.accepted, "text": answer.text, "actions": []}


async def _place(keeper: Keeper, name: str) -> str:
    """`workflow/environment` of a workflow that is named; raises Refused."""
    try:
        return "/".join(place_named(keeper, name))
    except Refused:
        raise Refused(
            f"there is no incident and no workflow {clean(name, 40)}", hint="see: showup incidents, showup status"
        ) from None


async def _open(keeper: Keeper, subject: str) -> str:
    """The incident that is open about a subject, "" for none."""
    now = keeper.clock.now()
    views = await keeper.store.read(lambda session: keeper.desk.views(session, now=now))
    return next((view.public_id for view in views if view.subject == subject), "")


async def _act_alone(keeper: Keeper, subject: str, key: str, *, by: str) -> Answer:
    """An action while nothing is wrong: there is no timeline to stand on, so the log has who did it."""
    found = actions_of(keeper, subject).get(key)
    if found is None:
        return Answer(accepted=False, text=f"{clean(subject, 60)} has no action {clean(key, 40)}.")
    if not once(keeper, f"acted {subject} {key}", within=TWICE):
        return Answer(accepted=False, text=f"{found.title}: somebody did that a moment ago.")
    log.info("an action was asked for", workflow=subject, action=key, by=clean(by, 80))
    well, said = await _post(keeper, found)
    log.info("an action was done", workflow=subject, action=key, by=clean(by, 80), came=said)
    return Answer(accepted=well, text=f"{found.title}: {said}.")


@service(acts=True)
async def check_now(keeper: Keeper, id: str, by: str = "") -> dict[str, Any]:
    """Run what fails in an incident now."""
    answer = await check(keeper, Reaction(action="check", incident=id, by=by or "somebody", via="the command line"))
    return {"accepted": answer.accepted, "text": answer.text}
