"""The sections of the configuration file, each checking itself; people and policies live on their own floor."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from monitor.config.action_section import ActionSection
from monitor.config.burn_section import BurnSection
from monitor.config.canary_page_section import CanaryPageSection
from monitor.config.catalog import EXPIRY
from monitor.config.chat_section import ChatSection
from monitor.config.drill_section import DrillSection, PlannedDrillSection
from monitor.config.forms import (
    Address,
    Addresses,
    Age,
    Ages,
    Headers,
    Hosts,
    Hours,
    Period,
    Ping,
    SecretHeaders,
    SecretText,
    Words,
    Zone,
)
from monitor.config.items_section import ItemsSection
from monitor.config.maintenance_section import MaintenanceSection
from monitor.config.provider_section import ProviderSection
from probes.signs import Version
from probes.words.section import Section
from probes.words.units import Duration, Percent, Size


class SiteSection(Section):
    """The public status page: its title, the address under which people open it, and its time zone."""

    title: str = Field(default="Status", description="What the page is called.")
    url: Address | None = Field(default=None, description="Its address; messages link to it.")
    timezone: Zone = Field(default="UTC", description="IANA name; days on the page and rotations follow it.")


class MonitorSection(Section):
    """Who hears about showup's own troubles, and the outside address that is pinged while all is well."""

    policy: str = Field(description="The policy that showup's own troubles follow.")
    dead_man: Ping | None = Field(
        default=None, description="The address of an outside dead-man's switch, such as ${secret:PING}."
    )
    references: Addresses = Field(
        default=(),
        description="Addresses of others, asked when a target cannot be reached: if none can, the network is ours.",
    )
    stale_after: Age = Field(default=timedelta(minutes=15), description="The age from which a page calls itself stale.")
    canary_page: CanaryPageSection | None = Field(
        default=None, description="A page of low urgency each day, through the real provider."
    )


class PublishSection(Section):
    """Where pages are put: folders (`to`) and commands, on change and at most every so often."""

    to: Words = Field(default=(), description="Folders that get the pages, renamed into place.")
    run: Words = Field(default=(), description="Commands, run without a shell; ${folder} is the folder of pages.")
    at_most_every: Duration = Field(
        default=timedelta(minutes=5), description="The least time between two routine publications."
    )
    escalation: Literal["names", "roles"] | None = Field(
        default=None, description="Puts the escalation procedure on a page of its own, with names or with roles alone."
    )


class KeepSection(Section):
    """How long things are kept. Spans and incidents are kept for ever."""

    runs: Age = Field(default=timedelta(days=400), description="Single runs.")
    evidence: Age = Field(default=timedelta(days=90), description="What was seen in failed runs.")
    disk: Size = Field(default=2_000_000_000, description="The room that evidence may take.")


class WebSection(Section):
    """Where the daemon serves its own pages; `url` is the address under which people reach it from outside."""

    listen: str = Field(default="127.0.0.1:8470", description='HOST:PORT; "" for the Unix socket alone.')
    url: Address | None = Field(default=None, description="Where people reach it from outside.")

    @model_validator(mode="after")
    def _is_place(self) -> WebSection:
        host, colon, port = self.listen.rpartition(":")
        if self.listen and not (colon and host and port.isdecimal() and 0 <= int(port) < 65536):
            raise ValueError(f"{self.listen!r} is no place to listen; write 127.0.0.1:8470")
        return self


class KeySection(Section):
    """A key or token that ends one day, and is told of in time."""

    secret: SecretText | None = Field(
        default=None, description="The secret it is, a reference: a JWT says itself when it ends."
    )
    expires: date | None = Field(default=None, description="The day on which it ends.")
    rotated: date | None = Field(default=None, description="The day on which it was made, beside `max_age`.")
    max_age: Age | None = Field(default=None, description="How long it may be used from then on.")
    renew: str = Field(default="", max_length=200, description="How or where it is renewed; it stands in the message.")
    workflows: Words = Field(default=(), description="Whom it serves, beside those that use its secret.")

    @model_validator(mode="after")
    def _ends(self) -> KeySection:
        if (self.rotated is None) != (self.max_age is None):
            raise ValueError("rotated and max_age belong together; write rotated: 2026-11-01 and max_age: 90d")
        if self.expires is not None and self.rotated is not None:
            raise ValueError("expires and rotated are two answers to one question; keep one")
        if self.expires is None and self.rotated is None and self.secret is None:
            raise ValueError("a key that does not say when it ends; write expires: 2027-01-31")
        return self


class ClientSection(Section):
    """Whom a workflow serves. Without `public: true` its page stands under an address nobody can guess."""

    name: str = Field(description="What people call it.")
    live_since: date | None = Field(default=None, description="When it went live.")
    public: bool = Field(default=False, description="True puts it on the shared page.")


class SloSection(Section):
    """The promised uptime over a rolling window, within `hours` such as "Mon-Fri 08:00-18:00"."""

    target: Percent = Field(description="The promised uptime.")
    window: Age = Field(default=timedelta(days=30), description="The rolling window it is promised over.")
    hours: Hours = Field(default="", description="Agreed hours; around the clock when empty.")
    burn: bool | tuple[BurnSection, ...] = Field(
        default=True, description="Alerts on how fast the error budget is spent: the usual ones, none, or your own."
    )


