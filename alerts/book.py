"""The alerting half of the configuration: whom to tell, how, and under which name the pages stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from alerts.people import Person
from alerts.policy import PolicySpec
from alerts.rotation import RotationSpec
from probes.words.section import Section


@dataclass(frozen=True, slots=True)
class Book:
    """People, rotations, policies and channels, checked. `zone` is the site's IANA time zone.

    `site_url` is the public status page, `web_url` where the daemon can be reached from outside; "" when there is none.
    """

    people: Mapping[str, Person] = field(default_factory=dict)
    rotations: Mapping[str, RotationSpec] = field(default_factory=dict)
    policies: Mapping[str, PolicySpec] = field(default_factory=dict)
    channels: Mapping[str, Section] = field(default_factory=dict)
    zone: str = "UTC"
    site_title: str = "Status"
    site_url: str = ""
    web_url: str = ""

    def wakes(self, person: str) -> bool:
        """True when something wakes this person at night: a phone, or PagerDuty, which a policy tells and which knows
        them by their id there."""
        known = self.people[person]
        told = any("pagerduty" in policy.targets for policy in self.policies.values())
        return known.rings or (known.pagerduty != "" and told and "pagerduty" in self.channels)
