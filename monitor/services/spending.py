"""What was spent today on providers and by probes, what may be, and what it will come to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.services.base import service, when
from probes.spend import UNITS, Account, forecast
from probes.words.units import DAY

if TYPE_CHECKING:
    from monitor.app import Keeper


@service()
async def spend(keeper: Keeper) -> dict[str, Any]:
    """Every account of today (UTC): spent, limits, and the forecast for the end of the day."""
    now = keeper.clock.now()
    spending = keeper.engine.spending
    coming = _coming(keeper, now)
    return {
        "at": when(now),
        "ends": when((now // DAY + 1) * DAY),
        "accounts": [
            _account(account, coming.get(name, {}), provider=name in keeper.catalog.providers, now=now)
            | {"why": spending.troubles.get(name, "")}
            for name, account in spending.accounts(now).items()
        ],
    }


def _coming(keeper: Keeper, now: int) -> dict[str, dict[str, float]]:
    """What the runs until midnight are expected to cost, by account."""
    left = DAY - now % DAY
    found: dict[str, dict[str, float]] = {}
    for track in keeper.engine.tracks.values():
        probe = track.probe
        if not probe.scheduled or probe.id in keeper.engine.paused:
            continue
        amounts = probe.costs.amounts
        runs = left / track.cadence.period
        cost = {"requests": amounts.get("asks") or amounts.get("requests", 0.0)}
        cost |= {unit: amounts.get(unit, 0.0) for unit in ("tokens", "usd")}
        for name in {probe.id, probe.costs.provider} - {""}:
            sums = found.setdefault(name, dict.fromkeys(UNITS, 0.0))
            for unit in UNITS:
                sums[unit] += runs * float(cost[unit])
    return found


def _account(account: Account, coming: dict[str, float], *, provider: bool, now: int) -> dict[str, Any]:
    return {
        "name": account.name,
        "is": "provider" if provider else "probe",
        "spent": {unit: account.spent.get(unit, 0.0) for unit in UNITS},
        "limits": {unit: limit for unit in UNITS if (limit := account.limits.of(unit)) is not None},
        "per_minute": account.limits.per_minute,
        "last_minute": len(account.recent),
        "forecast": forecast(account, coming),
        "held_until": when(account.held) if account.held > now else None,
    }
