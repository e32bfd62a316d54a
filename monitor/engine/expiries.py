"""When the certificates of watched hosts end: learned from every answer over https, kept over a restart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from monitor.config.catalog import Catalog
from monitor.store.queries.notes import read_note, remember
from probes.target import host_name, locate
from probes.words.units import SECOND

if TYPE_CHECKING:
    from sqlmodel import Session

    from monitor.engine.teller import Write

NOTE = "certificates"
MOST = 1_000  # hosts that are remembered, those that end soonest
LAST = 253_402_300_799 * SECOND  # µs; the end of the year 9999, which a certificate that never ends names


class Expiries:
    """The newest known end of each host's certificate: `known`, by host, µs since the epoch."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self._hosts: frozenset[str] = frozenset()
        self._kept: dict[str, int] = {}

    def watch(self, catalog: Catalog, kept: Any) -> None:
        """Follow the hosts of a catalog: what was `kept` of them is known again, all others are forgotten."""
        self._hosts = hosts_of(catalog)
        self._kept = kept if isinstance(kept, dict) else {}
        self.known = {host: ends for host, ends in {**self._kept, **self.known}.items() if self._holds(host, ends)}

    def learn(self, learned: Mapping[str, Any]) -> None:
        """Take over what an attempt saw; nearly always that is what was known, and costs a look-up."""
        found = learned.get("certificates")
        if not isinstance(found, dict):
            return
        for host, ends in found.items():
            if self.known.get(host) != ends and self._holds(host, ends):
                self.known[host] = ends

    def _holds(self, host: str, ends: Any) -> bool:
        """False for what no probe of ours can have seen: a host may have been taken over by what it watches."""
        return host in self._hosts and type(ends) is int and 0 < ends <= LAST

    def soonest(self) -> list[tuple[str, int]]:
        """(host, end) of all, the soonest first."""
        return sorted(self.known.items(), key=lambda pair: (pair[1], pair[0]))[:MOST]

    async def keep(self, write: Write, *, now: int) -> None:
        """Remember what is known, if that has changed since."""
        listed = dict(self.soonest())
        if listed != self._kept:
            await write(lambda session: remember(session, NOTE, listed, now=now))
            self._kept = listed


def kept_in(session: Session) -> Any:
    """What `keep` remembered."""
    return read_note(session, NOTE)


def hosts_of(catalog: Catalog) -> frozenset[str]:
    """Every host that a scheduled probe may reach, as answers name it."""
    found = set[str]()
    for probe in catalog.probes.values():
        if probe.scheduled:
            target = probe.job["target"]
            found.add(locate(str(target["url"])).host)
            found.update(map(host_name, target.get("allow") or ()))
    return frozenset(found)
