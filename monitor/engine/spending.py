"""The keeper's accounts: what an attempt may spend is reserved before it, settled after it, kept over a restart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from monitor.config.canaries import USUAL
from monitor.config.catalog import Catalog, Probe, Provider
from monitor.store.queries.notes import spend_between
from monitor.store.rows import Rows, SpendEntry
from probes.spend import Account, Allowance, Grant, Want, decide, held_for, settled, used_up, verdicts_of
from probes.target import locate
from probes.words.failure import Failure
from probes.words.units import DAY, MINUTE

if TYPE_CHECKING:
    from sqlmodel import Session

    from probes.frames import Reply

# Nobody is paid for these: no answer was begun.
UNBILLED = frozenset({Failure.UNREACHABLE, Failure.AUTH, Failure.QUOTA, Failure.RATE_LIMITED, Failure.SKIPPED})
NOTHING = Grant(Want())


@dataclass(slots=True)
class _Open:
    """An account that is kept: see `probes.spend.Account`; `limited` counts its 429s in a row. It is not asked to
    judge until `judge_held` (µs).
    """

    limits: Allowance = field(default_factory=Allowance)
    spent: dict[str, float] = field(default_factory=dict)
    recent: list[int] = field(default_factory=list)
    held: int = 0
    limited: int = 0
    judge_held: int = 0

    def now(self, name: str, at: int) -> Account:
        """The account as it stands."""
        while self.recent and self.recent[0] <= at - MINUTE:
            self.recent.pop(0)
        return Account(name, self.limits, self.spent, tuple(self.recent), self.held)


class Spending:
    """Accounts of every provider and of every probe that spends or has limits. `append` takes rows for the record."""

    def __init__(self, append: Callable[[Rows], None]) -> None:
        self._append = append
        self._catalog: Catalog | None = None
        self._accounts: dict[str, _Open] = {}
        self._day = 0
        self._shares: frozenset[str] = frozenset()  # ids of probes that ask their provider itself, with its key
        self.troubles: dict[str, str] = {}  # by account: why it degrades, today
        self.unasked: frozenset[str] = frozenset()  # accounts of which nobody wanted anything since the catalog came

    def watch(self, catalog: Catalog, kept: Mapping[str, Mapping[str, float]], *, now: int) -> None:
        """Follow a catalog; `kept` is what the record has of today, by account."""
        self._turn(now)  # what was spent yesterday is not taken into today
        before, self._catalog, self._accounts = self._accounts, catalog, {}
        limits = {name: provider.limits for name, provider in catalog.providers.items()}
        limits |= {probe.id: probe.limits for probe in catalog.probes.values() if _spends(probe)}
        for name, allowed in limits.items():
            account = before.get(name) or _Open(spent=dict(kept.get(name, {})))
            account.limits = allowed
            self._accounts[name] = account
        self._shares = frozenset(_sharing(catalog))
        self.troubles, self.unasked = {}, frozenset(self._accounts)

    def grant(self, probe: Probe, *, now: int, again: bool = False) -> Grant:
        """What the next attempt of a probe may do, reserved at once; `again`: the retry rule has waited already."""
        names = self._names(probe)
        if not names:
            return NOTHING
        self._turn(now)
        accounts = [self._account(name, probe, now) for name in names]
        self.unasked -= {*names}
        if again:
            accounts = [Account(one.name, one.limits, one.spent, one.recent) for one in accounts]
        want, closed = _want(probe), self._closed(probe, now)
        found = decide(want.without_judge() if closed else want, accounts, now=now)
        if closed and not found.until and not found.canary:
            found = replace(found, judge=False, why=found.why or closed)
        if found.used_up:
            self.troubles[found.account] = found.why
        if not found.until:
            shares = self._reserved(probe, found.want)
            self._book(shares, now)
            for name, amounts in shares.items():
                self._accounts[name].recent += [now] * int(amounts.get("requests", 0))
        return found

    def _account(self, name: str, probe: Probe, now: int) -> Account:
        """An account as it stands for a probe: who has a key of its own does not wait for the provider's."""
        found = self._accounts[name].now(name, now)
        return found if name == probe.id or probe.id in self._shares else replace(found, held=0)

    def _closed(self, probe: Probe, now: int) -> str:
        """Why the judges of a probe may not be asked now, "" when they may: a judge's limit never stops a run."""
        for name in sorted(probe.costs.judges.keys() & self._accounts.keys()):
            own, account = self._accounts[name], self._accounts[name].now(name, now)
            if own.judge_held > now or (account.held > now and name != self._provider(probe)):
                return f"{name} asked to be left alone for a while"
            unit = account.lacks(Want(probe.costs.judges[name]))
            if unit and name != self._provider(probe):  # its own provider's limits are asked with all of it
                self.troubles[name] = used_up(account, unit)
                return self.troubles[name]
        return ""

    def settle(self, probe: Probe, grant: Grant, reply: Reply, *, now: int, ended: bool) -> None:
        """What an attempt really cost takes the place of what was reserved; a 429 holds its account back."""
        names = self._names(probe)
        if not names or grant.until:
            return
        self._turn(now)
        if grant.canary:  # it asks no model, and its request stays as reserved
            return
        billed = reply.failure is not None and reply.failure not in UNBILLED
        provider = self._provider(probe)
        own = settled(grant.want.without_judge(), reply.spent, billed=billed, price=self._price(provider))
        judged = {
            name: settled(Want(amounts), verdicts_of(reply.spent, name), billed=False, price=self._price(name))
            for name, amounts in probe.costs.judges.items()
        }
        real, reserved = self._shared(probe, own, judged), self._reserved(probe, grant.want)
        self._book({name: _less(amounts, reserved[name]) for name, amounts in real.items()}, now)
        asked = [name for name in names if name == probe.id or probe.id in self._shares]
        self._hold(asked, reply, now=now, ended=ended)
        for name in probe.costs.judges.keys() & self._accounts.keys():
            wait = verdicts_of(reply.spent, name).get("limited")
            if wait is not None:
                account = self._accounts[name]
                account.judge_held = max(account.judge_held, now + held_for(wait or None, 1))

    def _price(self, provider: str) -> tuple[float, float] | None:
        known = self._catalog.providers if self._catalog else {}
        return known[provider].price if provider in known else None

    def _reserved(self, probe: Probe, want: Want) -> dict[str, dict[str, float]]:
        return self._shared(probe, want.without_judge().amounts, probe.costs.judges if want.judge else {})

    def _shared(
        self, probe: Probe, own: Mapping[str, float], judged: Mapping[str, Mapping[str, float]]
    ) -> dict[str, dict[str, float]]:
        """What each account is charged: the provider for questions, judges for their verdicts, the probe for all."""
        names = [*self._names(probe), *(name for name in probe.costs.judges if name in self._accounts)]
        found: dict[str, dict[str, float]] = {name: {} for name in names}
        charged = [(self._provider(probe), own), (probe.id, own), *judged.items()]
        charged += [(probe.id, amounts) for amounts in judged.values()]
        for name, amounts in charged:
            for unit, amount in amounts.items():
                if name in found:
                    found[name][unit] = found[name].get(unit, 0.0) + amount
        return found

    def _hold(self, names: list[str], reply: Reply, *, now: int, ended: bool) -> None:
        for account in (self._accounts[name] for name in names):
            if reply.failure != Failure.RATE_LIMITED:
                account.limited = 0 if ended else account.limited
                continue
            if ended:
                account.limited += 1
            if ended or reply.retry_after is not None:
                account.held = max(account.held, now + held_for(reply.retry_after, max(1, account.limited)))

    def _turn(self, now: int) -> None:
        """A new day begins with nothing spent."""
        if now // DAY > self._day:
            self._day = now // DAY
            self.troubles, self.unasked = {}, frozenset()
            for account in self._accounts.values():
                account.spent = {}

    def _book(self, shares: Mapping[str, Mapping[str, float]], now: int) -> None:
        entries = []
        for name, amounts in shares.items():
            spent = self._accounts[name].spent
            for unit, amount in amounts.items():
                before = spent.get(unit, 0.0)
                # no less than nothing: what was reserved just before midnight is given back to a day that is over
                spent[unit] = max(0.0, before + amount)
                entries.append(SpendEntry(name, now // DAY, unit, spent[unit] - before))
        if entries:
            self._append(Rows(spends=entries))

    def _names(self, probe: Probe) -> list[str]:
        if probe.id not in self._accounts:
            return []
        provider = self._provider(probe)
        return [provider, probe.id] if provider else [probe.id]

    def _provider(self, probe: Probe) -> str:
        return probe.costs.provider if probe.costs.provider in self._accounts else ""

    def accounts(self, now: int) -> dict[str, Account]:
        """Every account as it stands, providers first."""
        self._turn(now)
        return {name: account.now(name, now) for name, account in self._accounts.items()}


def _spends(probe: Probe) -> bool:
    costs = probe.costs
    return bool(costs.amounts.get("asks") or costs.judges or costs.provider or probe.limits != Allowance())


def _sharing(catalog: Catalog) -> Iterable[str]:
    """The probes that ask where their provider itself is, and so with its key: a workflow has one of its own."""
    hosts = {name: locate(_address(provider)).host for name, provider in catalog.providers.items()}
    for probe in catalog.probes.values():
        its = hosts.get(probe.costs.provider)
        if its is not None and locate(str(probe.job["target"]["url"])).host == its:
            yield probe.id


def _address(provider: Provider) -> str:
    return str(provider.settings.get("url") or USUAL[provider.dialect])


def _less(amounts: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    left = {unit: amounts.get(unit, 0.0) - other.get(unit, 0.0) for unit in {*amounts, *other}}
    return {unit: amount for unit, amount in left.items() if amount}


def _want(probe: Probe) -> Want:
    """The worst that an attempt can cost, as far as it is known before it."""
    amounts = probe.costs.amounts
    asks = float(amounts.get("asks", 0.0)) or float(amounts.get("requests", 0.0))
    wanted = {"requests": asks, "tokens": float(amounts.get("tokens", 0.0)), "usd": float(amounts.get("usd", 0.0))}
    return Want(wanted, probe.costs.judge, int(asks) if probe.kind == "golden" else 0)


def kept_in(session: Session, *, now: int) -> dict[str, dict[str, float]]:
    """What the record has of today, by account."""
    today = now // DAY
    return spend_between(session, today, today)
