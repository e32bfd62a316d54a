"""The alerting half of a configuration: who is called, how and over what."""

from __future__ import annotations

from collections.abc import Mapping

from alerts.book import Book
from alerts.channel_table import with_implied
from alerts.people import Person
from alerts.policy import PolicySpec, parse_target
from monitor.config.check import Checked
from monitor.config.merged import Merged
from monitor.config.sections import SiteSection, WebSection


def book_of(merged: Merged, checked: Checked, policies: Mapping[str, PolicySpec]) -> Book:
    """People, rotations, policies and channels, with those channels that are named and need no options."""
    site = checked.one(SiteSection, "site") or SiteSection()
    web = checked.one(WebSection, "web") or WebSection()
    people = {
        key: Person.of(key, spec, slack_at=merged.position(("people", key, "slack")))
        for key, spec in checked.all("people").items()
    }
    named = {parse_target(target).kind for policy in policies.values() for target in policy.targets}
    named |= {entry.partition(":")[0] for person in people.values() for entry in person.phone}
    return Book(
        people=people,
        rotations=dict(checked.all("rotations")),
        policies=dict(policies),
        channels=with_implied(checked.channels, named),
        zone=site.timezone,
        site_title=site.title,
        site_url=site.url or "",
        web_url=web.url or "",
    )
