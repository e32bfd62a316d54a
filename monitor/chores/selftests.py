"""Every channel is spoken to each few minutes, without anybody noticing; one that fails for long is told of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from alerts.oncall import ALWAYS
from alerts.policy import parse_target
from alerts.signal import Condition, Severity
from monitor import selfcheck
from monitor.engine import signals
from monitor.selfcheck import Word
from probes.words.units import MINUTE, say_duration

if TYPE_CHECKING:
    from sqlmodel import Session

    from alerts.book import Book
    from monitor.app import Keeper

FAILS_LONG = 30 * MINUTE  # µs after which the monitor's owner is told
MEMBER = "channel "  # begins the member of the monitor's incident


async def look(keeper: Keeper) -> None:
    """Word every channel, and tell of those that have failed for long, or work again."""
    found, now = await selfcheck.test_channels(keeper), keeper.clock.now()

    def read(session: Session) -> set[str]:
        members = keeper.desk.open_members(session, signals.MONITOR)
        return {one.member for one in members if one.subject == signals.MONITOR and one.member.startswith(MEMBER)}

    told = await keeper.store.read(read)
    for name, one in found.items():
        member = f"{MEMBER}{name}"
        long = one.since is not None and now - one.since >= FAILS_LONG
        if long and member not in told:
            severity = how_loud(keeper.catalog.book, keeper.catalog.monitor_policy, found)
            said = (
                f"{name} has not answered for {say_duration((now - (one.since or now)) // MINUTE * MINUTE)}: {one.said}"
            )
            _tell(keeper, member, Condition.FAILING, said, severity, since=one.since or now)
        elif one.ok and member in told:
            _tell(keeper, member, Condition.PASSING, f"{name} answers again", Severity.WARNING, since=now)
    for member in told - {f"{MEMBER}{name}" for name in found}:
        _tell(keeper, member, Condition.GONE, "it is no longer configured", Severity.WARNING, since=now)


def how_loud(book: Book, policy: str, found: Mapping[str, Word]) -> Severity:
    """A warning, as long as some channel of the monitor's warnings works; else a page, which finds other ways."""
    spec = book.policies.get(policy)
    used = {kind for target in (spec.warnings if spec else ()) for kind in _channels(book, target)}
    works = any(name in ALWAYS - {"ntfy", "pushover"} or name not in found or found[name].ok for name in used)
    return Severity.WARNING if works else Severity.ERROR


def _channels(book: Book, target: str) -> set[str]:
    """The channels by which a target is told."""
    meant = parse_target(target)
    if meant.kind == "person":
        person = book.people.get(meant.name)
        entries = [entry.partition(":")[0] for entry in person.phone] if person is not None else []
        return {*entries, *(["slack"] if person is not None and person.slack else [])}
    if meant.kind in ("on-call", "next"):
        rotation = book.rotations.get(meant.name)
        people = rotation.everybody if rotation is not None else ()
        return {name for key in people for name in _channels(book, key)}
    return {meant.kind}


def _tell(keeper: Keeper, member: str, condition: Condition, sentence: str, severity: Severity, *, since: int) -> None:
    now = keeper.clock.now()
    told = signals.of_monitor(
        keeper.catalog, member, condition, at=now, since=since, sentence=sentence, severity=severity
    )
    keeper.engine.teller.tell(told)
