"""Answers that were flagged as wrong: said, listed, reviewed, and where an app says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.engine.flags import read_said
from monitor.services.base import place_named, service, when
from monitor.store.queries.flags import ACCEPTED, OPEN, REJECTED, FlagView, as_json, find_flag, list_flags
from monitor.tokens import flag_token, key_in
from probes.words.errors import Refused
from probes.words.text import clean
from probes.words.units import say_duration

if TYPE_CHECKING:
    from monitor.app import Keeper

STATES = (OPEN, ACCEPTED, REJECTED)
_LIST = "see: showup flags"


def _place(keeper: Keeper, workflow: str) -> str:
    """`workflow/environment` of what is named; raises Refused."""
    key, environment = place_named(keeper, workflow)
    if environment not in keeper.catalog.workflows[key].environments:
        there = ", ".join(keeper.catalog.workflows[key].environments)
        raise Refused(f"{key} has no environment {environment[:40]}", hint=f"write one of {there}")
    return f"{key}/{environment}"


@service(acts=True)
async def flag(
    keeper: Keeper,
    workflow: str,
    asked: str = "",
    answered: str = "",
    expected: str = "",
    comment: str = "",
    by: str = "",
    key: str = "",
) -> dict[str, Any]:
    """Say that an answer of a workflow was wrong."""
    subject, keeper_flags = _place(keeper, workflow), keeper.engine.flags
    keeper_flags.take_rules(keeper.catalog)
    given = {"asked": asked, "answered": answered, "expected": expected, "comment": comment, "author": by, "key": key}
    try:
        said = read_said(given, source="person", at=keeper.clock.now(), hide=keeper.secrets.redactor().text)
    except ValueError as error:
        raise Refused(str(error)) from None
    number, new = await keeper_flags.add(subject, said)
    return {"flag": number, "new": new, "workflow": subject}


@service()
async def flags(keeper: Keeper, workflow: str = "", which: str = OPEN, limit: int = 50) -> dict[str, Any]:
    """Flags, the newest first: those that wait for a review, or all of a state ("" is every)."""
    if which and which not in STATES:
        raise Refused(f"a flag is never {which[:40]}", hint=f"write one of {', '.join(STATES)}")
    subject = _place(keeper, workflow) if workflow else ""
    found = await keeper.store.read(
        lambda session: list_flags(session, subject=subject, state=which, limit=max(1, min(limit, 1000)))
    )
    return {"state": which, "flags": [_shown(one) for one in found]}


def _shown(view: FlagView) -> dict[str, Any]:
    return {**as_json(view), "at": when(view.at), "reviewed_at": when(view.reviewed_at)}


@service()
async def flag_of(keeper: Keeper, number: int) -> dict[str, Any]:
    """One flag."""
    found = await keeper.store.read(lambda session: find_flag(session, number))
    if found is None:
        raise Refused(f"there is no flag {number}", hint=_LIST)
    return _shown(found)


@service(acts=True)
async def review(keeper: Keeper, number: int, outcome: str, by: str = "", reason: str = "") -> dict[str, Any]:
    """Say what became of a flag: accepted, as a golden case, or rejected, for a reason."""
    if outcome not in (ACCEPTED, REJECTED):
        raise Refused(f"a review does not end in {outcome[:40]}", hint="write accepted or rejected")
    if outcome == REJECTED and not reason.strip():
        raise Refused("a flag is not rejected without a reason", hint="write --reason")
    found = await flag_of(keeper, number)
    if found["state"] != OPEN:
        who = found["reviewed_by"] or "somebody"
        raise Refused(f"flag {number} was {found['state']} by {who} already", hint="see: showup flags --which all")
    author = clean(by, 80) or "somebody"
    keeper.engine.flags.take_rules(keeper.catalog)
    await keeper.engine.flags.review(number, state=outcome, by=f"{author}: {clean(reason, 200)}" if reason else author)
    return {"flag": number, "state": outcome, "by": author}


@service()
async def flags_url(keeper: Keeper, workflow: str) -> dict[str, Any]:
    """Where an app flags answers of a workflow, and from how many on an incident opens."""
    subject = _place(keeper, workflow)
    web, rule = keeper.catalog.web, keeper.catalog.workflows[subject.partition("/")[0]].flags
    base = web.url or web.page.rstrip("/")
    if not base:
        raise Refused("nothing is served, so there is no address", hint='write web: {listen: "127.0.0.1:8470"}')
    return {
        "workflow": subject,
        "url": f"{base}/flag/{flag_token(key_in(keeper.folder), subject)}",
        "above": rule.above,
        "within": say_duration(rule.within),
    }
