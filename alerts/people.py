"""People: who they are, and what can ring for them at night."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from probes.words.secret import REFERENCE
from probes.words.section import Section
from probes.words.units import Duration, micros_of, say_duration

# What rings is a channel of the same name. A Pushover key lets anybody ring that person, so it is always a secret.
PHONES: Mapping[str, str] = MappingProxyType(
    {
        "ntfy": "ntfy:${secret:NAME}",
        "pushover": "pushover:${secret:NAME}",
        "apprise": "apprise:${secret:NAME}",
    }
)
RINGING = frozenset({"ntfy", "pushover"})  # of the others only the person who wrote them down knows
LATEST = timedelta(minutes=30)
_SLACK_ID = re.compile(r"[UW][A-Z0-9]{5,20}\Z")
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


def split_phone(entry: str) -> tuple[str, str]:
    """(channel, address) of a `phone:` entry, its secret still a reference; raises ValueError with what to write."""
    scheme, colon, address = entry.partition(":")
    if scheme in ("sms", "tel", "call"):
        raise ValueError(f"showup does not send {scheme}: itself; write {PHONES['apprise']}, or page through pagerduty")
    if not colon or scheme not in PHONES:
        raise ValueError(f"{entry.partition('$')[0]!r} cannot ring; write {' or '.join(PHONES.values())}")
    secret = REFERENCE.fullmatch(address) is not None
    if not secret and (scheme != "ntfy" or not _TOPIC.match(address)):
        raise ValueError(f"the address after {scheme}: is a secret; write {PHONES[scheme]}")
    return scheme, address


def _is_phone(entry: str) -> str:
    split_phone(entry)
    return entry


class PhoneSpec(Section):
    """A phone that rings later: `after` that long without an answer. `rings`: it wakes somebody at night."""

    to: Annotated[str, AfterValidator(_is_phone)]
    after: Duration = timedelta(0)
    rings: bool | None = None

    @field_validator("after")
    @classmethod
    def _is_soon(cls, after: timedelta) -> timedelta:
        if not timedelta(0) <= after <= LATEST:
            raise ValueError(f"a phone rings within {say_duration(LATEST)} of the page; write after: 2m")
        return after


def _as_phone(value: object) -> object:
    return {"to": value} if isinstance(value, str) else value


Phone = Annotated[PhoneSpec, BeforeValidator(_as_phone, json_schema_input_type=str | PhoneSpec)]


def _is_slack_id(text: str) -> str:
    if not _SLACK_ID.match(text):
        raise ValueError("not a Slack member id; write U012AB3CD (profile, three dots, Copy member ID)")
    return text


def _is_secret_text(text: str) -> str:
    if REFERENCE.fullmatch(text) is None:
        raise ValueError("the address of a calendar is a secret; write ${secret:NAME}")
    return text


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str | dict) else value


class PersonSpec(Section):
    """A person: `phone` lists what can ring at night, in order; `slack` and `pagerduty` are their ids there.

    `calendar` is the address of an iCal calendar of their absences, a secret: who has it reads it.
    """

    name: str = Field(min_length=1, max_length=80)
    slack: Annotated[str, AfterValidator(_is_slack_id)] | None = None
    pagerduty: str | None = Field(default=None, max_length=80)
    calendar: Annotated[str, AfterValidator(_is_secret_text)] | None = None
    phone: Annotated[
        tuple[Phone, ...],
        BeforeValidator(_as_tuple, json_schema_input_type=str | PhoneSpec | tuple[str | PhoneSpec, ...]),
    ] = ()

    @model_validator(mode="after")
    def _rings_at_once(self) -> PersonSpec:
        if self.phone and all(one.after for one in self.phone):
            raise ValueError("every phone waits, so nobody is told at once; take `after` from the first")
        return self


@dataclass(frozen=True, slots=True)
class Person:
    """A person as the daemon knows them; secrets in `phone` are still references. `after` is how long each phone waits
    for an answer elsewhere (µs), `ring` which of them wake somebody; both as long as `phone`, or empty for the usual.
    `slack_at` is where their Slack id stands: file, line and column.
    """

    key: str
    name: str
    slack: str = ""
    phone: tuple[str, ...] = ()
    pagerduty: str = ""
    calendar: str = ""
    after: tuple[int, ...] = ()
    ring: tuple[bool, ...] = ()
    slack_at: tuple[str, int, int] = field(default=("", 0, 0), compare=False)

    @property
    def rings(self) -> bool:
        """True when something of theirs wakes them at night."""
        return any(self.ring) if self.ring else any(entry.partition(":")[0] in RINGING for entry in self.phone)

    def waits(self, number: int) -> int:
        """How long the phone `number` waits for an answer elsewhere, µs."""
        return self.after[number] if number < len(self.after) else 0

    @classmethod
    def of(cls, key: str, spec: PersonSpec, *, slack_at: tuple[str, int, int] = ("", 0, 0)) -> Person:
        """The person that stands under `key` in the configuration."""
        phones = spec.phone
        rings = [one.rings if one.rings is not None else one.to.partition(":")[0] in RINGING for one in phones]
        return cls(
            key,
            spec.name,
            spec.slack or "",
            tuple(one.to for one in phones),
            spec.pagerduty or "",
            spec.calendar or "",
            tuple(micros_of(one.after) for one in phones),
            tuple(rings),
            slack_at=slack_at,
        )


def phone_reference(person: str, number: int) -> str:
    """The name of a phone entry that may be stored and shown: `ana/phone/0`, never the secret."""
    return f"{person}/phone/{number}"


def find_phone(reference: str, people: Mapping[str, Person]) -> str | None:
    """The `phone:` entry that a reference names, its secret still a reference; None when it is gone or no reference."""
    key, middle, number = (*reference.split("/"), "", "")[:3]
    person = people.get(key)
    if person is None or middle != "phone" or not number.isdecimal() or int(number) >= len(person.phone):
        return None
    return person.phone[int(number)]


def find_person(people: Mapping[str, Person], *, slack: str = "", pagerduty: str = "", name: str = "") -> Person | None:
    """The person with that Slack or PagerDuty id, else the only one with that very name."""
    for person in people.values():
        if (slack and person.slack == slack) or (pagerduty and person.pagerduty == pagerduty):
            return person
    wanted = name.casefold().strip()
    named = [person for person in people.values() if wanted and person.name.casefold().strip() == wanted]
    return named[0] if len(named) == 1 else None
