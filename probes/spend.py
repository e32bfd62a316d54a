"""What may be spent on a provider or by a probe, and what becomes of a run when that is used up. Pure.

A run degrades before it goes blind: first without its judge, then with fewer cases, then as a check that costs no
tokens, whose failure is known and whose success is not (it proves that somebody answers, not that the answer is right).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from probes.words.units import DAY, MINUTE, SECOND

UNITS = ("requests", "tokens", "usd")
LONGEST_HOLD = 60 * MINUTE  # a target that asks for more is tried again all the same: it may be lying or broken
FIRST_BACKOFF, LONGEST_BACKOFF = 30 * SECOND, 15 * MINUTE  # after a 429 that does not say how long


@dataclass(frozen=True, slots=True)
class Allowance:
    """The most of each unit in a UTC day, and of requests in any minute; None is without a limit."""

    requests: float | None = None
    tokens: float | None = None
    usd: float | None = None
    per_minute: int | None = None

    def of(self, unit: str) -> float | None:
        """The day's limit of a unit."""
        found: float | None = getattr(self, unit)
        return found


@dataclass(frozen=True, slots=True)
class Want:
    """What an attempt may cost at most, by unit, all of it; `judge` is the part that its judge costs.

    `cases` tells how many cases it asks of a golden set, 0 for a probe that has none: their number can be lowered.
    """

    amounts: Mapping[str, float] = field(default_factory=dict)
    judge: Mapping[str, float] = field(default_factory=dict)
    cases: int = 0

    def without_judge(self) -> Want:
        """The same, not judged."""
        left = {unit: max(0.0, amount - self.judge.get(unit, 0.0)) for unit, amount in self.amounts.items()}
        return Want(left, {}, self.cases)

    def with_cases(self, cases: int) -> Want:
        """The same with fewer cases."""
        return Want({unit: amount * cases / self.cases for unit, amount in self.amounts.items()}, self.judge, cases)


@dataclass(frozen=True, slots=True)
class Account:
    """Whose limits count: `spent` today, reservations included; `recent` the times (µs) of the last minute's requests,
    oldest first; until `held` (µs) nothing is asked, because `name` asked for it."""

    name: str
    limits: Allowance = Allowance()
    spent: Mapping[str, float] = field(default_factory=dict)
    recent: tuple[int, ...] = ()
    held: int = 0

    def lacks(self, want: Want) -> str:
        """The first unit whose limit the attempt would pass, "" when all fit."""
        for unit in UNITS:
            limit = self.limits.of(unit)
            if limit is not None and self.spent.get(unit, 0.0) + want.amounts.get(unit, 0.0) > limit:
                return unit
        return ""

    def free_at(self, requests: float, now: int) -> int:
        """When so many requests fit into the minute (µs); more than the limit itself wait for an empty minute."""
        limit = self.limits.per_minute
        if limit is None:
            return now
        room = max(0, limit - int(min(requests, limit)))  # of the requests made, so many may still lie in the minute
        left = [at for at in self.recent if at > now - MINUTE]
        return now if len(left) <= room else left[-room - 1] + MINUTE


@dataclass(frozen=True, slots=True)
class Grant:
    """What an attempt may do. `until` (µs) is when it may be asked for again, where it may do nothing now.

    `canary` leaves only a check without tokens; `cases` is the most of a golden set, None for all; `why` says the
    reason in words for people, "" when nothing is held back, and `account` whose limit it is; `used_up`: it is a
    day's, and not one to wait out. `want` is reserved.
    """

    want: Want
    judge: bool = True
    cases: int | None = None
    canary: bool = False
    until: int = 0
    why: str = ""
    account: str = ""
    used_up: bool = False

    def told(self) -> dict[str, object]:
        """What the host is told: only what is held back."""
        held: dict[str, object] = {}
        if not self.judge:
            held["judge"] = False
        if self.cases is not None:
            held["cases"] = self.cases
        if self.canary:
            held["canary"] = True
        return held | ({"why": self.why} if self.why else {})


def decide(want: Want, accounts: Iterable[Account], *, now: int) -> Grant:
    """What an attempt that wants so much may do, all accounts taken together; the first reason is the one that is said.

    A held account and a full minute only put it off; a used-up day degrades it: no judge, fewer cases, no tokens.
    """
    listed = tuple(accounts)
    for account in listed:
        if account.held > now:
            why = f"{account.name} asked to be left alone for a while"
            return Grant(Want(), until=account.held, why=why, account=account.name)
    waits = [(account.free_at(want.amounts.get("requests", 0.0), now), account) for account in listed]
    until, slowest = max(waits, key=lambda pair: pair[0], default=(now, None))
    if slowest is not None and until > now:
        why = f"{slowest.limits.per_minute} requests a minute for {slowest.name} are made"
        return Grant(Want(), until=until, why=why, account=slowest.name)
    return _within(want, listed, now)


