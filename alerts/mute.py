"""Holding pages back, honestly: a mute has an author, a reason and an end, and holds levels only. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from alerts.tables import Mute


def covers(mute: Mute, subject: str, at: int) -> bool:
    """True when the mute holds pages of the subject at `at`; "" is every subject, a workflow's key all its
    environments."""
    if not mute.start <= at < (mute.lifted if mute.lifted is not None else mute.end):
        return False
    return mute.subject in ("", subject) or subject.startswith(f"{mute.subject}/")


def until(mutes: Iterable[Mute], subject: str, at: int) -> Mute | None:
    """The mute that holds longest at `at`, or None."""
    holding = [mute for mute in mutes if covers(mute, subject, at)]
    return max(holding, key=lambda mute: mute.end, default=None)
