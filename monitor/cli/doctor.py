"""`showup doctor`: everything that a page needs to reach a person, looked at, with what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from alerts.message import Finding
from monitor.cli import examine
from monitor.cli.channels import PATIENCE, asked, used
from monitor.cli.paper import paper, plain
from probes.words.errors import ConfigError, ShowupError
from probes.words.text import clean

if TYPE_CHECKING:
    from monitor.config.catalog import Catalog
    from monitor.config.secrets import Secrets

MARKS = {"ok": "✓", "warning": "!", "fault": "✗"}


def run_doctor(config: Path | None, state: Path | None, *, as_json: bool) -> int:
    """Say what is well and what is not: 0 when nothing is at fault, 1 else; it changes nothing and pages nobody."""
    from monitor.places import state_folder

    folder = state or state_folder()
    found = [*examine.machine(folder), *examine.packages()]
    try:
        from monitor.cli.attempts import opened

        catalog, secrets = opened(config)
    except ConfigError as error:
        found += [Finding(level="fault", what=str(problem)) for problem in error.problems]
    else:
        found.insert(0, _loaded(catalog))
        found += [*_secrets(catalog, secrets), *examine.people(catalog), *examine.outside(catalog)]
        found += asyncio.run(_channels(catalog, secrets))
        found += examine.daemon(folder, lambda: _status(config, folder))
    _show(found, as_json=as_json)
    return 1 if any(one.level == "fault" for one in found) else 0


def _loaded(catalog: Catalog) -> Finding:
    files = ", ".join(str(file) for file in catalog.files)
    return Finding(
        level="ok",
        what=f"{files} holds: {catalog.counted()}",
    )


def _secrets(catalog: Catalog, secrets: Secrets) -> list[Finding]:
    """Those that are referred to are there, or the configuration had not been taken; `.env` may be unreadable."""
    wanted = {name for probe in catalog.probes.values() for name in probe.secrets}
    missing = sorted(name for name in wanted if secrets.get(name) is None)
    found = [
        Finding(level="fault", what=f"the secret {name} is not set", write=f"set {name} in .env") for name in missing
    ]
    found += [Finding(level="warning", what=warning) for warning in secrets.warnings]
    return found or [Finding(level="ok", what="every secret is there")]


def _status(config: Path | None, folder: Path) -> dict[str, object]:
    from monitor.client import call

    answer: dict[str, object] = call("status", config=config, folder=folder)
    return answer


async def _channels(catalog: Catalog, secrets: Secrets) -> list[Finding]:
    """What each channel says of itself, all asked at once."""
    book = catalog.book
    levels = [level for policy in used(catalog).values() for level in policy.levels]
    told = {target for level in levels for target in level.notify}
    names = [name for name in book.channels if name != "console" or name in told]  # there in any case, and often unused
    answers = await asyncio.gather(*(_channel(name, catalog, secrets) for name in names))
    return [one for answer in answers for one in answer]


async def _channel(name: str, catalog: Catalog, secrets: Secrets, *, seconds: float = PATIENCE) -> list[Finding]:
    hide = secrets.redactor
    try:
        answer: list[Finding] = await asked(name, catalog, secrets, lambda channel: channel.doctor(), seconds=seconds)
    except TimeoutError:
        what = f"{name} did not answer in {seconds:g} s"
        return [Finding(level="fault", what=what, write="look at the network, a proxy or a firewall")]
    except (ShowupError, OSError, KeyError, ValueError, ImportError) as error:
        said = hide().text(clean(f"{type(error).__name__}: {error}", 200))
        return [Finding(level="fault", what=f"{name} cannot be looked at: {said}")]
    return [
        Finding(level=one.level, what=hide().text(_named(name, one.what)), write=hide().text(one.write))
        for one in answer
    ]


def _named(name: str, what: str) -> str:
    return what if name in what.lower() else f"{name}: {what}"


def _show(found: Iterable[Finding], *, as_json: bool) -> None:
    lines = list(found)
    if as_json:
        from monitor.cli.show import as_json as print_json

        print_json([{"level": one.level, "what": one.what, "write": one.write} for one in lines])
        return
    out = paper()
    for one in lines:
        write = f"; {plain(one.write)}" if one.write else ""
        said = f"{MARKS.get(one.level, '?')} {one.level:<8}{plain(one.what, 500)}{write}"
        for line in wrap(said, out.width, subsequent_indent=" " * 10, break_on_hyphens=False):
            out.print(line)
    faults = sum(one.level == "fault" for one in lines)
    warnings = sum(one.level == "warning" for one in lines)
    end = "Nothing is at fault" if not faults else f"{faults} at fault"
    out.print(f"{end}, {warnings} to know about.")
