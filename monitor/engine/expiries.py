"""When things end on which workflows depend: certificates of watched hosts, keys, interfaces that were given notice.

Certificates and notices are learned from ordinary answers, keys are written down or say it themselves; all of it is
kept over a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from monitor.config.catalog import Catalog, Probe
from monitor.engine.endings import Ending
from monitor.store.queries.notes import read_note, remember
from probes.target import HTTPS, host_name, locate
from probes.words.secret import names_in
from probes.words.text import clean
from probes.words.token import life_of
from probes.words.units import SECOND

if TYPE_CHECKING:
    from sqlmodel import Session

    from monitor.engine.teller import Write

NOTE = "certificates"
MORE = "endings"  # the note of what else was learned of ends
MOST = 1_000  # hosts that are remembered, those that end soonest
NOTICES = 20  # interfaces of one probe that were given notice
LAST = 253_402_300_799 * SECOND  # µs; the end of the year 9999, which a certificate that never ends names
Secrets = Callable[[Iterable[str]], Mapping[str, str]]


class Expiries:
    """The newest known end of each host's certificate: `known`, by host, µs since the epoch.

    `began` are the beginnings of certificates, as far as they are known; `notices` the ends that partners announced
    for interfaces (Sunset), by `probe id, interface`; `keys` those of keys.
    """

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.began: dict[str, int] = {}
        self.notices: dict[str, int] = {}
        self.keys: list[Ending] = []
        self._serves: Mapping[str, frozenset[str]] = {}
        self._unverified: frozenset[str] = frozenset()
        self._probes: Mapping[str, Probe] = {}
        self._kept: dict[str, int] = {}
        self._kept_more: dict[str, Any] = {}

    def watch(self, catalog: Catalog, kept: Any, more: Any = None, *, secrets: Secrets | None = None) -> None:
        """Follow the hosts of a catalog: what was `kept` of them is known again, all others are forgotten."""
        self._serves, self._probes = serving(catalog), catalog.probes
        self._unverified = _unverified(catalog)
        self._kept = kept if isinstance(kept, dict) else {}
        self._kept_more = more if isinstance(more, dict) else {}
        found, shown = {**self._kept, **self.known}, _Shown(catalog)
        self.known = {host: ends for host, ends in found.items() if self._holds(host, ends) and shown.may(host)}
        began, notices = (_times(self._kept_more.get(name)) for name in ("began", "notices"))
        self.began = {host: at for host, at in {**began, **self.began}.items() if host in self.known}
        notices |= self.notices
        self.notices = {key: at for key, at in notices.items() if key.partition(" ")[0] in self._probes}
        self.keys = [*keys_of(catalog, secrets or (lambda names: {}))]

    def learn(self, learned: Mapping[str, Any], probe: Probe | None = None) -> None:
        """Take over what an attempt saw; nearly always that is what was known, and costs a look-up."""
        found, began = learned.get("certificates"), learned.get("began")
        for host, ends in found.items() if isinstance(found, dict) else ():
            if self.known.get(host) != ends and self._holds(host, ends) and self._takes(host):
                self.known[host] = ends
                begins = began.get(host) if isinstance(began, dict) else None
                self.began.pop(host, None)
                if type(begins) is int and 0 < begins < ends:
                    self.began[host] = begins
        notices = learned.get("notices")
        if isinstance(notices, dict) and probe is not None:
            self._learn_notices(notices, probe)

    def _learn_notices(self, notices: Mapping[Any, Any], probe: Probe) -> None:
        """What an interface was given notice of; 0 takes a notice back."""
        for name, ends in notices.items():
            key = f"{probe.id} {clean(str(name), 120)}"
            mine = sum(one.startswith(f"{probe.id} ") for one in self.notices)
            if ends == 0:
                self.notices.pop(key, None)
            elif type(ends) is int and 0 < ends <= LAST and (key in self.notices or mine < NOTICES):
                self.notices[key] = ends

    def _takes(self, host: str) -> bool:
        """False for one host more than are ever remembered: its ports are the word of what is watched."""
        return host in self.known or len(self.known) < MOST or host == host_of(host)

    def _holds(self, host: str, ends: Any) -> bool:
        """False for what no probe of ours can have seen: a host may have been taken over by what it watches."""
        return host_of(host) in self._serves and type(ends) is int and 0 < ends <= LAST

    def soonest(self) -> list[tuple[str, int]]:
        """(host, end) of all certificates, the soonest first."""
        return sorted(self.known.items(), key=lambda pair: (pair[1], pair[0]))[:MOST]

    def endings(self) -> list[Ending]:
        """Everything that ends, the soonest first."""
        found = [self._certificate(host, ends) for host, ends in self.soonest()]
        found += [self._notice(key, ends) for key, ends in self.notices.items()]
        return sorted([*found, *self.keys], key=lambda one: (one.ends, one.key))

    def _certificate(self, host: str, ends: int) -> Ending:
        serves = tuple(sorted(self._serves.get(host_of(host), ())))
        return Ending(
            key=f"certificate {host}",
            said=f"the certificate of {host}",
            ends=ends,
            serves=serves,
            begins=self.began.get(host, 0),
            soft=host_of(host) in self._unverified,
            sighted=True,
        )

    def _notice(self, key: str, ends: int) -> Ending:
        name, _, interface = key.partition(" ")
        probe = self._probes[name]
        whose = f"{clean(probe.partner, 60)}'s interface" if probe.partner else "the interface"
        return Ending(
            key=f"interface {key}",
            said=f"{whose} {interface}, as it announces itself (Sunset),",
            ends=ends,
            serves=(probe.subject,),
            blame="partner" if probe.partner else "workflow",
            sighted=True,
        )

    async def keep(self, write: Write, *, now: int) -> None:
        """Remember what is known, if that has changed since."""
        listed = dict(self.soonest())
        more = {"began": {host: at for host, at in self.began.items() if host in listed}, "notices": self.notices}
        if listed != self._kept:
            await write(lambda session: remember(session, NOTE, listed, now=now))
            self._kept = listed
        if any(more[name] != self._kept_more.get(name, {}) for name in more):
            kept = {name: dict(part) for name, part in more.items()}
            await write(lambda session: remember(session, MORE, kept, now=now))
            self._kept_more = kept


def kept_in(session: Session) -> Any:
    """What `keep` remembered of certificates."""
    return read_note(session, NOTE)


def more_in(session: Session) -> Any:
    """What `keep` remembered beside them."""
    return read_note(session, MORE)


def host_of(name: str) -> str:
    """The host of `host` or `host:port`, as certificates on other ports than HTTPS are named."""
    host, colon, port = name.rpartition(":")
    return host.strip("[]") if colon and port.isdecimal() and (":" not in host or host.startswith("[")) else name


def hosts_of(catalog: Catalog) -> frozenset[str]:
    """Every host that a scheduled probe may reach, as answers name it."""
    return frozenset(serving(catalog))


def serving(catalog: Catalog) -> dict[str, frozenset[str]]:
    """Of every host that a scheduled probe may reach the `workflow/environment` that it serves."""
    found: dict[str, set[str]] = {}
    for probe in catalog.probes.values():
        if probe.scheduled and probe.heartbeat is None:
            target = probe.job["target"]
            for host in (locate(str(target["url"])).host, *map(host_name, target.get("allow") or ())):
                found.setdefault(host, set()).add(probe.subject)
    return {host: frozenset(places) for host, places in found.items()}


def _unverified(catalog: Catalog) -> frozenset[str]:
    """The hosts whose certificates nobody wants to be verified: their end stops no probe of ours."""
    loose, strict = set[str](), set[str]()
    for probe in catalog.probes.values():
        if probe.scheduled and probe.heartbeat is None:
            target = probe.job["target"]
            hosts = {locate(str(target["url"])).host, *map(host_name, target.get("allow") or ())}
            (strict if target.get("verify", True) else loose).update(hosts)
    return frozenset(loose - strict)


class _Shown:
    """Which places a catalog may still show: another port than that of HTTPS comes and goes with what names it."""

    def __init__(self, catalog: Catalog) -> None:
        self._told: dict[str, list[str]] = {}  # by host, what its probes are told; "" of what may be anywhere
        for probe in catalog.probes.values():
            if probe.scheduled and probe.heartbeat is None:
                own = locate(str(probe.job["target"]["url"]))
                told = "" if _is_anywhere(probe) else f"{probe.job} //{own.host}{_port(own.port)}/"
                self._told.setdefault(own.host, []).append(told)
                for host in map(host_name, probe.job["target"].get("allow") or ()):
                    self._told.setdefault(host, []).append("")

    def may(self, name: str) -> bool:
        """True where a probe of ours may see the place again."""
        host = host_of(name)
        mark = f"//{host}/" if name == host else f":{name.rpartition(':')[2]}"
        return any(not told or mark in told for told in self._told.get(host, ()))


def _is_anywhere(probe: Probe) -> bool:
    """True where not all places stand in what a probe is told: a script's, and a port that goes by its protocol."""
    told = str(probe.job["spec"].get("tls") or ":") if probe.kind == "tls" else ":"
    return probe.kind == "script" or ":" not in told.rpartition("/")[2]


