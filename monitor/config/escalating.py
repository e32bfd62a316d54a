"""Who escalates: policies that PagerDuty has a part in, and what of them nobody probably means."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.ladder import RESUMES_AFTER
from alerts.policy import PEOPLE, PolicySpec, parse_target
from alerts.rotation import RotationSpec
from monitor.config.check import Checked
from monitor.config.merged import Merged
from monitor.config.sections import WebSection
from probes.words.errors import Problem
from probes.words.units import micros_of, say_duration

RESUMES = say_duration(RESUMES_AFTER)


def problems(merged: Merged, checked: Checked) -> list[Problem]:
    """Policies that are left to a PagerDuty which is not set up, and rotations that it cannot be asked about."""
    found = list[Problem]()
    spec = checked.channels.get("pagerduty")
    for key, policy in checked.all("policies").items():
        if policy.escalation == "pagerduty" and spec is None and not checked.exists("channels", "pagerduty"):
            what = f"{key} is left to PagerDuty, which is not set up: nobody would escalate it"
            write = "add pagerduty: with routing_key: under channels:, or write escalation: showup"
            found.append(merged.problem(("policies", key, "escalation"), what, write))
    for key, rotation in checked.all("rotations").items():
        if rotation.reads_pagerduty and spec is not None and getattr(spec, "api_key", None) is None:
            what = f"{key} is read from PagerDuty, and there is no key to read it with: nobody would be on call"
            write = 'add api_key: "${secret:NAME}" under channels: pagerduty'
            found.append(merged.problem(("rotations", key), what, write, key=True))
    return found


def doubts(merged: Merged, checked: Checked) -> list[str]:
    """A line for each, with its place and what to write."""
    found = list[str]()
    for key, policy in checked.all("policies").items():
        found += _both(merged, key, policy)
        found += _left(merged, checked, key, policy)
        found += _twice(merged, checked, key, policy)
        found += _again(merged, key, policy)
    return [*found, *_unheard(merged, checked)]


def _people(targets: tuple[str, ...]) -> bool:
    return any(parse_target(target).kind in PEOPLE - {"pagerduty"} for target in targets)


def _both(merged: Merged, key: str, policy: PolicySpec) -> Iterator[str]:
    """showup goes on after the level that tells PagerDuty, and nothing says which of the two escalates."""
    if "escalation" in policy.model_fields_set:
        return
    told = [number for number, level in enumerate(policy.levels) if "pagerduty" in level.notify]
    later = [level for level in policy.levels[told[0] + 1 :] if _people(level.notify)] if told else []
    if later:
        at = say_duration(micros_of(later[0].at))
        what = f"{key} tells PagerDuty at level {told[0] + 1} and goes on to others at {at}: "
        what += "two systems wake people, if the service's policy there has several levels"
        write = "write escalation: showup if it has one, or escalation: pagerduty; showup doctor looks"
        yield str(merged.problem(("policies", key, "levels", told[0]), what, write))


def _left(merged: Merged, checked: Checked, key: str, policy: PolicySpec) -> Iterator[str]:
    """PagerDuty escalates: showup's own levels wait, and an answer there has to be heard here."""
    if policy.escalation != "pagerduty":
        return
    if len(policy.levels) > 1 and micros_of(policy.levels[1].at - policy.levels[0].at) < RESUMES_AFTER:
        at = say_duration(micros_of(policy.levels[1].at))
        what = f"level 2 of {key} says {at} and starts {RESUMES} after PagerDuty was told, as that escalates until then"
        write = f"write at: {RESUMES}, or escalation: showup"
        yield str(merged.problem(("policies", key, "levels", 1), what, write))
    spec = checked.channels.get("pagerduty")
    if spec is not None and getattr(spec, "api_key", None) is None and not getattr(spec, "webhook_secret", ()):
        what = f"an answer in PagerDuty is not heard here, so {key} goes on after {RESUMES} whoever is on it"
        write = 'add api_key: "${secret:NAME}" under channels: pagerduty'
        yield str(merged.problem(("policies", key, "escalation"), what, write))


def _twice(merged: Merged, checked: Checked, key: str, policy: PolicySpec) -> Iterator[str]:
    """A rotation that PagerDuty keeps beside PagerDuty itself, in one level: one person, called twice."""
    rotations: dict[str, RotationSpec] = checked.all("rotations")
    for number, level in enumerate(policy.levels):
        if "pagerduty" not in level.notify and not (number == 0 and policy.escalation == "pagerduty"):
            continue
        for at, target in enumerate(level.notify):
            meant = parse_target(target)
            spec = rotations.get(meant.name)
            if meant.kind == "on-call" and spec is not None and spec.reads_pagerduty:
                what = f"{target} is whom PagerDuty names, and it is told in the same level: one person, called twice"
                yield str(
                    merged.problem(("policies", key, "levels", number, "notify", at), what, "keep one of the two")
                )


def _again(merged: Merged, key: str, policy: PolicySpec) -> Iterator[str]:
    """PagerDuty told twice in a round: the second event has the key of the first, and wakes nobody there."""
    told = [number for number, level in enumerate(policy.levels) if "pagerduty" in level.notify]
    for number in told[1:]:
        what = f"level {number + 1} of {key} tells PagerDuty again, which knows of it since level {told[0] + 1} "
        what += "and wakes nobody for it"
        write = "name a person, or let the service's policy there have several levels and write escalation: pagerduty"
        yield str(merged.problem(("policies", key, "levels", number), what, write))


def _unheard(merged: Merged, checked: Checked) -> Iterator[str]:
    """Webhooks that nothing from outside can bring."""
    spec, web = checked.channels.get("pagerduty"), checked.one(WebSection, "web")
    if spec is None or not getattr(spec, "webhook_secret", ()):
        return
    if web is not None and not web.listen:
        what, write = "web: listen is off, so PagerDuty's webhooks reach nothing", "write web: {listen: 127.0.0.1:8470}"
    elif web is None or not web.url:
        what = "nothing says under which address PagerDuty's webhooks arrive"
        write = "add web: {url: https://…}, the address that leads to its port, and send them to it with /pagerduty"
    else:
        return
    yield str(merged.problem(("channels", "pagerduty", "webhook_secret"), what, write))
