"""The base of every config section: frozen, and an unknown key is refused with the nearest right name."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A checked piece of configuration; it never changes after it was read."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, populate_by_name=True)
