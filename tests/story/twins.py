"""Two showups as processes of their own, each watching the other: what docs/watching-the-watcher.md describes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.client import alive, call
from monitor.sandbox.phone import PhoneServer
from monitor.tokens import key_in, ping_token

CONFIG = """\
site: {{title: "{name}", timezone: UTC}}
monitor: {{policy: wake-us, dead_man: "{dead_man}"}}
defaults: {{policy: wake-us}}
web: {{listen: "127.0.0.1:{port}"}}
channels: {{ntfy: {{url: "{phone}"}}}}
people: {{ana: {{name: Ana Silva, phone: ["ntfy:{name}-ana"]}}}}
policies: {{wake-us: {{levels: [{{at: 0m, notify: [ana]}}], warnings: [ana]}}}}
workflows:
  twin:
    title: The other showup
    promise: "{other} watches, and says so"
    url: http://127.0.0.1:{other_port}
    probes:
      healthz:
        get: /healthz
        check: [{{status: 200}}]
        confirm: 2 of 2
        every: 1s
        timeout: 700ms
        cleanup: 100ms
        attempts: 1
      beat: {{heartbeat: 1m, grace: 1m}}
"""


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as end:
        end.bind(("127.0.0.1", 0))
        return int(end.getsockname()[1])


@dataclass(slots=True)
class Twin:
    """One of the two."""

    name: str
    folder: Path
    port: int
    process: asyncio.subprocess.Process | None = None

    @property
    def state(self) -> Path:
        """Its state folder."""
        return self.folder / "state"

    async def start(self) -> None:
        """Come up, until its socket answers."""
        command = [sys.executable, "-I", "-m", "monitor.cli", "run", "--config", str(self.folder / "showup.yaml"),
                   "--state", str(self.state)]  # fmt: skip
        with (self.folder / "daemon.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        for _ in range(400):
            if await asyncio.to_thread(alive, self.state):
                return
            assert self.process.returncode is None, (self.folder / "daemon.log").read_text()[-2000:]
            await asyncio.sleep(0.1)
        raise AssertionError((self.folder / "daemon.log").read_text()[-2000:])

    async def ask(self, name: str, **given: Any) -> Any:
        """What its service answers."""
        return await asyncio.to_thread(lambda: call(name, folder=self.state, **given))

    def send(self, number: signal.Signals) -> None:
        """A signal to it and its hosts, as to a machine as a whole."""
        assert self.process is not None
        os.killpg(self.process.pid, number)

    async def end(self) -> None:
        """Leave nothing behind."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.send(signal.SIGCONT)
        with contextlib.suppress(ProcessLookupError):
            self.send(signal.SIGKILL)
        await self.process.wait()


def write(twin: Twin, other: Twin, phone: PhoneServer, *, dead_man: str) -> None:
    """Its configuration; `dead_man` is where the other one hears its beat."""
    twin.folder.mkdir(exist_ok=True)
    text = CONFIG.format(
        name=twin.name,
        other=other.name,
        port=twin.port,
        other_port=other.port,
        phone=phone.client_url,
        dead_man=dead_man,
    )
    (twin.folder / "showup.yaml").write_text(text)


@asynccontextmanager
async def two(folder: Path, phone: PhoneServer) -> AsyncIterator[tuple[Twin, Twin]]:
    """Both, running, each with the address at which the other hears its beat."""
    left, right = (Twin(name, folder / name, free_port()) for name in ("left", "right"))
    for one, other in ((left, right), (right, left)):
        other.state.mkdir(parents=True)
        token = ping_token(key_in(other.state), "twin/production/beat")
        write(one, other, phone, dead_man=f"http://127.0.0.1:{other.port}/ping/{token}")
    try:
        for one in (left, right):
            await one.start()
        yield left, right
    finally:
        for one in (left, right):
            await one.end()
