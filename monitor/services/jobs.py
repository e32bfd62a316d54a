"""Jobs that report by themselves: where each reports, how it stands, and their words over the socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from monitor.engine.heartbeats import BODY, Known, Ping, Word, read_rid, rhythm_of
from monitor.engine.listening import Beat
from monitor.services.base import probe_named, service, when
from monitor.store.queries.ledgers import find_ledger
from monitor.store.queries.pings import PingView, last_pings
from monitor.tokens import key_in, ping_key, ping_token
from probes.words.errors import Refused

if TYPE_CHECKING:
    from monitor.app import Keeper
    from monitor.config.catalog import Probe


@service()
async def heartbeats(keeper: Keeper) -> dict[str, Any]:
    """Every job that reports by itself: its address, its last word, how it stands and what it owes next."""
    probes = [one for one in keeper.catalog.probes.values() if one.heartbeat is not None]
    key, base = key_in(keeper.folder), _base(keeper)

    def read(session: Session) -> dict[str, PingView]:
        keys = {one.id: (one.workflow, one.environment, one.name, one.location) for one in probes}
        numbers = {name: find_ledger(session, where) for name, where in keys.items()}
        last = last_pings(session, [number for number in numbers.values() if number is not None])
        return {name: last[number] for name, number in numbers.items() if number is not None and number in last}

    last = await keeper.store.read(read)
    return {
        "running": keeper.engine.pulse.began > 0,
        "by_name": f"{base}/ping/{ping_key(key)}/NAME" if base else "",
        "jobs": [_job(keeper, one, last.get(one.id), address(base, key, one.id)) for one in probes],
    }


def _base(keeper: Keeper) -> str:
    web = keeper.catalog.web
    return web.url or web.page.rstrip("/")


def address(base: str, key: bytes, name: str) -> str:
    """Where a job reports, "" when nothing is served."""
    return f"{base}/ping/{ping_token(key, name)}" if base else ""


def _job(keeper: Keeper, probe: Probe, last: PingView | None, url: str) -> dict[str, Any]:
    beat = keeper.engine.heartbeats.beats.get(probe.id)
    state, why = _state(keeper, beat, probe)
    rhythm = rhythm_of(probe)
    return {
        "probe": probe.id,
        "url": url,
        "rhythm": f"cron {probe.cron} {probe.timezone}" if probe.cron else "",
        "every_seconds": rhythm.cadence.period / 1e6,
        "grace_seconds": rhythm.grace / 1e6,
        "state": state,
        "why": why,
        "last": _word(last),
        "expected": when(beat.due.expected) if beat is not None else None,
        "deadline": when(beat.due.deadline) if beat is not None else None,
        "running_since": when(min(beat.begun.values(), default=None)) if beat is not None else None,
    }


def _word(last: PingView | None) -> dict[str, Any] | None:
    said = last and Word(last.kind).name.lower()
    return {"at": when(last.at), "said": said, "status": last.status} if last is not None else None


def _state(keeper: Keeper, beat: Beat | None, probe: Probe) -> tuple[str, str]:
    if not probe.scheduled:
        return "off", "nothing of its environment is scheduled" if probe.enabled else "it is switched off"
    if beat is None:
        return "unknown", "the daemon is not running"
    if probe.id in keeper.engine.paused:
        return "unknown", "paused"
    if beat.known is Known.NOTHING:
        return "unknown", "waiting for the first ping"
    last = beat.track.last
    return (str(last.state), last.sentence) if last is not None else ("unknown", "")


_SAID = {"start": Word.START, "success": Word.SUCCESS, "fail": Word.FAILURE, "log": Word.LOG}


@service(acts=True)
async def heartbeat(
    keeper: Keeper, probe: str, said: str = "success", status: int = -1, rid: str = "", body: str = ""
) -> dict[str, Any]:
    """A job's word, from this machine: start, success, fail, log, or an exit status from 0 to 255."""
    name = probe_named(keeper, probe)
    if name not in keeper.engine.heartbeats.beats:
        raise Refused(f"{name} is no job that reports by itself", hint="see: showup heartbeat list")
    run, exit_status = read_rid(rid or None), status if 0 <= status <= 255 else None
    if said not in _SAID or run is None:
        raise Refused("this is nothing that a job can say", hint="say start, success, fail or log, and rid as a UUID")
    word = _SAID[said] if exit_status is None else Word.FAILURE if exit_status else Word.SUCCESS
    text = keeper.secrets.redactor().text(body[:BODY])
    await keeper.engine.heartbeats.hear(name, Ping(word, exit_status, run, text))
    return {"probe": name, "said": word.name.lower()}
