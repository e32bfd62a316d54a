"""What keys mean that their models leave without a word, for the guide: people and channels are another floor's."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "store": "The database's address, as text: `sqlite:////path/showup.db` or `postgresql://user@host/name`.",
        "defaults": "Keys for every workflow and probe that does not have them itself.",
        "journeys": "Files of Python probes, as patterns from the folder of the file on: `[journeys/*.py]`.",
        "channels": "How people are told, by channel.",
        "people": "Who can be told.",
        "rotations": "Who takes turns.",
        "policies": "Whom to tell, when, and how often again.",
        "people.name": "What they are called in messages.",
        "people.slack": "Their member id there.",
        "people.pagerduty": "Their user id there.",
        "people.calendar": "The address of an iCal calendar of their absences, a secret: `${secret:NAME}`.",
        "people.phone": "What can ring at night, in order: `pushover:${secret:NAME}`, `ntfy:${secret:NAME}`, "
        "`apprise:${secret:NAME}`, or {to: …, after: 2m, rings: true}.",
        "rotations.people": "Names under people, in the order of their turns.",
        "rotations.starts": "The day of the first turn; needed from two people on.",
        "rotations.handoff": "The wall-clock time of the change: Mon 09:00 weekly, 1 09:00 monthly, else 09:00.",
        "rotations.shift": "How long a turn is: weekly, daily, monthly, or a length such as 12h or 3d.",
        "rotations.hours": "When it serves, such as Mon-Fri 08:00-18:00; always when empty.",
        "rotations.layers": "Several of these; the first that serves names the primary, the next who is asked then.",
        "rotations.timezone": "The handoff's time zone; the site's where none is set.",
        "rotations.pagerduty_schedule": "A schedule there that is asked instead, by its id.",
        "rotations.pagerduty_policy": "An escalation policy there that is asked instead, by its id.",
        "policies.levels": "The steps, rising in time.",
        "policies.repeat": "How often the whole ladder is climbed.",
        "policies.every": "The time between two climbs.",
        "policies.warnings": "Who gets what wakes nobody.",
        "policies.fallback": "Who is told when nobody was reached.",
        "policies.escalation": "Who climbs the ladder.",
        "policies.ack": "How long an acknowledgement holds.",
        "levels.at": "When it starts, counted from the page.",
        "levels.notify": (
            "Whom it tells: a person, `on-call:ROTATION`, `next:ROTATION`, `pagerduty`, `slack`, `slack:CHANNEL`, "
            "`ntfy:TOPIC`, `webhook:NAME`, `console`."
        ),
        "channels.token": "What showup introduces itself with there, a reference.",
        "channels.app_token": "What hears the buttons (xapp-…), a reference; without it they are left out.",
        "channels.channel": "Where it posts, by name or id.",
        "channels.routing_key": "The integration key of a service, a reference.",
        "channels.api_key": "A REST key, a reference; it reads acknowledgements and rotations back.",
        "channels.timeout": "How long one call may take, 100ms to 1m.",
        "channels.retry": "How often the phone rings again until it is taken.",
        "channels.expire": "When it stops ringing.",
        "channels.url": "Its address, or a secret that holds one.",
        "channels.sign": "The shared key of the signature, a reference.",
        "channels.endpoints": "Addresses of your own, by name.",
    }
)
