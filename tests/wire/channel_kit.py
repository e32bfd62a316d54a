"""What the tests of all channels share: surroundings without a daemon, an incident at night, and messages about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from alerts.channels.kit import OpenPage, Surroundings
from alerts.message import Answer, IncidentView, Message, Purpose, Reaction
from alerts.people import Person
from probes.words.clock import SystemClock
from probes.words.units import MINUTE

NIGHT = 1_795_406_400_000_000  # 23 November 2026, 04:00 UTC
ANA = Person("ana", "Ana Ash", "U012AB3CD", ("ntfy:${secret:ANA_PHONE}", "pushover:${secret:ANA_PUSH}"), "PUSER01")
BO = Person("bo", "Bo Birch", "U045EF6GH", ("ntfy:bo-rings",))
SECRETS = {
    "SLACK_BOT": "xoxb-sandbox",
    "SLACK_APP": "xapp-sandbox",
    "ANA_PHONE": "ana-rings",
    "HOOK": "a-key-of-the-hook",
}


def surroundings(
    secrets: Mapping[str, str] | None = None,
    *,
    pages: Iterable[OpenPage] = (),
    ack_url: str = "",
    people: Iterable[Person] = (ANA, BO),
) -> Surroundings:
    """What a channel may use of the daemon, without one."""
    known = {**SECRETS, **(secrets or {})}
    open_pages = list(pages)

    async def list_pages(channel: str) -> list[OpenPage]:
        return open_pages

    return Surroundings(
        secrets=lambda names: {name: known[name] for name in names},
        people=lambda: {person.key: person for person in people},
        clock=SystemClock(),
        open_pages=list_pages,
        ack_url=lambda incident, number, person: f"{ack_url}/{incident}/{number}/{person}" if ack_url else "",
    )


INCIDENT = IncidentView(
    public_id="I-7K2M",
    subject="northside-intake/production",
    title="Intake agent",
    headline="Intake agent answers wrongly",
    state="triggered",
    severity="critical",
    failure="wrong",
    sentence='$.time should equal "10:00", got "22:00"',
    blame="workflow",
    suspected=True,
    sure="3 of 3 attempts",
    began=NIGHT - 2 * MINUTE,
    opened=NIGHT,
    on_call="Ana Ash",
    next_on_call="Bo Birch",
    next_at=NIGHT + 5 * MINUTE,
    members=("books-a-cleaning",),
    runbook="https://wiki.example.com/intake",
    runbook_lines=("1. Look at the calendar.", "2. Restart the agent."),
    page_url="https://status.example.com",
    run="01JD7Q",
    zone="America/New_York",
)


def message(purpose: Purpose = Purpose.PAGE, *, view: IncidentView | None = INCIDENT, **more: Any) -> Message:
    """A message about the incident; `more` replaces what is sent by default."""
    plain: dict[str, Any] = {
        "channel": "slack",
        "target": "ops-alerts",
        "key": "I-7K2M.1",
        "marker": "n-1",
        "headline": "Intake agent answers wrongly",
        "text": "Paged Ana Ash",
    }
    return Message(purpose=purpose, incident=view, **(plain | more))


def acknowledged(view: IncidentView = INCIDENT) -> IncidentView:
    """The same incident after Ana has answered."""
    return replace(view, state="acknowledged", acked_by="Ana Ash", acked_at=NIGHT + MINUTE)


def resolved(view: IncidentView = INCIDENT) -> IncidentView:
    """The same incident after it recovered by itself."""
    return replace(view, state="resolved", resolved_at=NIGHT + 7 * MINUTE, resolved_by="2 runs that passed")


class Desk:
    """Takes reactions as the desk does, and remembers them."""

    def __init__(self, text: str = "Thank you, it is yours") -> None:
        self.reactions: list[Reaction] = []
        self.text = text

    async def react(self, reaction: Reaction) -> Answer:
        self.reactions.append(reaction)
        return Answer(accepted=True, text=self.text)
