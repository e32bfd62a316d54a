"""Does PagerDuty work? Both keys, without waking anybody."""

from __future__ import annotations

from alerts.channels.pagerduty.client import PagerDuty
from alerts.message import Finding
from probes.words.errors import DeliveryError

KEY = "showup-doctor"  # never triggered: a resolve of it is dropped, and still tells whether the routing key is taken


async def examine(pagerduty: PagerDuty) -> list[Finding]:
    """One finding for each thing that can be wrong."""
    return [await _events(pagerduty), await _rest(pagerduty)]


async def _events(pagerduty: PagerDuty) -> Finding:
    try:
        await pagerduty.event("resolve", KEY)
    except DeliveryError as error:
        write = "copy the Integration Key of an Events API v2 integration (service, Integrations) into routing_key"
        return Finding(level="fault" if error.permanent else "warning", what=str(error), write=write)
    return Finding(level="ok", what="PagerDuty takes events with this routing key")


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
