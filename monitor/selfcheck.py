"""What showup looks at in itself, beside moving parts: can each channel be spoken to, does the outbox empty itself, is
the page made. What is seen is kept in `keeper.notes`, and read by the outside switch, /healthz, status and metrics.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, func, or_, select

from alerts.book import Book
from alerts.policy import parse_target
from alerts.routes import FIRST_WORDS
from alerts.tables import Notification
from probes.words.errors import DeliveryError, ShowupError
from probes.words.text import clean
from probes.words.units import MINUTE, micros_of

if TYPE_CHECKING:
    from monitor.app import Keeper

TESTS, OUTBOX, PAGE = "self tests", "outbox", "page"  # names of notes
PATIENCE = 15.0  # seconds that a channel has to answer
TESTS_FRESH = 15 * MINUTE
OUTBOX_FRESH = 3 * MINUTE
STUCK = 2 * MINUTE  # µs that a page may be due without anybody trying
TWICE = 2  # tests in a row that have to fail before a channel counts as broken: one may be a hiccup


@dataclass(frozen=True, slots=True)
class Word:
    """What a channel said of itself last: `since` (µs) it fails, None while it is well; `fails` tests in a row."""

    at: int
    ok: bool
    said: str = ""
    since: int | None = None
    fails: int = 0

    def after(self, found: str, *, at: int) -> Word:
        """The next one; `found` is "" or what was wrong."""
        if not found:
            return Word(at, True)
        return Word(at, False, found, self.since if self.since is not None else at, self.fails + 1)


def tests(keeper: Keeper) -> Mapping[str, Word]:
    """The newest test of each channel."""
    found: Mapping[str, Word] = keeper.notes.get(TESTS) or {}
    return found


async def test_channels(keeper: Keeper) -> Mapping[str, Word]:
    """Speak to every channel that can be spoken to without anybody noticing; what came of it."""
    hide = keeper.secrets.redactor().text
    names = [
        name for name in keeper.catalog.book.channels if callable(getattr(keeper.channels.get(name), "alive", None))
    ]
    said = await asyncio.gather(*(_speak(keeper, name) for name in names))
    now, before = keeper.clock.now(), tests(keeper)
    found = {
        name: before.get(name, Word(now, True)).after(clean(hide(words), 160), at=now)
        for name, words in zip(names, said, strict=True)
    }
    keeper.notes[TESTS] = found
    return found


async def _speak(keeper: Keeper, name: str) -> str:
    channel: Any = keeper.channels[name]
    try:
        async with asyncio.timeout(PATIENCE):
            await channel.alive()
    except TimeoutError:
        return f"no answer within {PATIENCE:g} s"
    except DeliveryError as error:
        return str(error)
    except (ShowupError, OSError, KeyError, ValueError) as error:
        return type(error).__name__
    return ""


def ringing(book: Book) -> frozenset[str]:
    """The channels behind which something can ring: phones of people, and PagerDuty where a policy names it."""
    phones = {entry.partition(":")[0] for person in book.people.values() if person.rings for entry in person.phone}
    named = {parse_target(target).kind for policy in book.policies.values() for target in policy.targets}
    return frozenset(phones | (named & {"pagerduty", "ntfy"}))


def stuck(session: Session, *, now: int) -> int:
    """How many pages and warnings are due since two minutes and nobody tries: what failed waits for its next try, and
    is none of these."""
    late = now - STUCK
    query = select(func.count(col(Notification.id))).where(
        col(Notification.purpose).in_(FIRST_WORDS),
        or_(
            (col(Notification.state) == "pending") & (col(Notification.due_at) < late),
            (col(Notification.state) == "sending") & (col(Notification.claimed_until) < late),
        ),
    )
    return int(session.exec(query).one())


def reasons(keeper: Keeper) -> tuple[str, ...]:
    """Why pages might reach nobody or nobody see a fresh page, in words without a secret; () when all is fresh.

    A channel that fails is told to the monitor's owner by the others. Only when none that can ring works is the outside
    switch let go: then nobody here could tell anybody.
    """
    now, began = keeper.clock.now(), keeper.engine.pulse.began
    return (*_channels(keeper, now, began), *_outbox(keeper, now, began), *_page(keeper, now, began))


def _channels(keeper: Keeper, now: int, began: int) -> list[str]:
    loud, known = ringing(keeper.catalog.book), tests(keeper)
    if not loud or not began:
        return []
    newest = max((one.at for one in known.values()), default=began)
    if "chore selftests" in keeper.loops and known and now - newest > TESTS_FRESH:
        return ["the channels were not tested lately"]
    broken = {name for name in loud if name in known and known[name].fails >= TWICE}
    return [f"no channel that can ring works: {', '.join(sorted(loud))}"] if broken == loud else []


def _outbox(keeper: Keeper, now: int, began: int) -> list[str]:
    found: Mapping[str, int] = keeper.notes.get(OUTBOX) or {"at": began, "stuck": 0}
    if found["stuck"]:
        return [f"{found['stuck']} pages are due and nobody sends them"]
    fresh = "chore outbox" not in keeper.loops or now - max(found["at"], began) <= OUTBOX_FRESH
    return [] if fresh else ["the outbox was not looked at lately"]


def _page(keeper: Keeper, now: int, began: int) -> list[str]:
    if "publish" not in keeper.loops:
        return []
    found: Mapping[str, int] = keeper.notes.get(PAGE) or {}
    stale, spec = micros_of(keeper.catalog.stale_after), keeper.catalog.publish
    if now - max(found.get("made", 0), began) > stale:
        return ["the page is stale: it is not made any more"]
    late = max(stale, 3 * micros_of(spec.at_most_every))
    if (spec.to or spec.commands) and now - max(found.get("put", 0), began) > late:
        return ["the published page is stale: it is not put any more"]
    return []


def note_page(keeper: Keeper, **at: int) -> None:
    """The page was made, or put where it is published, at that time (µs)."""
    keeper.notes[PAGE] = {**(keeper.notes.get(PAGE) or {}), **at}
