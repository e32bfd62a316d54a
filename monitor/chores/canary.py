"""The daily canary page: a page of low urgency that has to come out of its real provider within a minute, and is closed
again. When it does not, the monitor's policy hears of it, through its other ways too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import structlog
from sqlmodel import Session

from alerts import drills, once
from alerts.drills import CANARY
from alerts.signal import Condition, Severity, Signal
from alerts.tables import Drill
from monitor.config.canary_page_section import POLICY
from monitor.engine import signals
from monitor.services.staging import verify
from probes.words.clock import moment
from probes.words.errors import DeliveryError
from probes.words.units import HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from monitor.app import Keeper
    from monitor.config.planned import CanaryPage

log = structlog.get_logger("showup.canary")

SUBJECT = f"{signals.CANARY}page"
MEMBER = "canary page"  # of the monitor's incident when it fails
LATE = HOUR  # µs: a page that could not leave within this time is left out until tomorrow
CLOSES = MINUTE  # µs within which its resolve has to have arrived
NOTE = "canary page"  # what is remembered of it in `keeper.notes`


class Do(StrEnum):
    """What is to be done about a canary page now."""

    WAIT = "wait"
    SEND = "send"
    CLOSE = "close"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class Stand:
    """How it stands, times in µs: `accepted` by the provider, `verified` to be there (`can` says whether that can be
    known at all), `closed` there; `held` by a mute; `known`: alerts have heard of it; this process runs since `up`."""

    began: int
    within: int
    can: bool
    accepted: int | None = None
    verified: bool = False
    healed: int | None = None
    closed: bool = False
    open: bool = False
    held: bool = False
    known: bool = True
    up: int = 0


Found = tuple[Drill, Stand, tuple[int, str, str] | None]


def move(stand: Stand, *, now: int) -> tuple[Do, str]:
    """What is to be done, and what failed, "" for nothing. Pure."""
    if stand.healed is not None:
        gone = stand.closed or not stand.can or stand.accepted is None  # what never arrived is not to be closed there
        if not stand.open and gone:
            return Do.FINISH, ""
        late = now >= max(stand.healed, stand.up) + CLOSES
        return (Do.FINISH, "it could not be closed there") if late else (Do.WAIT, "")
    if stand.accepted is not None and (stand.verified or not stand.can):
        return Do.CLOSE, ""
    if not stand.known and now >= stand.began + LATE:
        return Do.CLOSE, "held: showup was off when it was to leave"
    if now < max(stand.began, stand.up) + stand.within:  # while showup was off nothing could be accepted
        return (Do.WAIT if stand.known else Do.SEND), ""
    if stand.held:
        return Do.CLOSE, "held: a mute holds all pages"
    lacks = "was accepted, and no page came of it" if stand.accepted is not None else "was not accepted"
    return Do.CLOSE, f"it {lacks} within {stand.within // SECOND} s"


async def look(keeper: Keeper) -> None:
    """Begin it when its time has come, and follow the one that is under way."""
    plan, now = keeper.catalog.canary_page, keeper.clock.now()
    if not keeper.engine.pulse.began:
        return
    found = await keeper.store.read(lambda session: [row.public_id for row in drills.running(session, CANARY)])
    for number in found:
        await _step(keeper, number)
    if plan is None:
        keeper.notes.pop(NOTE, None)
        return
    if NOTE not in keeper.notes:
        await _recall(keeper)
    due = plan.after(now - LATE)
    if due <= now and not found:
        await begin(keeper, plan, key=f"canary page {due}")


async def begin(keeper: Keeper, plan: CanaryPage, *, key: str) -> bool:
    """Send it, once for each `key`; False when it was sent already."""
    now = keeper.clock.now()

    def write(session: Session) -> str:
        if not once.claim(session, key, now=now):
            return ""
        number = drills.new_id(session, now)
        member = f"canary of {moment(now):%Y-%m-%d} ({number})"
        report = {"through": plan.through, "within": plan.within, "policy": POLICY}
        session.add(
            Drill(public_id=number, kind=CANARY, subject=SUBJECT, member=member, author="showup", scheduled=True,
                  began=now, injected=now, report=report)
        )  # fmt: skip
        return member

    member = await keeper.store.write(write)
    if member:
        log.info("the canary page leaves", through=plan.through)
        keeper.engine.teller.tell(_signal(member, Condition.FAILING, at=now))
        await _recall(keeper)
    return bool(member)


def _signal(member: str, condition: Condition, *, at: int) -> Signal:
    return Signal(
        subject=SUBJECT,
        member=member,
        condition=condition,
        at=at,
        since=at,
        severity=Severity.CRITICAL,
        policy=POLICY,
        title="Canary page",
        notice="arrives, as it does each day",
        sentence="it proves that a page can leave, and closes itself within a minute",
        blame="",
        drill=True,
        urgent=False,
    )


async def _step(keeper: Keeper, number: str) -> None:
    now = keeper.clock.now()

    def read(session: Session) -> Found | None:
        return _stand(keeper, session, number)

    found = await keeper.store.read(read)
    if found is None:
        return
    _, stand, page = found
    if page is not None and await _asked(keeper, number, stand, *page):
        again = await keeper.store.read(read)  # what the provider just said counts before its time is called over
        found = again or found
    row, stand, _ = found
    act, failed = move(stand, now=now)
    if act is Do.CLOSE:
        await _close(keeper, row, failed, now=now)
    elif act is Do.FINISH:
        await _finish(keeper, number, failed)
    elif act is Do.SEND:  # it was killed between the row and its signal
        keeper.engine.teller.tell(_signal(row.member, Condition.FAILING, at=now))


def _stand(keeper: Keeper, session: Session, number: str) -> Found | None:
    """One canary page, how it stands, and its page's (row, channel, key)."""
    row = drills.find(session, number)
    if row is None:
        return None
    incident = drills.incident_of(session, row, SUBJECT)
    pages = drills.pages_of(session, incident) if incident is not None else []
    page = pages[0] if pages else None
    stand = Stand(
        began=row.began,
        within=int(row.report.get("within") or MINUTE),
        can=page is not None and bool(getattr(keeper.channels.get(page.channel), "verifies", False)),
        accepted=page.delivered_at if page is not None else None,
        verified=page is not None and page.verified,
        healed=row.healed,
        closed=bool(row.report.get("closed")),
        open=incident is not None and (incident.resolved_at is None or not drills.settled(session, incident)),
        held=incident is not None and incident.held_by is not None,
        known=incident is not None or row.began >= keeper.engine.pulse.began,
        up=keeper.engine.pulse.began,
    )
    session.expunge(row)
    return row, stand, (page.id or 0, page.channel, page.key) if page is not None else None


