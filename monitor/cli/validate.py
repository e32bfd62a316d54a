"""`showup validate`: a configuration that holds, with what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from monitor.cli import forecast
from monitor.cli.attempts import opened
from monitor.cli.forecast import Forecast
from monitor.cli.paper import count, paper, plain, table, took
from monitor.config.catalog import Catalog
from probes.words.errors import ConfigError, Problem

if TYPE_CHECKING:
    from rich.table import Table

    from monitor.config.secrets import Secrets

NAME = 22  # characters of a probe's name on one line of the table: 80 columns hold the rest
WORDS = {
    "requests": "requests",
    "asks": "questions to a model",
    "tokens": "tokens",
    "usd": "USD",
    "records": "synthetic records left behind",
}


def run_validate(config: Path | None, *, as_json: bool, ask: bool = False) -> None:
    """Say what the configuration promises and costs; raises ConfigError with everything that is wrong, after saying it
    to a program in its way. `ask`: what only a channel can know is asked there."""
    asked = ""
    try:
        catalog, secrets = opened(config)
        if ask:
            asked = _ask(catalog, secrets)
    except ConfigError as error:
        if as_json:
            _print_problems(error)
        raise
    found, warnings = forecast.forecasts(catalog), forecast.warnings(catalog)
    if as_json:
        _print_json(catalog, found, warnings, asked)
        return
    out = paper()
    places = dict.fromkeys(one.probe.rpartition("/")[0] for one in found if one.scheduled)
    for place in places:
        out.print(plain(place), style="bold")
        out.print(_table([one for one in found if one.scheduled and one.probe.rpartition("/")[0] == place]))
    by_hand = [one.probe for one in found if not one.scheduled]
    if by_hand:
        where = ", ".join(dict.fromkeys(name.rpartition("/")[0] for name in by_hand))
        out.print(f"Only run by hand, and page nobody: {count(len(by_hand), 'probe')} of {plain(where)}.")
    out.print(_month(found))
    for warning in warnings:
        out.print(f"warning: {plain(warning)}")
    if asked:
        out.print(plain(asked, 200))
    files = ", ".join(plain(file, 200) for file in catalog.files)
    out.print(f"{files}: {catalog.counted()}, no problem found.")


def _ask(catalog: Catalog, secrets: Secrets) -> str:
    """What channels say of the ids of people; raises ConfigError with those that are nobody's, ShowupError when one
    gives no answer."""
    import asyncio

    from monitor.cli.channels import strangers

    people = catalog.book.people
    asked = [person for person in people.values() if person.slack]
    if not asked or "slack" not in catalog.book.channels:
        return "Nobody has an id that a channel could be asked about."
    found = asyncio.run(strangers("slack", catalog, secrets))
    if found:
        raise ConfigError([Problem(*people[key].slack_at, one.what, one.write) for key, one in found.items()])
    return f"Slack knows {count(len(asked), 'id')} of people given here, and each is a person's."


def _table(found: Sequence[Forecast]) -> Table:
    """A line for each probe: how often, how soon a hang is paged at the latest, and what it does in a month."""
    made = table("probe", "every", "hang paged in", "runs", "tokens", "USD", "records", right=(1, 2, 3, 4, 5, 6))
    for one in found:
        amounts = [_amount(one, part) for part in ("tokens", "usd", "records")]
        name = "\n".join(wrap(plain(one.probe.rpartition("/")[2]), NAME, break_on_hyphens=True))
        made.add_row(name, took(one.period), took(one.paged), f"{one.runs:,}", *amounts)
    return made


def _amount(one: Forecast, name: str) -> str:
    """A month's amount, with ~ where it is an estimate, or ? where it cannot be known before a run."""
    if name in one.costs:
        return _said(name, one.costs[name], name in one.estimated)
    return "?" if name in one.unknown else "0"


def _said(name: str, amount: float, estimated: bool) -> str:
    return ("~" if estimated else "") + (f"{amount:,.2f}" if name == "usd" else f"{amount:,.0f}")


def _month(found: Sequence[Forecast]) -> str:
    sums = forecast.totals(found)
    said = [f"{sums.get('runs', 0):,.0f} runs"]
    guessed = frozenset[str]().union(*(one.estimated for one in found if one.runs))
    said += [f"{_said(name, sums[name], name in guessed)} {word}" for name, word in WORDS.items() if name in sums]
    unknown = [word for name, word in WORDS.items() if any(name in one.unknown for one in found if one.runs)]
    more = f"; of some probes not known before a run: {', '.join(unknown)}" if unknown else ""
    return f"A month of 30 days, when all is well: {', '.join(said)}{more}."


def _print_problems(error: ConfigError) -> None:
    from monitor.cli.show import as_json

    as_json({"problems": [asdict(problem) for problem in error.problems]})


def _print_json(catalog: Catalog, found: Sequence[Forecast], warnings: Sequence[str], asked: str) -> None:
    from monitor.cli.show import as_json

    probes = [
        asdict(one)
        | {
            "period": one.period / 1e6,
            "paged": one.paged / 1e6,
            "costs": dict(one.costs),
            "unknown": sorted(one.unknown),
            "estimated": sorted(one.estimated),
        }
        for one in found
    ]
    as_json(
        {
            "files": [str(file) for file in catalog.files],
            "probes": probes,
            "month": forecast.totals(found),
            "warnings": list(warnings),
            "problems": [],
            "asked": asked,
        }
    )


def print_schema() -> None:
    """The JSON Schema of the configuration, for editors."""
    from monitor.cli.show import as_json
    from monitor.config.schema import json_schema

    as_json(json_schema())
