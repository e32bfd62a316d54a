"""The escalation procedure, for people and programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from monitor.services.base import service, when
from monitor.status import escalation as page
from probes.words.errors import Refused
from probes.words.names import nearest
from probes.words.units import SECOND

if TYPE_CHECKING:
    from monitor.app import Keeper


@service()
async def escalation(keeper: Keeper, policy: str = "", names: bool = True) -> dict[str, Any]:
    """Each policy in use, or one: levels, people, rounds, and when a drill last passed through it."""
    found = await read(keeper, policy, names=names)
    return {
        "site": found.site,
        "made": found.made,
        "zone": found.zone,
        "named": found.named,
        "policies": [_policy(one) for one in found.policies],
    }


async def read(keeper: Keeper, policy: str = "", *, names: bool = True, public: bool = False) -> page.Escalation:
    """The same as the page has it; raises Refused for a policy that is not in use."""
    now, catalog, desk = keeper.clock.now(), keeper.catalog, keeper.desk
    found = await keeper.store.read(
        lambda session: page.read(session, catalog, desk, now=now, names=names, public=public, only=policy)
    )
    if policy and not found.policies:
        near = nearest(policy, catalog.book.policies)
        said = "is not used by any workflow" if policy in catalog.book.policies else "is no policy"
        hint = f"did you mean {near}?" if near and near != policy else "see: showup escalation"
        raise Refused(f"{policy[:60]} {said}", hint=hint)
    return found


@service()
async def escalation_page(keeper: Keeper, policy: str = "", names: bool = True) -> dict[str, Any]:
    """The same as a page."""
    return {"html": page.html(await read(keeper, policy, names=names))}


def _policy(one: page.Procedure) -> dict[str, Any]:
    found = asdict(one)
    for level in found["levels"]:
        level["seconds"] = level.pop("at") / SECOND
        level["whom"] = [_whom(each) for each in level["whom"]]
    for part in ("fallback", "warnings"):
        found[part] = [_whom(each) for each in found[part]]
    if found["tested"] is not None:
        found["tested"]["at"] = when(found["tested"]["at"])
    return found


def _whom(found: dict[str, Any]) -> dict[str, Any]:
    return {**found, "until": when(found["until"])}
