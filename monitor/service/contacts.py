"""Whom to tell about the daemon itself, read from a configuration that may be the very reason why it died."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alerts.book import Book
from monitor.config.book import book_of
from monitor.config.check import check
from monitor.config.merged import merge
from monitor.config.read import Source, read_file
from monitor.config.sections import MonitorSection
from probes.words.errors import ConfigError
from probes.words.secret import names_in

LAST_GOOD = "last-good"


@dataclass(frozen=True, slots=True)
class Contacts:
    """The alerting half of a configuration: `policy` is that of the monitor's own troubles, `secrets` the names that
    the channels and people refer to."""

    book: Book
    policy: str
    secrets: frozenset[str]
    files: tuple[Path, ...]


def files_of(place: Path) -> tuple[Path, ...]:
    """The files of a configuration, which may be a folder."""
    if not place.is_dir():
        return (place,)
    return tuple(sorted([*place.glob("*.yaml"), *place.glob("*.yml")]))


def read_contacts(place: Path) -> Contacts | None:
    """What holds of people, policies and channels, whatever is wrong elsewhere; None when nobody can be told.

    No script is looked at and no secret is needed.
    """
    sources, files = list[Source](), files_of(place)
    for file in files:
        try:
            source, problems = read_file(file, str(file))
        except (OSError, ConfigError):
            return None
        if problems:
            return None
        sources.append(source)
    merged, _ = merge(sources)
    try:
        checked = check(merged)
    except (AttributeError, TypeError):  # a section that is not even a mapping
        return None
    monitor = checked.one(MonitorSection, "monitor")
    policy = monitor.policy if monitor is not None else ""
    if policy not in checked.all("policies"):
        return None
    told = (merged.data.get("channels"), merged.data.get("people"))
    names = frozenset(name for part in told for name in names_in(part))
    return Contacts(book_of(merged, checked, checked.all("policies")), policy, names, files)


def first_of(places: Iterable[Path]) -> Contacts | None:
    """The contacts of the first place that has any."""
    return next((found for place in places if place.exists() and (found := read_contacts(place))), None)


def keep_last_good(state: Path, files: Sequence[Path]) -> None:
    """Keep a copy of these files, which reach somebody, for the day on which they no longer do."""
    folder = state / LAST_GOOD
    if any(file.parent == folder for file in files):
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    for file in files:
        part = folder / f".{file.name}.part"
        shutil.copyfile(file, part)
        os.replace(part, folder / file.name)
    names = {file.name for file in files}
    for old in files_of(folder):
        if old.name not in names:
            with contextlib.suppress(FileNotFoundError):
                old.unlink()
