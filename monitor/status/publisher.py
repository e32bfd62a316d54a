"""Publishing: on change, at most every so often, and at least often enough to stay fresh; a failure leaves the last
good page."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from sqlmodel import Session

from alerts.signal import Condition, Severity
from monitor import selfcheck
from monitor.engine import signals
from monitor.status import build, escalation, render
from monitor.store.queries.notes import remember
from monitor.tokens import key_in, report_token
from probes.words.errors import StoreError
from probes.words.text import clean
from probes.words.units import micros_of

if TYPE_CHECKING:
    from monitor.app import Keeper

log = structlog.get_logger("showup.publish")

LOCAL_EVERY = 2.0  # seconds between renderings of our own copy, at most
IDLE = 15  # times as long as a rendering took is none made after it: large sites must not take probes their time
REFRESH = 60.0  # seconds after which the page is made anew though nothing changed
COMMAND_SECONDS = 120.0
MEMBER = "publish"


@dataclass(frozen=True, slots=True)
class Published:
    """What came of publishing: "" or why it failed, and how many files changed."""

    trouble: str
    files: int


async def make(keeper: Keeper) -> dict[str, bytes]:
    """Every file of the site as of now; rendered off the loop."""
    now = keeper.clock.now()
    catalog, desk = keeper.catalog, keeper.desk
    await keeper.store.write(lambda session: build.keep_tokens(session, catalog, now=now))
    links = _links(keeper)
    made = await keeper.store.read(lambda session: build.make_pages(session, catalog, desk, now=now, report_url=links))
    found = await asyncio.to_thread(render.files, made)
    if how := catalog.publish.escalation:
        named = how == "names"
        procedure = await keeper.store.read(
            lambda session: escalation.read(session, catalog, desk, now=now, names=named, public=True)
        )
        found[escalation.FILE] = escalation.html(procedure, home=True).encode()
    await asyncio.to_thread(render.write, found, keeper.folder / "public")
    selfcheck.note_page(keeper, made=now)
    return found


def _links(keeper: Keeper) -> Callable[[str], str]:
    """Where customers of a workflow report; "" where that is not offered, or nobody outside could reach it."""
    base, key, workflows = keeper.catalog.web.url.rstrip("/"), key_in(keeper.folder), keeper.catalog.workflows

    def link(subject: str) -> str:
        workflow = workflows.get(subject.partition("/")[0])
        offered = bool(base) and workflow is not None and workflow.reports
        return f"{base}/report/{report_token(key, subject)}" if offered else ""

    return link


def put(
    found: dict[str, bytes], *, folders: tuple[str, ...], commands: tuple[str, ...], base: Path, public: Path
) -> Published:
    """Copy the site into each folder and run each command; every one is tried, the first failure is told."""
    troubles, changed = [], 0
    for name in folders:
        try:
            changed += render.write(found, base / name)
        except OSError as error:
            troubles.append(f"{name}: {error.strerror or error}")
    for command in commands:
        if said := _run(command, base, public):
            troubles.append(said)
    return Published("; ".join(troubles), changed)


def _run(command: str, base: Path, public: Path) -> str:
    try:
        words = [word.replace("${folder}", str(public)) for word in shlex.split(command)]
    except ValueError as error:
        return f"{clean(command, 80)}: {str(error).lower()}"
    if not words:
        return "an empty command"
    try:
        done = subprocess.run(
            words, cwd=base, capture_output=True, timeout=COMMAND_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return f"{words[0]} took longer than {COMMAND_SECONDS:.0f} s"
    except OSError as error:
        return f"{words[0]}: {error.strerror}"
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or [""]
        return f"{words[0]} ended with {done.returncode}: {clean(last[0], 160)}"
    return ""


async def publish(keeper: Keeper, found: dict[str, bytes] | None = None) -> dict[str, Any]:
    """Put what was made (now, for None); what came of it is remembered and, if it failed, the owner is warned."""
    found = await make(keeper) if found is None else found
    spec, public = keeper.catalog.publish, keeper.folder / "public"
    done = await asyncio.to_thread(
        put, found, folders=spec.to, commands=spec.commands, base=keeper.catalog.folder, public=public
    )
    now = keeper.clock.now()
    if not done.trouble:
        selfcheck.note_page(keeper, put=now)
    note = {"at": now, "trouble": done.trouble, "to": [*spec.to, *spec.commands]}

    def keep(session: Session) -> bool:
        remember(session, "published", note, now=now)
        members = keeper.desk.open_members(session)
        return any(one.subject == signals.MONITOR and one.member == MEMBER for one in members)

    _tell(keeper, done.trouble, told=await keeper.store.write(keep), now=now)
    if done.trouble:
        log.warning("publishing failed; the last good page stays", reason=done.trouble)
    return {"files": len(found), "changed": done.files, "trouble": done.trouble, "folder": str(public)}


def _tell(keeper: Keeper, trouble: str, *, told: bool, now: int) -> None:
    """The owner is told once, and again when it works; what was told is in the record, so a restart changes nothing."""
    if bool(trouble) == told:
        return
    condition = Condition.FAILING if trouble else Condition.PASSING
    sentence = f"publishing fails: {trouble}" if trouble else "publishing works again"
    keeper.engine.teller.tell(
        signals.of_monitor(
            keeper.catalog, MEMBER, condition, at=now, since=now, sentence=sentence, severity=Severity.WARNING
        )
    )


def pause(took: float) -> float:
    """Seconds in which no page is made after one that `took` so long."""
    return min(REFRESH, max(LOCAL_EVERY, IDLE * took))


async def publisher_loop(keeper: Keeper) -> None:
    """Keep our own copy fresh within seconds of a change, and what is published within its limit."""
    last_put = 0.0
    while True:
        keeper.changed.clear()
        spec, mono = keeper.catalog.publish, keeper.clock.mono()
        due = mono - last_put >= micros_of(spec.at_most_every) / 1e6 if last_put else True
        took = 0.0
        try:
            found = await make(keeper)
            took = keeper.clock.mono() - mono
            if (spec.to or spec.commands) and due:
                last_put = mono
                await publish(keeper, found)
        except (StoreError, OSError) as error:
            log.warning("the page could not be made; the last good one stays", reason=str(error))
        await asyncio.sleep(pause(took))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REFRESH):
                await keeper.changed.wait()
