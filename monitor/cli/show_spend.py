"""`showup spend` on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitor.cli.paper import at, paper, plain, row, table

Found = Mapping[str, Any]
BAR = 10  # characters


def spend(found: Found) -> None:
    """A line for each account and unit that has a limit or was used, then what is held back and why."""
    out = paper()
    accounts = found.get("accounts") or []
    if not accounts:
        out.print("Nothing that is watched costs anything that showup knows of.")
        return
    made = table("account", "", "spent", "limit", "by midnight", "", right=(2, 3, 4))
    for one in accounts:
        for number, unit in enumerate(_units(one)):
            limit = one["limits"].get(unit)
            spent, coming = one["spent"][unit], one["forecast"][unit]
            said = [amount(unit, spent), amount(unit, limit) if limit is not None else "–", f"~{amount(unit, coming)}"]
            head = (_short(one["name"]) if not number else "", _word(unit))
            row(made, *head, *said, _share(spent, limit))
    out.print(made)
    for one in accounts:
        for line in _lines(one, at(found["ends"])):
            out.print(line)


def _lines(one: Found, ends: str) -> list[str]:
    """What is to be said of an account beside its figures."""
    name, found = plain(_short(one["name"])), list[str]()
    if one["why"]:
        found.append(f"✗ {name}: {plain(one['why'])}; its probes see less until {ends}")
    elif one["held_until"]:
        found.append(f"… {name} asked to be left alone until {at(one['held_until'])}")
    elif over := _over(one):
        limit = f"{amount(over, one['limits'][over])} {_word(over)}"
        found.append(f"! {name} will have used up its {limit} before {ends}")
    if one["per_minute"] and one["last_minute"]:
        found.append(f"  {name}: {one['last_minute']} of {one['per_minute']} requests in the last minute")
    return found


def _short(name: str) -> str:
    """A probe as commands take it: of production nothing is said."""
    return name.replace("/production/", "/", 1)


def _word(unit: str) -> str:
    return "USD" if unit == "usd" else unit


def _units(one: Found) -> list[str]:
    """What is worth a line: what is limited, and what was or will be spent."""
    return [unit for unit in one["spent"] if unit in one["limits"] or one["spent"][unit] or one["forecast"][unit]]


def _over(one: Found) -> str:
    """The first limit that the forecast passes."""
    return next((unit for unit, limit in one["limits"].items() if one["forecast"][unit] > limit), "")


def amount(unit: str, value: float) -> str:
    """An amount with as many places as it needs: money to the cent, or less where it is less."""
    if unit != "usd":
        return f"{value:,.0f}"
    return f"{value:,.2f}" if value >= 0.1 or not value else f"{value:.4f}"


def _share(spent: float, limit: float | None) -> str:
    """How much of a limit is used, as a bar that also reads in grey."""
    if not limit:
        return ""
    share = min(1.0, spent / limit)
    full = round(share * BAR)
    return f"{'█' * full}{'·' * (BAR - full)} {share:.0%}"
