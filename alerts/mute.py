"""Holding pages back, honestly: a mute has an author, a reason and an end, and holds levels only. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

OURS = "monitor"  # showup's own troubles: what mutes everything does not mute them


class Hold(Protocol):
    """What a mute is made of: `subject` is one subject, a workflow and its environments, or "" for every workflow."""

    @property
    def subject(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def lifted(self) -> int | None: ...
    @property
    def author(self) -> str: ...
    @property
    def reason(self) -> str: ...


H = TypeVar("H", bound=Hold)


def ends(mute: Hold) -> int:
    """When it ends: early, if somebody lifted it."""
    return mute.end if mute.lifted is None else min(mute.lifted, mute.end)


def concerns(mute: Hold, subject: str) -> bool:
    """True when the mute is about this subject."""
    if mute.subject == "":
        return subject != OURS
    return subject == mute.subject or subject.startswith(f"{mute.subject}/")


def covers(mute: Hold, subject: str, at: int) -> bool:
    """True when the mute holds pages of the subject at `at`."""
    return mute.start <= at < ends(mute) and concerns(mute, subject)


def until(mutes: Iterable[H], subject: str, at: int) -> H | None:
    """The mute that holds longest at `at`, or None."""
    return max((mute for mute in mutes if covers(mute, subject, at)), key=ends, default=None)