class FlagsSection(Section):
    """When answers that people or the app flagged as wrong open an incident."""

    above: int = Field(default=3, ge=0, le=10_000, description="More than so many open one.")
    within: Age = Field(default=timedelta(hours=24), description="The time in which they are counted.")
    severity: Literal["critical", "error", "warning", "info"] = Field(default="warning", description="Who is woken.")


class BasicSection(Section):
    """A user and their password."""

    user: str = Field(description="Its name.")
    password: SecretText = Field(description="A reference.")


class AuthSection(Section):
    """How requests introduce themselves; exactly one of these."""

    bearer: SecretText | None = Field(default=None, description="A bearer token, a reference.")
    basic: BasicSection | None = Field(default=None, description="User and password.")
    header: SecretHeaders | None = Field(default=None, description="Headers whose values are references.")

    @model_validator(mode="after")
    def _is_one(self) -> AuthSection:
        if sum(part is not None for part in (self.bearer, self.basic, self.header)) != 1:
            raise ValueError("auth needs one of these; write bearer, basic or header")
        return self


class TargetSection(Section):
    """Where requests may go and how they introduce themselves."""

    url: Address | None = Field(default=None, description="Where it is; paths of probes continue it.")
    allow: Hosts = Field(default=(), description="Further hosts that requests may go to.")
    headers: Headers = Field(default_factory=dict, description="Headers of every request.")
    auth: AuthSection | None = Field(default=None, description="How requests introduce themselves.")
    chat: ChatSection | None = Field(default=None, description="How it is talked to.")
    ca_file: str | None = Field(default=None, description="Authorities to trust instead of the system's.")
    verify: bool = Field(default=True, description="False takes any certificate: for tests alone.")
    allow_private: bool = Field(default=False, description="True lets it be in a private network.")


class EnvironmentSection(TargetSection):
    """One environment of a workflow. Only production is scheduled and pages, unless `every` or `policy` is set."""

    every: Period | None = Field(
        default=None, description="The period of its probes, instead of their own; cron stays."
    )
    policy: str | None = Field(default=None, description="Who is told, instead of the workflow's.")


def _short_environment(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


Environment = Annotated[EnvironmentSection, BeforeValidator(_short_environment)]


class WorkflowSection(TargetSection):
    """What is watched. `url` is short for `environments: {production: URL}`."""

    title: str | None = Field(
        default=None, min_length=1, max_length=80, description="Its name on the page; else its key in words."
    )
    promise: str = Field(default="", max_length=200, description="What it does for a customer, in a sentence.")
    client: str | None = Field(default=None, description="Whom it serves: a name under clients.")
    owner: str | None = Field(default=None, description="Who looks after it: a name under people.")
    policy: str | None = Field(default=None, description="Who is told when it fails: a name under policies.")
    timezone: Zone | None = Field(default=None, description="The time zone of its probes' cron and dates.")
    environments: dict[str, Environment] = Field(
        default_factory=dict, description="Where it runs, by name: an address, or a section."
    )
    slo: SloSection | None = Field(default=None, description="The promised uptime.")
    runbook: str | None = Field(
        default=None, description="A file beside the configuration, or an address; its first lines are in every page."
    )
    depends_on: Words = Field(default=(), description="Names under providers.")
    version: Version | None = Field(
        default=None,
        description="Where it says which version answers: $.version, {header: …} or {get: /version, json: …}.",
    )
    expiry: Ages = Field(
        default=EXPIRY, description="How long before a certificate, key or interface ends people are told; [] never."
    )
    headroom: Percent = Field(
        default=Decimal(20), description="The share of a rate limit that should be left; less is a warning, 0% never."
    )
    flags: FlagsSection = Field(
        default=FlagsSection(), description="When answers that were flagged as wrong open an incident."
    )
    reports: bool = Field(
        default=False, description="True puts a link on its page by which customers report that something is wrong."
    )
    drill: DrillSection = Field(
        default=DrillSection(), description="What holds of an answer while the model fails, for `showup drill`."
    )
    probes: dict[str, Any] = Field(default_factory=dict, description="What is tried, by name.")
    items: ItemsSection | None = Field(
        default=None, description="Where it is asked how many real items passed while a failure went unnoticed."
    )
    actions: dict[str, ActionSection] = Field(
        default_factory=dict, max_length=10, description="What people may have done by pressing a button, by name."
    )


TOP = ("site", "monitor", "publish", "keep", "web", "store", "defaults", "channels", "people", "rotations", "policies",
       "providers", "keys", "clients", "workflows", "maintenance", "drills", "journeys")  # fmt: skip
"""Every key that may stand at the top of the file."""

SINGLE: dict[str, type[Section]] = {
    "site": SiteSection,
    "monitor": MonitorSection,
    "publish": PublishSection,
    "keep": KeepSection,
    "web": WebSection,
}
"""Sections that stand once."""

NAMED: dict[str, type[Section]] = {
    "providers": ProviderSection,
    "keys": KeySection,
    "clients": ClientSection,
    "workflows": WorkflowSection,
    "maintenance": MaintenanceSection,
    "drills": PlannedDrillSection,
}
"""Sections under a name of the user's choice."""
