"""The keys that are written down, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from monitor.config.catalog import Key
from monitor.config.check import Checked
from monitor.config.merged import Merged
from monitor.config.references import Refer
from monitor.config.sections import KeySection
from probes.words.clock import micros
from probes.words.errors import Problem
from probes.words.secret import names_in
from probes.words.token import ends_of
from probes.words.units import micros_of


def keys_of(checked: Checked) -> dict[str, Key]:
    """Every key that held."""
    return {name: _key(name, section) for name, section in checked.all("keys").items()}


def _key(name: str, section: KeySection) -> Key:
    day = section.expires or section.rotated
    ends = micros(datetime(day.year, day.month, day.day, tzinfo=UTC)) if day is not None else 0
    ends += micros_of(section.max_age) if section.max_age is not None else 0
    return Key(name, ends, _secret(section), section.renew, section.workflows)


def _secret(section: KeySection) -> str:
    return next(iter(sorted(names_in(section.secret or ""))), "")


def keys(merged: Merged, checked: Checked, secret: Callable[[str], str | None]) -> list[Problem]:
    """Keys that serve what there is not, and those of which nobody knows when they end."""
    refer, found = Refer(merged, checked), list[Problem]()
    for name, section in checked.all("keys").items():
        for number, workflow in enumerate(section.workflows):
            found += refer.named("workflows", workflow, ("keys", name, "workflows", number))
        value = secret(_secret(section)) if section.secret else None
        if value is not None and section.expires is None and section.rotated is None and ends_of(value) is None:
            what = f"the secret of {name} does not say when it ends: it is no JWT with exp"
            found.append(merged.problem(("keys", name, "secret"), what, "write expires: 2027-01-31 beside it"))
    return found
