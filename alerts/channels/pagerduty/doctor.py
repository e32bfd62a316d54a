"""Does PagerDuty work, and what will it do by itself? Without waking anybody."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from alerts.channels.kit import fill_in
from alerts.channels.pagerduty import service as of_service
from alerts.channels.pagerduty.client import PagerDuty
from alerts.channels.pagerduty.states import listed
from alerts.message import Finding
from probes.words.errors import DeliveryError
from probes.words.text import for_log

KEY = "showup-doctor"  # never triggered: a resolve of it is dropped, and still tells whether the routing key is taken
PAGES, PAGE = 5, 100  # services that are looked through for the one that the routing key is of
MAY_READ = "make the key one that may read all of the account (read-only is enough)"


async def examine(pagerduty: PagerDuty) -> list[Finding]:
    """One finding for each thing that can be wrong, or that will happen there by itself."""
    checks = [_events(pagerduty), _rest(pagerduty)]
    if pagerduty.spec.low_urgency_routing_key is not None:
        checks.append(_events(pagerduty, urgent=False))
    taken, read, *low = await asyncio.gather(*checks)
    found = [taken, *low, read]
    if not pagerduty.reads or read.level != "ok":
        return found
    try:
        return [*found, *await _beyond(pagerduty)]
    except DeliveryError as error:
        return [
            *found,
            Finding(level="warning", what=f"PagerDuty does not tell of its service: {error}", write=MAY_READ),
        ]


async def _events(pagerduty: PagerDuty, *, urgent: bool = True) -> Finding:
    which = "this routing key" if urgent else "the low-urgency routing key"
    try:
        await pagerduty.event("resolve", KEY, urgent=urgent)
    except DeliveryError as error:
        return _trouble(
            error, "copy the Integration Key of an Events API v2 integration (service, Integrations) into routing_key"
        )
    return Finding(level="ok", what=f"PagerDuty takes events with {which}")


async def _rest(pagerduty: PagerDuty) -> Finding:
    if not pagerduty.reads:
        what = "PagerDuty: pages are accepted, unverified, and acknowledgements there are not seen here"
        write = "set channels.pagerduty.api_key to a read-only REST API key"
        return Finding(level="warning", what=what, write=write)
    try:
        await pagerduty.read("/incidents", limit=1)
    except DeliveryError as error:
        return _trouble(
            error, "make a REST API key (Integrations, API Access Keys; read-only is enough) and set api_key"
        )
    return Finding(level="ok", what="PagerDuty tells who acknowledged and who is on call")


def _trouble(error: DeliveryError, write: str) -> Finding:
    """What is refused is mended there; what does not answer is looked at from here, and tried again."""
    if error.permanent:
        return Finding(level="fault", what=str(error), write=write)
    again = "look at status.pagerduty.com and at this machine's way out, then run showup doctor again"
    return Finding(level="warning", what=str(error), write=again)


async def _beyond(pagerduty: PagerDuty) -> list[Finding]:
    """The services behind the keys, what they do by themselves, and whether webhooks arrive."""
    services = await _services(pagerduty)
    secret = fill_in(pagerduty.spec.routing_key, pagerduty.around, what="PagerDuty's routing_key")
    found, named = _behind(services, secret), pagerduty.spec.service
    if found is None and named is not None:
        found = next((one for one in services if one.get("id") == named), None)
        if found is not None and of_service.shows_keys(found):
            return [of_service.foreign_key(found)]
    if found is None:
        what = "PagerDuty: no service with this routing key is seen by api_key, so what it does by itself is not known"
        write = "use a key of the same account that sees the service, or write service: with its id"
        return [Finding(level="warning", what=what, write=write)]
    if named is not None and found.get("id") != named:
        return [of_service.another(found, named)]
    policies = pagerduty.around.policies()
    return [
        *of_service.state(found, await _windows(pagerduty, found), now=pagerduty.around.clock.now()),
        *of_service.integration(found, secret),
        *of_service.timeouts(found, policies),
        *of_service.urgency(found, quiet=pagerduty.spec.low_urgency_routing_key is not None),
        *of_service.grouping(found),
        *await _escalation(pagerduty, found),
        *await _quiet(pagerduty, services, found),
        *await _hooks(pagerduty, found),
    ]


async def _services(pagerduty: PagerDuty) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for number in range(PAGES):
        answer = await pagerduty.read("/services", limit=PAGE, offset=number * PAGE, include=["integrations"])
        found += listed(answer.get("services"))
        if not answer.get("more"):
            break
    return found


def _behind(services: list[Mapping[str, Any]], key: str) -> Mapping[str, Any] | None:
    """The service that has the integration; the only one, where integrations are not shown."""
    for one in services:
        if any(each.get("integration_key") == key for each in listed(one.get("integrations"))):
            return one
    alone = services[0] if len(services) == 1 else None
    return alone if alone is not None and not of_service.shows_keys(alone) else None


async def _windows(pagerduty: PagerDuty, found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    answer = await pagerduty.read("/maintenance_windows", service_ids=[found.get("id")], filter="open", limit=PAGE)
    return listed(answer.get("maintenance_windows"))


async def _escalation(pagerduty: PagerDuty, found: Mapping[str, Any]) -> list[Finding]:
    """Who is woken there, in which order, and whether somebody is on call now."""
    reference = found.get("escalation_policy")
    number = for_log(str(reference.get("id") or ""), 40) if isinstance(reference, Mapping) else ""
    if not number:
        return []
    answer, now = await asyncio.gather(
        pagerduty.read(f"/escalation_policies/{number}"),
        pagerduty.read("/oncalls", escalation_policy_ids=[number], limit=PAGE),
    )
    known = answer.get("escalation_policy")
    policy: Mapping[str, Any] = known if isinstance(known, Mapping) else {}
    around, oncalls = pagerduty.around, listed(now.get("oncalls"))
    return [
        *of_service.on_call(policy, oncalls, around),
        *of_service.escalates(policy, around.policies()),
        *of_service.both(oncalls, around),
    ]


async def _quiet(pagerduty: PagerDuty, services: list[Mapping[str, Any]], loud: Mapping[str, Any]) -> list[Finding]:
    """Whether the service for drills and canary pages is another one, and wakes nobody."""
    reference = pagerduty.spec.low_urgency_routing_key
    if reference is None:
        return []
    secret = fill_in(reference, pagerduty.around, what="PagerDuty's low_urgency_routing_key")
    return of_service.quiet(_behind(services, secret), loud)


async def _hooks(pagerduty: PagerDuty, found: Mapping[str, Any]) -> list[Finding]:
    """Whether a subscription sends to us; without permission to look, that is said."""
    if not pagerduty.spec.webhook_secret:
        return []
    try:
        answer = await pagerduty.read("/webhook_subscriptions", limit=PAGE)
    except DeliveryError as error:
        what = f"PagerDuty does not tell of its webhooks: {error}"
        return [Finding(level="warning", what=what, write="look at Integrations, Generic Webhooks (v3), by hand")]
    return of_service.hooks(listed(answer.get("webhook_subscriptions")), found)
