"""The daemon ended: `python -I -m monitor.service.stopped count` after each exit, `… page UNIT` when one is to be told.

`count` is run by ExecStopPost=. On the third failed exit in five minutes it pages by the monitor's own policy, without
the store. systemd does not promise credentials to such a command, so when a secret is missing it leaves the page due,
and showup-failure@.service, which has credentials of its own, sends it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from alerts import emergency
from alerts.channel_table import open_channel
from alerts.channels.kit import Surroundings
from alerts.message import Receipt
from alerts.signal import Condition, Severity, Signal
from monitor import log as logs
from monitor.config.load import find
from monitor.config.secrets import Secrets
from monitor.places import state_folder
from monitor.service import exits
from monitor.service.contacts import LAST_GOOD, Contacts, first_of, keep_last_good
from probes.words.clock import Clock, SystemClock
from probes.words.errors import ConfigError
from probes.words.text import for_log

OWN = "showup.service"
SECONDS = 35.0  # less than TimeoutStopSec=


def main(argv: Sequence[str] = tuple(sys.argv[1:]), environ: Mapping[str, str] = os.environ) -> int:
    """0 when all that was to be done is done, 1 when a page was due and nobody could be told."""
    logs.set_up(as_json=True)
    clock, state = SystemClock(), state_folder(environ)
    if list(argv) == ["count"]:
        return count(state, environ, clock=clock)
    if len(argv) == 2 and argv[0] == "page":
        return page(argv[1], state, environ, clock=clock)
    _say("write: python -I -m monitor.service.stopped count, or … page UNIT")
    return 2


def count(state: Path, environ: Mapping[str, str], *, clock: Clock) -> int:
    """Remember this exit, and page when it was one too many."""
    result = environ.get("SERVICE_RESULT", "unknown")
    contacts, place = _contacts(state, environ)
    if contacts is not None:
        _keep(state, contacts)
    found = exits.decide(exits.read_exits(state), result, now=clock.now())
    _remember(state, found.exits)
    _say(found.reason)
    if result == exits.MEANT:
        exits.forget_due(state)
    if not found.page:
        return 0
    status = for_log(environ.get("EXIT_STATUS", "no status"), 20)
    reason = f"it {found.reason}, the last time with {for_log(result, 40)} ({status})"
    secrets = _secrets(place, environ)
    known = contacts is not None and all(secrets.get(name) is not None for name in contacts.secrets)
    if contacts is not None and known and _tell(OWN, reason, contacts, secrets, clock=clock):
        exits.settle_due(state, now=clock.now())
        return 0
    exits.leave_due(state, reason)
    _say("the page is left to showup-failure@.service, which has credentials of its own")
    return 0


def page(unit: str, state: Path, environ: Mapping[str, str], *, clock: Clock) -> int:
    """Page about a unit that failed. The daemon's own failures are told only when `count` found them due."""
    own = unit == OWN
    reason = exits.due(state) if own else "it failed"
    if not reason:
        _say("no page is due")
        return 0
    contacts, place = _contacts(state, environ)
    if contacts is None:
        _say("nobody can be told: neither the configuration nor its last good copy has a monitor policy that holds")
        return 1
    if not _tell(unit, reason, contacts, _secrets(place, environ), clock=clock):
        return 1
    if own:
        exits.settle_due(state, now=clock.now())
    return 0


def _contacts(state: Path, environ: Mapping[str, str]) -> tuple[Contacts | None, Path]:
    last = state / LAST_GOOD
    try:
        place = find(None, environ=environ)
    except ConfigError:
        return first_of([last]), last
    return first_of([place, last]), place


def _secrets(place: Path, environ: Mapping[str, str]) -> Secrets:
    return Secrets.from_environment(place if place.is_dir() else place.parent, environ)


def _keep(state: Path, contacts: Contacts) -> None:
    try:
        keep_last_good(state, contacts.files)
    except OSError as error:
        _say(f"no copy of the configuration could be kept: {error.strerror}")


def _remember(state: Path, found: exits.Exits) -> None:
    try:
        exits.keep_exits(state, found)
    except OSError as error:
        _say(f"the exit could not be counted: {error.strerror}")


def _tell(unit: str, reason: str, contacts: Contacts, secrets: Secrets, *, clock: Clock) -> bool:
    """True when a provider took a page."""
    now = clock.now()
    own = unit == OWN
    signal = Signal(
        subject="monitor",
        member="daemon" if own else for_log(unit, 60),
        condition=Condition.FAILING,
        at=now,
        since=now,
        severity=Severity.CRITICAL,
        policy=contacts.policy,
        title="What showup watches" if own else "showup",
        notice="does not stay up, so nothing is watched" if own else f"has trouble with {for_log(unit, 60)}",
        sentence=f"{for_log(unit, 60)}: {reason}; look at: journalctl -u {for_log(unit, 60)}",
        failure="monitor_fault" if own else "",  # a copy that failed leaves nothing unwatched
        blame="us",
        suspected=False,
    )
    receipts = asyncio.run(_send(signal, contacts, secrets, clock))
    took = ", ".join(sorted({receipt.channel for receipt in receipts if receipt.channel != "console"}))
    _say(f"paged by {took}" if took else "nobody could be paged")
    return bool(took)


async def _send(signal: Signal, contacts: Contacts, secrets: Secrets, clock: Clock) -> list[Receipt]:
    book = contacts.book
    around = Surroundings(secrets=secrets.need, people=lambda: book.people, clock=clock)
    channels = {name: open_channel(name, spec, around) for name, spec in book.channels.items()}
    secrets.need(name for name in contacts.secrets if secrets.get(name) is not None)
    logs.hide(secrets.redactor())
    try:
        async with asyncio.timeout(SECONDS):
            return await emergency.page(
                signal, book=book, channels=channels, at=signal.at, why="the daemon is not running"
            )
    except TimeoutError:
        return []
    finally:
        await asyncio.gather(*(channel.close() for channel in channels.values()), return_exceptions=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the journal reads standard error


if __name__ == "__main__":
    raise SystemExit(main())
