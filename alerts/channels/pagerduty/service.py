"""What a service of PagerDuty's will do by itself with our pages, each fact a finding. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from alerts.channels.kit import Surroundings, read_time
from alerts.channels.pagerduty.hooks import KINDS
from alerts.channels.pagerduty.states import agent, listed, together
from alerts.message import Finding
from alerts.policy import PolicySpec, parse_target
from probes.words.clock import moment
from probes.words.text import for_log
from probes.words.units import SECOND, micros_of, say_duration

Service = Mapping[str, Any]
NEEDED = tuple(kind for kind, action in KINDS.items() if action in ("ack", "unack", "resolve"))


def _ok(what: str, write: str = "") -> Finding:
    return Finding(level="ok", what=f"PagerDuty: {what}", write=write)


def _warn(what: str, write: str) -> Finding:
    return Finding(level="warning", what=f"PagerDuty: {what}", write=write)


def _fault(what: str, write: str) -> Finding:
    return Finding(level="fault", what=f"PagerDuty: {what}", write=write)


def named(found: Service) -> str:
    """What it is called, and its id."""
    name = for_log(str(found.get("name") or found.get("summary") or "a service"), 60)
    return f"{name} ({for_log(str(found.get('id')), 40)})"


def shows_keys(found: Service) -> bool:
    """True when the REST key may read integration keys: then a key that is not among them is not of this service."""
    return any(each.get("integration_key") for each in listed(found.get("integrations")))


def foreign_key(found: Service) -> Finding:
    """The routing key is of no integration of the service that `service:` names."""
    write = "copy the Integration Key of its Events API v2 integration into routing_key"
    return _fault(f"the routing key is not one of the service {named(found)}, so its people are not woken", write)


def another(found: Service, wanted: str) -> Finding:
    """The routing key is of another service than `service:` says."""
    what = f"the routing key is of the service {named(found)}, not of {for_log(wanted, 40)}: others are woken"
    return _fault(what, "copy the key of the right service, or correct service:")


def state(found: Service, windows: Sequence[Mapping[str, Any]], *, now: int) -> list[Finding]:
    """Whether incidents come of events now, and until when they do not."""
    status, name = str(found.get("status")), named(found)
    spans = [(read_time(one.get("start_time")) or 0, read_time(one.get("end_time")) or 0) for one in windows]
    ends = [end for start, end in spans if start <= now < end]
    ahead = [(start, end) for start, end in sorted(spans) if start > now]
    found_now: list[Finding] = []
    if status == "disabled":
        what = f"the service {name} is disabled: events are taken, and no incident comes of them"
        found_now.append(_fault(what, "enable it: Services, the service, More, Enable Service"))
    elif status == "maintenance" or ends:
        until = f" until {moment(max(ends)):%Y-%m-%d %H:%M} UTC" if ends else ""
        what = f"the service {name} is in maintenance{until}: events are taken, and no incident comes of them"
        found_now.append(_fault(what, "end its maintenance window: Services, the service, Maintenance Windows"))
    else:
        found_now.append(_ok(f"the service {name} is {for_log(status, 20)}"))
    for start, end in ahead[:1]:
        what = (
            f"the service {name} will be in maintenance from {moment(start):%Y-%m-%d %H:%M} to {moment(end):%H:%M} UTC"
        )
        found_now.append(
            _warn(f"{what}: pages there are failures then, and the next way is taken", "move what can wait")
        )
    return found_now


def integration(found: Service, key: str) -> list[Finding]:
    """The key has to be one of the Events API v2."""
    mine = [one for one in listed(found.get("integrations")) if one.get("integration_key") == key]
    kinds = [str(one.get("type")) for one in mine if one.get("type")]
    wrong = [kind for kind in kinds if not kind.startswith("events_api_v2")]
    if not wrong:
        return []
    what = f"the routing key is of an integration of the kind {for_log(wrong[0], 60)}"
    return [_warn(what, "add an integration of the kind Events API v2 and copy its key")]


def timeouts(found: Service, policies: Mapping[str, PolicySpec]) -> list[Finding]:
    """When it forgets an acknowledgement, and when it resolves by itself."""
    lines = []
    ack, end = found.get("acknowledgement_timeout"), found.get("auto_resolve_timeout")
    ours = [policy.ack for policy in policies.values() if told_there(policy)]
    if isinstance(ack, int) and ack > 0:
        what = f"an acknowledgement runs out after {say_duration(ack * SECOND)} there, and wakes its people again"
        own = f"; showup's own (`ack:`) after {say_duration(micros_of(min(ours)))}" if ours else ""
        lines.append(_ok(f"{what}{own}", "the sooner one counts"))
    elif not ack:
        own = f" after {say_duration(micros_of(min(ours)))}" if ours else ""
        lines.append(_ok(f"an acknowledgement never runs out there; here it does{own}, in a new round"))
    if isinstance(end, int) and end > 0:
        what = f"the service resolves what is open after {say_duration(end * SECOND)}; showup then begins a new round"
        lines.append(_ok(what, "switch auto-resolution off to have one incident throughout"))
    return lines


def urgency(found: Service, *, quiet: bool) -> list[Finding]:
    """Whether a page is of high urgency at every hour, and a drill of low."""
    rule = found.get("incident_urgency_rule")
    rule = rule if isinstance(rule, Mapping) else {}
    settings = "Services, the service, Settings, Incident Urgency"
    if rule.get("type") == "use_support_hours":
        parts = [
            ("in its support hours", "during_support_hours"),
            ("outside of its support hours", "outside_support_hours"),
        ]
        low = [when for when, name in parts if _constant(rule.get(name)) == "low"]
        if low:
            return [
                _warn(f"{' and '.join(low)} every page has low urgency and wakes nobody", f"{settings}: high, always")
            ]
        return [_ok("pages have high urgency at every hour")]
    kind = str(rule.get("urgency") or "high")
    if kind == "low":
        return [
            _fault("every incident of the service has low urgency: pages wake nobody", f"{settings}: high, or dynamic")
        ]
    if kind == "severity_based":
        return [_ok("its urgency follows the severity: critical and error wake, drills and canary pages do not")]
    if quiet:
        return [_ok("every incident has high urgency; drills and canary pages go to the other service")]
    what = "every incident has high urgency: drills and canary pages of low urgency wake people, too"
    return [_warn(what, f"{settings}: dynamic notifications based on severity; or set low_urgency_routing_key")]


def _constant(part: Any) -> str:
    return str(part.get("urgency") or "") if isinstance(part, Mapping) else ""


def grouping(found: Service) -> list[Finding]:
    """Whether it merges our incidents: what joins an open one wakes nobody."""
    parameters = found.get("alert_grouping_parameters")
    kind = parameters.get("type") if isinstance(parameters, Mapping) else found.get("alert_grouping")
    if not kind:
        return []
    how = for_log(str(kind), 40)
    what = f"the service groups alerts ({how}): a second outage joins the first one's incident and wakes nobody"
    return [_warn(what, "switch it off (Settings, Reduce Noise): showup groups storms by itself")]


def told_there(policy: PolicySpec) -> bool:
    """True when a policy tells PagerDuty."""
    named_in = any(parse_target(target).kind == "pagerduty" for level in policy.levels for target in level.notify)
    return named_in or policy.escalation == "pagerduty"


def on_call(policy: Mapping[str, Any], oncalls: Sequence[Mapping[str, Any]], around: Surroundings) -> list[Finding]:
    """Who would be woken there now."""
    first = [one for one in oncalls if one.get("escalation_level") == 1]
    names = together([agent(one.get("user"), around).name for one in first])
    title = for_log(str(policy.get("name") or policy.get("summary") or "its policy"), 60)
    if names:
        return [_ok(f"{names} would be woken first now, by the policy {title}")]
    if oncalls:
        what = f"nobody is on call at the first level of {title} now, so its second is woken at once"
        return [_warn(what, "fill the schedule of its first level")]
    what = f"nobody is on call in {title} now: no incident can be made (1015), so pages come to nothing"
    return [_fault(what, "put somebody into its schedules: People, On-Call Schedules")]


def escalates(policy: Mapping[str, Any], policies: Mapping[str, PolicySpec]) -> list[Finding]:
    """Who goes on when nobody answers: showup, PagerDuty, both, or neither."""
    rules, loops = listed(policy.get("escalation_rules")), policy.get("num_loops")
    loops = loops if isinstance(loops, int) else 0
    title = for_log(str(policy.get("name") or ""), 60)
    many = len(rules) > 1 or loops > 0
    theirs = _says(rules, loops)
    users = {name: spec for name, spec in policies.items() if told_there(spec)}
    left = sorted(name for name, spec in users.items() if spec.escalation == "pagerduty")
    own = sorted(name for name, spec in users.items() if spec.escalation == "showup")
    found = []
    if many and (own or not policies):
        whose = f" by {together(own)}" if own else ""
        write = "write escalation: pagerduty in the policy, or give the service a policy of one level without repeats"
        found.append(_warn(f"it escalates by itself: {title} has {theirs}; so does showup{whose}", write))
    elif not many and left:
        what = f"{title} has one level, and {together(left)} leaves the rest to it: nobody else is told for 30 min"
        found.append(_warn(what, "give it a second level, or write escalation: showup"))
    elif many:
        found.append(
            _ok(f"it escalates, as {together(left)} {'say' if len(left) > 1 else 'says'}: {title} has {theirs}")
        )
    else:
        found.append(_ok(f"the policy {title} tells one level, and showup escalates"))
    return found


def _says(rules: Sequence[Mapping[str, Any]], loops: int) -> str:
    """`2 levels, 2 times over, the next after 5 min`."""
    delays = [one.get("escalation_delay_in_minutes") for one in rules]
    first = next((delay for delay in delays if isinstance(delay, int)), 0)
    times = f"{len(rules)} levels" if len(rules) != 1 else "one level"
    again = f", {loops + 1} times over" if loops else ""
    return f"{times}{again}, the next after {first} min"


def both(oncalls: Sequence[Mapping[str, Any]], around: Surroundings) -> list[Finding]:
    """People whom showup calls in the very level in which PagerDuty calls them."""
    there = {found.person for one in oncalls if one.get("escalation_level") == 1
             and (found := agent(one.get("user"), around)).person}  # fmt: skip
    twice: list[str] = []
    for spec in around.policies().values():
        for level in spec.levels:
            targets = [parse_target(target) for target in level.notify]
            if any(one.kind == "pagerduty" for one in targets):
                twice += [one.name for one in targets if one.kind == "person" and one.name in there]
    people = around.people()
    names = together([people[key].name for key in twice if key in people])
    if not names:
        return []
    what = f"{names} is called by showup and by PagerDuty in the same level"
    return [_warn(what, "take the person out of the level, or let pagerduty have a level of its own")]


def quiet(found: Service | None, loud: Service) -> list[Finding]:
    """Whether the second service is one, and wakes nobody."""
    if found is None:
        what = "the service of low_urgency_routing_key is not seen by api_key"
        return [_warn(what, "use a key that sees both services")]
    if found.get("id") == loud.get("id"):
        what = f"low_urgency_routing_key is of the very service that wakes people, {named(loud)}"
        return [_fault(what, "make a second service of low urgency and copy its key")]
    rule = found.get("incident_urgency_rule")
    if _constant(rule) in ("low", "severity_based"):
        return [_ok(f"drills and canary pages go to {named(found)} and wake nobody")]
    what = f"{named(found)}, where drills and canary pages go, does not have low urgency"
    return [_warn(what, "Services, the service, Settings, Incident Urgency: low")]


def hooks(found: Sequence[Mapping[str, Any]], service: Service) -> list[Finding]:
    """Whether a subscription sends here, is switched on, and tells all that is needed."""
    ours = [one for one in found if _address(one).rstrip("/").endswith("/pagerduty") and _covers(one, service)]
    where = "Integrations, Generic Webhooks (v3)"
    if not ours:
        return [
            _warn(
                "no webhook sends to /pagerduty for this service, though webhook_secret is set", f"{where}: New Webhook"
            )
        ]
    return [line for one in ours for line in _hook(one, where)]


def _hook(one: Mapping[str, Any], where: str) -> Iterable[Finding]:
    method = one.get("delivery_method")
    off = isinstance(method, Mapping) and bool(method.get("temporarily_disabled"))
    url = for_log(_address(one), 100)
    events = one.get("events")
    missing = [kind for kind in NEEDED if isinstance(events, list) and kind not in events]
    if one.get("active") is False or off:
        why = "PagerDuty switched it off after refusals" if off else "it is switched off"
        yield _warn(
            f"the webhook to {url} sends nothing: {why}; answers are polled", f"{where}: enable it, and test it"
        )
    elif missing:
        yield _warn(f"the webhook to {url} does not tell {', '.join(missing)}", f"{where}: select all incident events")
    else:
        yield _ok(f"the webhook to {url} is on")


def _address(one: Mapping[str, Any]) -> str:
    method = one.get("delivery_method")
    return str(method.get("url") or "") if isinstance(method, Mapping) else ""


def _covers(one: Mapping[str, Any], service: Service) -> bool:
    scope = one.get("filter")
    scope = scope if isinstance(scope, Mapping) else {}
    return scope.get("type") != "service_reference" or scope.get("id") == service.get("id")