def _port(port: int) -> str:
    return "" if port == HTTPS else f":{port}"


def keys_of(catalog: Catalog, secrets: Secrets) -> Iterable[Ending]:
    """Every key that is written down, and every secret in use that says itself when it ends."""
    users = _users(catalog)
    lives = {name: life_of(value) for name in users if (value := _value(secrets, name))}
    told = set[str]()
    for key in catalog.keys.values():
        life = lives.get(key.secret)
        places = users.get(key.secret, frozenset()) | _places(catalog, key.workflows)
        ends = key.ends or (life.ends if life is not None else 0)
        told.add(key.secret)
        if ends:
            begins = life.begins if life is not None and not key.ends else 0
            yield _key(key.name, f"the key {key.name}", ends, places, begins=begins, renew=key.renew)
    for name, life in lives.items():
        if life is not None and name not in told:
            yield _key(name, f"the token in the secret {name}", life.ends, users[name], begins=life.begins)


def _key(name: str, said: str, ends: int, places: Iterable[str], *, begins: int = 0, renew: str = "") -> Ending:
    serves = tuple(sorted(places))
    return Ending(key=f"key {name}", said=said, ends=min(ends, LAST), serves=serves, begins=begins, renew=renew)


def _users(catalog: Catalog) -> dict[str, frozenset[str]]:
    """The secrets that are in use or written down as keys, and the places that use them."""
    found: dict[str, set[str]] = {key.secret: set() for key in catalog.keys.values() if key.secret}
    for probe in catalog.probes.values():
        for name in probe.secrets if probe.scheduled else ():
            found.setdefault(name, set()).add(probe.subject)
    for provider in catalog.providers.values():
        depend = {workflow.key for workflow in catalog.workflows.values() if provider.key in workflow.depends_on}
        for name in names_in(dict(provider.settings)):
            found.setdefault(name, set()).update(_places(catalog, depend))
    return {name: frozenset(places) for name, places in found.items()}


def _places(catalog: Catalog, workflows: Iterable[str]) -> frozenset[str]:
    wanted = set(workflows)
    return frozenset(probe.subject for probe in catalog.probes.values() if probe.scheduled and probe.workflow in wanted)


def _value(secrets: Secrets, name: str) -> str:
    try:
        return secrets([name]).get(name, "")
    except KeyError:
        return ""


def _times(given: Any) -> dict[str, int]:
    """Names and moments out of a note; anything else is left out."""
    found = given.items() if isinstance(given, dict) else ()
    return {str(name): at for name, at in found if type(at) is int and 0 < at <= LAST}
