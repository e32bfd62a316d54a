"""Where the record of a service lies, read from a configuration that may be wrong everywhere else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from monitor.config.load import find
from monitor.config.read import read_file
from monitor.service import layout
from monitor.service.contacts import LAST_GOOD, files_of
from monitor.service.host import Host
from probes.words.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Record:
    """`url` as configured ("" for the default), `file` the SQLite file or None for PostgreSQL, `shown` for people."""

    url: str
    file: Path | None
    shown: str


def record_of(places: Iterable[Path], state: Path) -> Record:
    """The record that the first configuration which can be read names; raises StoreError when that is no address."""
    return record_at(next((found for place in places if (found := _store(place)) is not None), ""), state)


def record_at(url: str, state: Path) -> Record:
    """The record at an address; raises StoreError when it is none."""
    from monitor.store.connection import address, file_of

    where = address(url, state)
    file = file_of(where)
    return Record(url, file, str(file or where.render_as_string()))


def configuration_on(host: Host) -> Path:
    """What the service reads, or the last of it that was good."""
    try:
        return find(None, environ={}, folder=host.at(layout.CONFIG))
    except ConfigError:
        return host.at(layout.STATE / LAST_GOOD)


def record_on(host: Host) -> Record:
    """Where the record lies; in a dry run by a user who may not look, where it lies when nothing else is said."""
    try:
        return record_of([configuration_on(host), host.at(layout.STATE / LAST_GOOD)], layout.STATE)
    except PermissionError:
        if not host.dry:
            raise
        host.say(f"    (the configuration in {layout.CONFIG} is for root's eyes: the record may lie elsewhere)")
        return record_of([], layout.STATE)


def _store(place: Path) -> str | None:
    """What `store:` says, "" when it is not there, None when the configuration is no YAML or is not there at all."""
    if not place.exists():
        return None
    said = ""
    for file in files_of(place):
        source, problems = read_file(file, str(file))
        if problems:
            return None
        said = str(source.data.get("store") or said)
    return said
