"""The one way each command reaches the API: the keeper's Unix socket, else the same services in this process, under
the lock."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path
from typing import Any

from monitor.places import SOCKET, state_folder
from probes.words.errors import Refused, ShowupError, StoreLocked

SECONDS = 90.0
STARTING = 15.0  # seconds that a keeper with its record open may take until it answers


def alive(folder: Path) -> bool:
    """True when a keeper answers on the socket in its state folder."""
    with socket.socket(socket.AF_UNIX) as end:
        end.settimeout(2.0)
        try:
            end.connect(str(folder / SOCKET))
        except OSError:
            return False
    return True


def call(name: str, *, config: Path | None = None, folder: Path | None = None, **given: Any) -> Any:
    """What a service answers; raises Refused with what it said, or ShowupError."""
    place = folder or state_folder()
    if alive(place):
        return _over_socket(place, name, given)
    try:
        return asyncio.run(_here(name, config, place, given))
    except StoreLocked:
        if not _comes_up(place):
            raise
        return _over_socket(place, name, given)


def _comes_up(folder: Path) -> bool:
    """Wait for the socket of a keeper that has the record open: it may have begun a moment ago."""
    until = time.monotonic() + STARTING
    while not (found := alive(folder)) and time.monotonic() < until:
        time.sleep(0.1)
    return found


def _over_socket(folder: Path, name: str, given: dict[str, Any]) -> Any:
    import httpx

    transport = httpx.HTTPTransport(uds=str(folder / SOCKET))
    try:
        with httpx.Client(transport=transport, base_url="http://keeper", timeout=SECONDS) as client:
            response = client.post(f"/rpc/{name}", json=given)
            found = response.json()
    except (httpx.HTTPError, ValueError) as error:
        raise ShowupError(
            f"the daemon did not answer: {type(error).__name__}", hint="see: journalctl -u showup"
        ) from None
    if response.status_code == 200:
        return found["answer"]
    raise Refused(str(found.get("error", "the daemon refused")), hint=str(found.get("hint", "")))


async def _here(name: str, config: Path | None, folder: Path, given: dict[str, Any]) -> Any:
    from monitor.assembly import build
    from monitor.services import SERVICES

    keeper = await build(config, folder=folder)
    try:
        return await SERVICES[name](keeper, **given)
    finally:
        for channel in keeper.channels.values():
            await channel.close()
        await keeper.store.close()
