"""Every channel by name; each is imported only when a configuration uses it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from alerts.oncall import ALWAYS
from probes.words.section import Section

if TYPE_CHECKING:
    from alerts.message import Channel

CHANNELS: Mapping[str, str] = MappingProxyType(
    {
        "slack": "alerts.channels.slack",
        "pagerduty": "alerts.channels.pagerduty",
        "ntfy": "alerts.channels.ntfy",
        "pushover": "alerts.channels.pushover",
        "apprise": "alerts.channels.apprise",
        "webhook": "alerts.channels.webhook",
        "console": "alerts.channels.console",
    }
)
"""Name in the configuration → folder. Each folder has `spec.Spec` and `send.open_channel(spec, around)`."""

IMPLIED = ALWAYS
"""Channels that serve with their defaults when a person or a policy names them and the configuration has no section."""


def spec_of(name: str) -> type[Section]:
    """The section of a channel's options; raises KeyError for a name that is none."""
    return cast("type[Section]", import_module(f"{CHANNELS[name]}.spec").Spec)


def with_implied(specs: Mapping[str, Section], named: set[str]) -> dict[str, Section]:
    """The configured sections, and defaults for those channels that are `named` and need no section."""
    return {**{name: spec_of(name)() for name in sorted(named & IMPLIED)}, **specs}


def open_channel(name: str, spec: Section, around: Any) -> Channel:
    """The channel, ready to send; `around` is `alerts.channels.kit.Surroundings`. Secrets are read when it sends."""
    return cast("Channel", import_module(f"{CHANNELS[name]}.send").open_channel(spec, around))
