"""The sections of the configuration file, each checking itself; people and policies live on their own floor."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from monitor.ledger.slo import parse_hours
from probes.target import checked_headers, host_name, locate
from probes.words.errors import Refused
from probes.words.secret import names_in
from probes.words.section import Section
from probes.words.units import Duration, Money, Percent, Size


def _is_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise ValueError(f"{name!r} is no time zone; write a name like Europe/Berlin or America/New_York") from None
    return name


def _is_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        holds = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an open bracket, or a port that is none
        holds = False
    if not holds:
        # What stands before the last @ may be a password.
        raise ValueError(f"{url.rpartition('@')[2]!r} is no address; write https://host or http://host:port")
    if "@" in parts.netloc:
        raise ValueError("the address holds a password; write auth: {basic: …} with ${secret:NAME}")
    try:
        locate(url)
    except Refused as error:
        raise ValueError(str(error)) from None
    return url.rstrip("/")


def _is_host(name: str) -> str:
    try:
        return host_name(name)
    except Refused:
        raise ValueError(f"{name!r} is not the name of a host; write one such as files.example.com") from None


def _are_headers(headers: dict[str, str]) -> dict[str, str]:
    try:
        checked_headers(headers)
    except Refused as error:
        raise ValueError(str(error)) from None
    return headers


def _is_secret(text: str) -> str:
    if not names_in(text):
        raise ValueError("a secret never stands in the file; write ${secret:NAME}")
    return text


def _are_hours(text: str) -> str:
    if text:
        parse_hours(text)
    return text


def _is_ping(text: str) -> str:
    return text if names_in(text) else _is_address(text)


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Zone = Annotated[str, AfterValidator(_is_zone)]
Address = Annotated[str, AfterValidator(_is_address)]
Words = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]
Hosts = Annotated[tuple[Annotated[str, AfterValidator(_is_host)], ...], BeforeValidator(_as_tuple)]
Headers = Annotated[dict[str, str], AfterValidator(_are_headers)]
SecretText = Annotated[str, AfterValidator(_is_secret)]


class SiteSection(Section):
    """The public status page: its title, the address under which people open it, and its time zone."""

    title: str = "Status"
    url: Address | None = None
    timezone: Zone = "UTC"


class MonitorSection(Section):
    """Who hears about showup's own troubles, and the outside address that is pinged while all is well."""

    policy: str
    dead_man: Annotated[str, AfterValidator(_is_ping)] | None = Field(
        default=None, description="address of an outside dead-man's switch, such as ${secret:PING}"
    )
    stale_after: Duration = timedelta(minutes=15)


class PublishSection(Section):
    """Where pages are put: folders (`to`) and commands, on change and at most every so often."""

    to: Words = ()
    run: Words = Field(default=(), description="commands, run without a shell; ${folder} is the folder of pages")
    at_most_every: Duration = timedelta(minutes=5)


class KeepSection(Section):
    """How long things are kept. Spans and incidents are kept for ever."""

    runs: Duration = timedelta(days=400)
    evidence: Duration = timedelta(days=90)
    disk: Size = 2_000_000_000


class WebSection(Section):
    """Where the daemon serves its own pages; `url` is the address under which people reach it from outside."""

    listen: str = "127.0.0.1:8470"
    url: Address | None = None

    @model_validator(mode="after")
    def _is_place(self) -> WebSection:
        host, colon, port = self.listen.rpartition(":")
        if self.listen and not (colon and host and port.isdecimal() and 0 <= int(port) < 65536):
            raise ValueError(f"{self.listen!r} is no place to listen; write 127.0.0.1:8470")
        return self


class SpendSection(Section):
    """What may be spent on a provider."""

    usd: Money = Decimal(1)
    per: Literal["day"] = "day"


class ProviderSection(Section):
    """A model provider that workflows depend on."""

    dialect: Literal["openai"] = "openai"
    url: Address | None = None
    key: SecretText | None = None
    model: str = ""
    spend: SpendSection = SpendSection()


class ClientSection(Section):
    """Whom a workflow serves. Without `public: true` its page stands under an address nobody can guess."""

    name: str
    live_since: date | None = None
    public: bool = False


class SloSection(Section):
    """The promised uptime over a rolling window, within `hours` such as "Mon-Fri 08:00-18:00"."""

    target: Percent
    window: Duration = timedelta(days=30)
    hours: Annotated[str, AfterValidator(_are_hours)] = ""


class BasicSection(Section):
    """A user and their password."""

    user: str
    password: SecretText


class AuthSection(Section):
    """How requests introduce themselves; exactly one of these."""

    bearer: SecretText | None = None
    basic: BasicSection | None = None
    header: Annotated[dict[str, SecretText], AfterValidator(_are_headers)] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> AuthSection:
        if sum(part is not None for part in (self.bearer, self.basic, self.header)) != 1:
            raise ValueError("auth needs one of these; write bearer, basic or header")
        return self


class ChatSection(Section):
    """How the workflow is talked to: its own endpoint (`post`, `send`, `reply`) or a known `dialect`."""

    dialect: Literal["openai"] | None = None
    model: str | None = None
    path: str | None = None
    post: str | None = None
    send: Any = None
    reply: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    system: str | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    stream: bool | None = None

    @model_validator(mode="after")
    def _is_one(self) -> ChatSection:
        if (self.post is None) == (self.dialect is None):
            raise ValueError("chat needs one of these; write post: /chat with send: and reply:, or dialect: openai")
        if self.post is not None and self.send is None:
            raise ValueError('chat does not say what is posted; write send: {message: "${ask}"}')
        return self


class TargetSection(Section):
    """Where requests may go and how they introduce themselves."""

    url: Address | None = None
    allow: Hosts = Field(default=(), description="further hosts that requests may go to")
    headers: Headers = Field(default_factory=dict)
    auth: AuthSection | None = None
    chat: ChatSection | None = None
    ca_file: str | None = None
    verify: bool = True
    allow_private: bool = False


class EnvironmentSection(TargetSection):
    """One environment of a workflow. Only production is scheduled and pages, unless `every` or `policy` is set."""

    every: Duration | None = None
    policy: str | None = None


def _short_environment(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


Environment = Annotated[EnvironmentSection, BeforeValidator(_short_environment)]


class WorkflowSection(TargetSection):
    """What is watched. `url` is short for `environments: {production: URL}`."""

    title: str | None = Field(default=None, min_length=1, max_length=80)
    promise: str = Field(default="", max_length=200)
    client: str | None = None
    owner: str | None = None
    policy: str | None = None
    timezone: Zone | None = None
    environments: dict[str, Environment] = Field(default_factory=dict)
    slo: SloSection | None = None
    runbook: str | None = None
    depends_on: Words = ()
    probes: dict[str, Any] = Field(default_factory=dict)


TOP = ("site", "monitor", "publish", "keep", "web", "store", "defaults", "channels", "people", "rotations", "policies",
       "providers", "clients", "workflows", "journeys")  # fmt: skip
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
    "clients": ClientSection,
    "workflows": WorkflowSection,
}
"""Sections under a name of the user's choice."""