def _within(want: Want, accounts: tuple[Account, ...], now: int) -> Grant:
    short = next(((account, unit) for account in accounts if (unit := account.lacks(want))), None)
    if short is None:
        return Grant(want)
    why, name = used_up(*short), short[0].name
    # An answer may cost more than was reserved for it, so that tokens or money are overspent: a check without tokens
    # wants none of either.
    if any(account.lacks(_ONE) == "requests" for account in accounts):
        return Grant(Want(), until=(now // DAY + 1) * DAY, why=why, account=name, used_up=True)
    if want.judge:
        plain = want.without_judge()
        if not any(account.lacks(plain) for account in accounts):
            return Grant(plain, judge=False, why=why, account=name, used_up=True)
        want = plain
    for cases in range(want.cases - 1, 0, -1):
        fewer = want.with_cases(cases)
        if not any(account.lacks(fewer) for account in accounts):
            return Grant(fewer, judge=False, cases=cases, why=why, account=name, used_up=True)
    return Grant(_ONE, judge=False, canary=True, why=why, account=name, used_up=True)


_ONE = Want({"requests": 1.0})


def used_up(account: Account, unit: str) -> str:
    """The sentence that a day's limit is reached."""
    limit = account.limits.of(unit) or 0.0
    most = f"{limit:,.2f} USD" if limit >= 0.01 else f"{limit:.4g} USD"
    most = most if unit == "usd" else f"{limit:,.0f} {unit}"
    return f"today's {most} for {account.name} are used up"


def forecast(account: Account, coming: Mapping[str, float]) -> dict[str, float]:
    """What an account will have spent when its day ends, by unit.

    `coming` is what the rest of the day is expected to cost before anything is known; once requests were made today, a
    request costs as much as those did on the average.
    """
    made, requests = account.spent.get("requests", 0.0), coming.get("requests", 0.0)
    found = {"requests": made + requests}
    for unit in ("tokens", "usd"):
        spent = account.spent.get(unit, 0.0)
        found[unit] = spent + (spent / made * requests if made else coming.get(unit, 0.0))
    return found


def settled(
    want: Want, spent: Mapping[str, float], *, billed: bool, price: tuple[float, float] | None
) -> dict[str, float]:
    """What an attempt really cost, by unit, from what it saw (`asks`, `counted` of them with usage, `tokens_in`,
    `tokens_out`) and what was reserved.

    An answer without usage counts as reserved when it is `billed`: a call that timed out is paid for all the same.
    `price` is US dollars for a million tokens (in, out); without one the money stays what was reserved for it.
    """
    asks = spent.get("asks", 0.0)
    reserved = want.amounts.get("requests", 0.0)
    share = min(1.0, max(0.0, asks - spent.get("counted", 0.0)) / reserved) if reserved and billed else 0.0
    sent, answered = spent.get("tokens_in", 0.0), spent.get("tokens_out", 0.0)
    found = {"requests": asks, "tokens": sent + answered + share * want.amounts.get("tokens", 0.0)}
    money = share * want.amounts.get("usd", 0.0)
    if price is not None:
        money += (sent * price[0] + answered * price[1]) / 1_000_000
    elif spent.get("counted", 0.0) and reserved:
        money += want.amounts.get("usd", 0.0) * min(1.0, spent["counted"] / reserved)
    found["usd"] = money
    return {unit: amount for unit, amount in found.items() if amount}


def verdict_key(provider: str, name: str) -> str:
    """Under which name an attempt says what a judge of this provider cost."""
    return f"judge:{provider}:{name}"


def verdicts_of(spent: Mapping[str, float], provider: str) -> dict[str, float]:
    """What a provider's judges cost: asks, counted, tokens_in, tokens_out; `limited` is a 429's wait in seconds."""
    head = verdict_key(provider, "")
    return {name.removeprefix(head): amount for name, amount in spent.items() if name.startswith(head)}


def held_for(retry_after: float | None, in_a_row: int) -> int:
    """For how long (µs) an account that answered 429 is left alone: as it asked, one hour at most; else longer each
    time in a row."""
    if retry_after is not None:
        return min(int(max(0.0, retry_after) * SECOND), LONGEST_HOLD)
    return min(FIRST_BACKOFF << min(in_a_row - 1, 10), LONGEST_BACKOFF)
