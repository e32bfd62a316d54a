"""Does PagerDuty work, and what will it do by itself? Without waking anybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.channels.kit import fill_in
from alerts.channels.pagerduty.client import PagerDuty
from alerts.message import Finding
from probes.words.errors import DeliveryError
from probes.words.text import for_log

KEY = "showup-doctor"  # never triggered: a resolve of it is dropped, and still tells whether the routing key is taken
MOST = 100  # services that are looked through for the one that the routing key is of


async def examine(pagerduty: PagerDuty) -> list[Finding]:
    """One finding for each thing that can be wrong, or that will happen there by itself."""
    found = [await _events(pagerduty)]
    if pagerduty.spec.low_urgency_routing_key is not None:
        found.append(await _events(pagerduty, urgent=False))
    found.append(await _rest(pagerduty))
    if not pagerduty.reads or found[-1].level != "ok":
        return found
    try:
        return [*found, *await _service(pagerduty)]
    except DeliveryError as error:
        write = "give the key read access to services and escalation policies"
        return [*found, Finding(level="warning", what=f"PagerDuty does not tell of its service: {error}", write=write)]


async def _events(pagerduty: PagerDuty, *, urgent: bool = True) -> Finding:
    which = "this routing key" if urgent else "the low-urgency routing key"
    try:
        await pagerduty.event("resolve", KEY, urgent=urgent)
    except DeliveryError as error:
        write = "copy the Integration Key of an Events API v2 integration (service, Integrations) into routing_key"
        return Finding(level="fault" if error.permanent else "warning", what=str(error), write=write)
    return Finding(level="ok", what=f"PagerDuty takes events with {which}")


async def _rest(pagerduty: PagerDuty) -> Finding:
    if not pagerduty.reads:
        what = "PagerDuty: pages are accepted, unverified, and acknowledgements there are not seen here"
        write = "set channels.pagerduty.api_key to a read-only REST API key"
        return Finding(level="warning", what=what, write=write)
    try:
        await pagerduty.read("/incidents", limit=1)
    except DeliveryError as error:
        write = "make a REST API key (Integrations, API Access Keys; read-only is enough) and set api_key"
        return Finding(level="fault" if error.permanent else "warning", what=str(error), write=write)
    return Finding(level="ok", what="PagerDuty tells who acknowledged and who is on call")


async def _service(pagerduty: PagerDuty) -> list[Finding]:
    """The service behind the routing key: who else escalates, and when it resolves or forgets by itself."""
    service = await _behind(pagerduty)
    if service is None:
        what = "PagerDuty: no service with this routing key is seen by api_key, so what it does by itself is not known"
        return [Finding(level="warning", what=what, write="use a key of the same account that sees the service")]
    policy = service.get("escalation_policy")
    number = str(policy.get("id") or "") if isinstance(policy, Mapping) else ""
    answer = await pagerduty.read(f"/escalation_policies/{for_log(number, 40)}") if number else {}
    known = answer.get("escalation_policy")
    return [*_status(service), *_timeouts(service), *_escalates(service, known if isinstance(known, Mapping) else {})]


async def _behind(pagerduty: PagerDuty) -> Mapping[str, Any] | None:
    """The service that has the integration; the only one, where integrations are not shown."""
    wanted = fill_in(pagerduty.spec.routing_key, pagerduty.around, what="PagerDuty's routing_key")
    answer = await pagerduty.read("/services", limit=MOST, include=["integrations"])
    services = [one for one in answer.get("services") or () if isinstance(one, Mapping)]
    for service in services:
        for one in service.get("integrations") or ():
            if isinstance(one, Mapping) and one.get("integration_key") == wanted:
                return service
    return services[0] if len(services) == 1 else None


def _status(service: Mapping[str, Any]) -> list[Finding]:
    status, name = str(service.get("status")), for_log(str(service.get("name")), 60)
    if status in ("disabled", "maintenance"):
        what = f"PagerDuty: the service {name} is {status}: events are taken, and no incident comes of them"
        return [Finding(level="fault", what=what, write="enable it, or end its maintenance window")]
    return [Finding(level="ok", what=f"PagerDuty: the service {name} is {for_log(status, 20)}")]


def _timeouts(service: Mapping[str, Any]) -> list[Finding]:
    found = []
    ack, end = service.get("acknowledgement_timeout"), service.get("auto_resolve_timeout")
    if isinstance(ack, int) and ack:
        what = f"PagerDuty: an acknowledgement runs out after {ack // 60} min there, and wakes its people again"
        found.append(Finding(level="ok", what=what, write="showup's own is `ack:` of the policy; the sooner counts"))
    if isinstance(end, int) and end:
        what = f"PagerDuty: the service resolves what is open after {end // 3600} h; showup then begins a new round"
        found.append(Finding(level="ok", what=what, write="switch auto-resolution off to have one incident throughout"))
    return found


def _escalates(service: Mapping[str, Any], policy: Mapping[str, Any]) -> list[Finding]:
    """Whether PagerDuty goes on to others by itself: beside showup's own levels both would wake people."""
    rules, loops = policy.get("escalation_rules"), policy.get("num_loops")
    name = for_log(str(policy.get("name") or ""), 60)
    many = isinstance(rules, list) and len(rules) > 1
    if not many and not (isinstance(loops, int) and loops):
        return [Finding(level="ok", what=f"PagerDuty: the policy {name} tells one level, and showup escalates")]
    delays = [one.get("escalation_delay_in_minutes") for one in rules or () if isinstance(one, Mapping)]
    first = next((delay for delay in delays if isinstance(delay, int)), 0)
    times = f"{len(delays)} levels" if many else "one level"
    again = f", {loops + 1} times over" if isinstance(loops, int) and loops else ""
    what = f"PagerDuty escalates by itself: {name} has {times}{again}, the next after {first} min; so does showup"
    write = "write escalation: pagerduty in the policy, or give the service a policy of one level without repeats"
    return [Finding(level="warning", what=what, write=write)]
