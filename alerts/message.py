"""What a channel is given to send, and what it gives back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

RECOVERED = "recovery"
REMOVED = "a change of the configuration"
"""What ended an incident that nobody resolved: its probes passed, or they were taken out while they failed."""


ESCALATION = 1  # the rank of a page that is not an incident's first


class Purpose(StrEnum):
    """Why a message is sent, in the order in which a queue drains."""

    PAGE = "page"  # a level of an incident to a person, an on-call service or a channel
    ACK = "ack"  # tells others that somebody answered
    RESOLVE = "resolve"  # tells that it recovered
    REFRESH = "refresh"  # edit what was posted to show the incident as it is now
    NOTE = "note"  # a line in the incident's thread
    WARNING = "warning"  # a warning-severity post, once
    INFO = "info"  # handoffs, reminders
    TEST = "test"  # showup notify PERSON --test
    EMERGENCY = "emergency"  # from memory, the store being broken

    @property
    def rank(self) -> int:
        """0 is sent first: an incident's first page, or an emergency; then further pages (`ESCALATION`), and the rest
        in order.
        """
        return 0 if self in (Purpose.PAGE, Purpose.EMERGENCY) else ESCALATION + list(Purpose).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """One line of an incident's timeline."""

    at: int
    kind: str
    text: str
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionView:
    """Something that a person may have done by pressing a button, once they confirmed it: `actions:` of a workflow."""

    key: str
    title: str
    confirm: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What the keeper knows of an incident beside its rows: what was seen, what was last good, what can be pressed.

    `excerpt` is what the failing run was answered, `good` what the last good one was; `checks` are the probes that
    "check now" runs; `rehearsed` says when its runbook was last rehearsed; `exposed` what may have gone wrong unseen.
    """

    excerpt: str = ""
    good: str = ""
    good_at: int | None = None
    checks: tuple[str, ...] = ()
    actions: tuple[ActionView, ...] = ()
    rehearsed: str = ""
    exposed: str = ""
    report_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentView:
    """An incident as it is at the moment of sending, in plain values; every text in it is hostile until encoded.
    Times: µs, None = not yet."""

    public_id: str
    subject: str
    title: str
    headline: str  # first 80 characters say workflow and failure
    state: str  # triggered, acknowledged, resolved
    severity: str
    failure: str = ""
    notice: str = ""  # what a customer notices, in a few words
    sentence: str = ""
    blame: str = ""
    suspected: bool = True
    sure: str = ""
    began: int = 0
    opened: int = 0
    paged_at: int | None = None
    acked_at: int | None = None
    acked_by: str = ""
    resolved_at: int | None = None
    resolved_by: str = ""
    round: int = 1
    level: int = 0
    on_call: str = ""  # names of who is being told now
    next_on_call: str = ""  # who is woken next
    next_at: int | None = None
    members: tuple[str, ...] = ()  # failing probes
    runbook: str = ""  # its address, never localhost; "" when there is none
    runbook_lines: tuple[str, ...] = ()
    page_url: str = ""  # public address of the incident or status page, "" when none
    run: str = ""
    left_to: str = ""  # the incident that speaks for it, "" when it speaks for itself
    spoken_at: int | None = None  # when that one paged
    heard_at: int | None = None  # when somebody answered it
    context: tuple[str, ...] = ()  # what else happened then, and what the provider says of itself
    drill: bool = False
    simulated: bool = False
    nobody_reached: bool = False
    zone: str = "UTC"
    urgent: bool = True  # False: a drill or a canary page, with low urgency
    noticed_by: str = "showup"
    reported_at: int | None = None  # when a customer's report came
    last_good: int | None = None
    merged_into: str = ""  # the public id of the incident that speaks for it since somebody said so
    beside: Beside = field(default_factory=Beside)
    events: tuple[EventView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message for one target on one channel.

    `key` is the provider's dedup key (made of incident id and round) and never changes within a round. `marker` is
    unique to this
    notification: a channel without deduplication searches for it before it repeats a post of unknown outcome
    (`repeat` is True then).
    `receipt` is the receipt of the message to edit or answer in thread, if any was delivered.
    """

    purpose: Purpose
    channel: str
    target: str  # Slack channel or user, topic, routing key's name, URL name; never a secret value itself
    key: str
    marker: str
    headline: str
    text: str  # a few plain lines for channels without layout
    incident: IncidentView | None = None
    urgent: bool = True
    person: str = ""
    receipt: dict[str, Any] | None = None
    repeat: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The provider's word that it has the message. `verified` False: accepted, and nothing yet shows that anybody is
    told."""

    channel: str
    id: str
    detail: dict[str, Any] = field(default_factory=dict)
    verified: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What a person or service did through a channel: `ack`, `resolve`, `snooze`; `by` is who, `via` the channel.

    `check` asks for a run of what fails now, `act` for the action that `said["action"]` names, `severity` says that it
    is as severe as `said["severity"]`, `report` says that a customer noticed something (`incident` is the workflow,
    `said["text"]` what), `reassign` names who has it now. `flag` says that an answer was wrong: `incident` is then its
    workflow, `said` what was asked, answered and expected.
    `service` is True when no person did it, such as PagerDuty's own resolve after four hours.
    """

    action: str
    incident: str  # public id, or the key of a message
    by: str
    via: str
    at: int | None = None
    person: str = ""  # key of a known person, when recognised
    round: int | None = None
    service: bool = False
    said: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What to tell whoever pressed: accepted or not, and a polite sentence."""

    accepted: bool
    text: str


React = Callable[[Reaction], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of doctor's report: `level` ok, warning or fault; what was seen; what to do."""

    level: str
    what: str
    write: str = ""


class Channel(Protocol):
    """A provider of messages. `send` raises DeliveryError (permanent, unknown, retry_after); nothing else escapes
    it."""

    name: str

    async def send(self, message: Message) -> Receipt: ...
    async def listen(self, react: React) -> None: ...
    async def verify(self, key: str) -> dict[str, Any] | None: ...
    async def doctor(self) -> list[Finding]: ...
    async def close(self) -> None: ...
