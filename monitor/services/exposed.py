"""How many real items passed while a failure went unnoticed: a workflow's own system is asked, once for an incident."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import structlog

from alerts.message import IncidentView
from monitor.config.catalog import Items
from probes.checks.paths import compile_path
from probes.words.errors import Refused
from probes.words.secret import fill, names_in
from probes.words.text import clean

if TYPE_CHECKING:
    from monitor.app import Keeper

log = structlog.get_logger("showup.exposed")

PATIENCE = 10.0  # seconds that an answer may take
LARGEST = 100_000  # bytes of an answer
MOST = 1_000_000_000  # a larger number is no count


async def ask(keeper: Keeper, view: IncidentView) -> str | None:
    """What passed between the last good and the first bad run, in words; None where that could not be found out."""
    items = _items(keeper, view)
    if items is None or view.last_good is None:
        return None
    try:
        count = count_in(await _get(keeper, items, view.last_good, view.began), items)
    except (OSError, TimeoutError, KeyError, ValueError, RecursionError, Refused) as error:
        why = keeper.secrets.redactor().text(clean(str(error) or type(error).__name__, 120))
        log.warning("what passed unseen was not counted", incident=view.public_id, reason=why)
        return None
    return (
        f"{count} {clean(items.called, 40)} between to re-check" if count else f"no {clean(items.called, 40)} between"
    )


def wants(keeper: Keeper, view: IncidentView) -> bool:
    """True when an incident has a window in which nobody saw, and its workflow says where items are counted."""
    return view.last_good is not None and view.last_good < view.began and _items(keeper, view) is not None


def count_in(body: bytes, items: Items) -> int:
    """The number in an answer; raises ValueError, in words, when there is none."""
    found = compile_path(items.at)(json.loads(body))
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 10:
        found = int(found)
    if isinstance(found, list):
        found = len(found)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= MOST:
        raise ValueError(f"there is no count at {items.at}")
    return found


def address(items: Items, since: int, until: int) -> str:
    """The address to ask, with both moments (µs) in it as UTC."""
    return items.url.replace("{from}", _moment(since)).replace("{to}", _moment(until))


def _moment(at: int) -> str:
    return quote(datetime.fromtimestamp(at / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), safe="")


def _items(keeper: Keeper, view: IncidentView) -> Items | None:
    workflow = keeper.catalog.workflows.get(view.subject.partition("/")[0])
    return workflow.items if workflow is not None else None


async def _get(keeper: Keeper, items: Items, since: int, until: int) -> bytes:
    import httpx

    given: Mapping[str, Any] = {"url": address(items, since, until), "headers": dict(items.headers)}
    filled = fill(given, keeper.secrets.need(names_in([given])))
    try:
        async with (
            asyncio.timeout(PATIENCE),
            httpx.AsyncClient(follow_redirects=False, trust_env=False) as client,
            client.stream("GET", filled["url"], headers=filled["headers"]) as answer,
        ):
            if answer.status_code != 200:
                raise ValueError(f"it answered {answer.status_code}")
            body = b""
            async for part in answer.aiter_bytes(4_096):
                body += part
                if len(body) > LARGEST:
                    raise ValueError("its answer is too long")
            return body
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ValueError(f"it could not be asked ({type(error).__name__})") from None
