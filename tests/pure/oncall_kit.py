"""A book with just what on-call needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from alerts.people import Person
from alerts.rotation import RotationSpec


class Book:
    """People, rotations, channels and a zone, as the resolver sees them."""

    def __init__(
        self,
        people: Iterable[Person],
        rotations: Mapping[str, RotationSpec] | None = None,
        *,
        channels: Mapping[str, Any] | None = None,
        zone: str = "UTC",
    ) -> None:
        self.people = {person.key: person for person in people}
        self.rotations = dict(rotations or {})
        self.channels = dict(channels or {})
        self.zone = zone