async def _asked(keeper: Keeper, number: str, stand: Stand, page: int, channel: str, key: str) -> bool:
    """Ask the provider what is not known yet of the page; False when there was nothing to ask."""
    if not stand.can:
        return False
    if stand.healed is None and stand.accepted is not None and not stand.verified:
        await verify(keeper, page, channel, key)
    elif stand.healed is not None and not stand.open and not stand.closed:
        await _is_closed(keeper, number, channel, key)
    else:
        return False
    return True


async def _is_closed(keeper: Keeper, number: str, channel: str, key: str) -> None:
    """Ask the provider whether its copy is closed, and keep that."""
    try:
        found = await keeper.channels[channel].verify(key)
    except (DeliveryError, TimeoutError):
        return
    if (found or {}).get("status") != "resolved":
        return

    def write(session: Session) -> None:
        row = drills.find(session, number)
        if row is not None:
            row.report = {**row.report, "closed": True}
            session.add(row)

    await keeper.store.write(write)


async def _close(keeper: Keeper, row: Drill, failed: str, *, now: int) -> None:
    def write(session: Session) -> None:
        mine = drills.find(session, row.public_id)
        if mine is not None:
            mine.healed, mine.report = now, {**mine.report, "failed": failed}
            session.add(mine)

    await keeper.store.write(write)
    keeper.engine.teller.tell(_signal(row.member, Condition.PASSING, at=now))
    if failed and not failed.startswith("held"):
        await _tell(keeper, f"the canary page failed: {failed}")  # at once: whoever is woken by it may be needed


async def _finish(keeper: Keeper, number: str, failed: str) -> None:
    now = keeper.clock.now()

    def write(session: Session) -> str:
        row = drills.find(session, number)
        if row is None or row.ended is not None:
            return ""
        incident = drills.incident_of(session, row, SUBJECT)
        row.incident, row.ended = incident.id if incident is not None else None, now
        why = str(row.report.get("failed") or "") or failed
        held = why.startswith("held")
        row.outcome = drills.PASSED if not why else drills.STOPPED if held else drills.FAILED
        said = why or "it came out of the provider, and was closed there"
        row.report = {**row.report, **drills.measured(session, row, incident), "why": said}
        session.add(row)
        return row.outcome

    outcome = await keeper.store.write(write)
    if outcome == drills.PASSED:
        await _tell(keeper, "")
    elif outcome == drills.FAILED and failed:
        await _tell(keeper, f"the canary page failed: {failed}")
    log.info("the canary page is over", outcome=outcome)
    await _recall(keeper)


async def _tell(keeper: Keeper, trouble: str) -> None:
    """The monitor's policy hears that it failed, and that a later one passed; each once."""
    now = keeper.clock.now()

    def read(session: Session) -> bool:
        members = keeper.desk.open_members(session)
        return any(one.subject == signals.MONITOR and one.member == MEMBER for one in members)

    if bool(trouble) == await keeper.store.read(read):
        return
    condition = Condition.FAILING if trouble else Condition.PASSING
    sentence = trouble or "the canary page arrives again"
    keeper.engine.teller.tell(
        signals.of_monitor(
            keeper.catalog, MEMBER, condition, at=now, since=now, sentence=sentence, severity=Severity.ERROR
        )
    )


async def _recall(keeper: Keeper) -> None:
    """What is known of the newest one, for status and metrics."""

    def read(session: Session) -> dict[str, Any]:
        newest = drills.newest(session, kind=CANARY, limit=1)
        good = drills.rehearsed(session, CANARY).get(SUBJECT)
        if not newest:
            return {"good": good}
        row = newest[0]
        seconds = (row.healed - row.began) / SECOND if row.outcome == drills.PASSED and row.healed else None
        return {"at": row.began, "outcome": row.outcome or "running", "why": str(row.report.get("why") or ""),
                "seconds": seconds, "good": good}  # fmt: skip

    keeper.notes[NOTE] = await keeper.store.read(read)
