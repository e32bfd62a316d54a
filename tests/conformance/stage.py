"""One row in one dialect, by the real path: a configuration as a user writes it, a probe host, the keeper's verdict."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import yaml

from monitor.config.catalog import Catalog, Probe
from monitor.config.load import load_text
from monitor.engine.blame import Heard, may_be_caused, of_canary, weigh, word_of
from monitor.engine.hosts import Hosts
from monitor.engine.verdict import Verdict, judge
from monitor.sandbox.http_target import HttpTarget
from monitor.sandbox.kit import aimed
from monitor.sandbox.models import ModelServer
from monitor.sandbox.models.server import LABELS
from probes.board import boot
from probes.frames import Reply, Request
from probes.words.clock import SystemClock
from tests.conformance.rows import ROWS, Row

DIALECTS = tuple(LABELS)
KEY = "sk-conformance-0123456789"
CANARY_TIMEOUT = "2s"
OURS = frozenset({"monitor_fault", "host_lost", "skipped"})  # what says nothing of the target
TRIES = 3
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a row: the host's reply, and the keeper's verdict once the canary was heard, too."""

    row: Row
    dialect: str
    reply: Reply
    verdict: Verdict

    @property
    def failure(self) -> str:
        """What the host named, "" for nothing."""
        return self.reply.failure or ""

    @property
    def blame(self) -> str:
        """Who is blamed, "" for nobody."""
        return str(self.verdict.blame or "")

    @property
    def seconds(self) -> float:
        """From the start of the attempt until it was told."""
        return self.reply.took / 1e6

    def faults(self) -> list[str]:
        """Everything that is not as it has to be, in words; empty when all is."""
        wanted = self.row.expected(LABELS[self.dialect], self.dialect) or ""
        found = [] if self.failure == wanted else [f"called {self.failure or 'nothing'}, not {wanted or 'nothing'}"]
        if not found and wanted and self.blame != self.row.blamed(wanted):
            why = self.verdict.why or "by the failure alone"
            found.append(f"{self.blame or 'nobody'} was blamed, not {self.row.blamed(wanted)}: {why}")
        if wanted and self.row.says.lower() not in self.reply.sentence.lower():
            found.append(f"it does not say {self.row.says!r}")
        if wanted and self.row.phase and self.reply.phase != self.row.phase:
            found.append(f"in the phase {self.reply.phase or 'none'}, not {self.row.phase}")
        if self.seconds > self.row.within:
            found.append(f"after {self.seconds:.1f} s, not {self.row.within:g} s")
        return found + self._lacking(wanted)

    def _lacking(self, wanted: str) -> list[str]:
        """What the evidence lacks, or shows and must not."""
        evidence = self.reply.evidence or {}
        shown = json.dumps(evidence, ensure_ascii=False) + self.reply.sentence
        requests = [one for step in evidence.get("steps", ()) for one in step["requests"]]
        checks = [one for step in evidence.get("steps", ()) for one in step["checks"]]
        found = ["the key stands in the evidence"] if KEY in shown else []
        if any(ord(letter) < 32 and letter not in "\n\t" for letter in shown):
            found.append("control characters in the evidence")
        if wanted and not self.reply.sentence:
            found.append("no sentence")
        if not requests:
            found.append("no request in the evidence")
        elif wanted and not requests[-1].get("failure") and all(one["ok"] for one in checks):
            said = requests[-1].get("status")
            found += [] if said and (said >= 400 or requests[-1].get("response") is not None) else ["no proof"]
        return found


class Stage:
    """Servers for every dialect, one probe host, and the catalog of all rows: `await stage.see(row, dialect)`."""

    def __init__(self, rows: tuple[Row, ...] = ROWS) -> None:
        self._rows = rows
        self.models = {name: ModelServer(key=KEY) for name in DIALECTS}
        self.targets = HttpTarget()
        self._folder = TemporaryDirectory(prefix="showup-conformance-")
        self._stack = AsyncExitStack()
        self.hosts = Hosts(SystemClock(), shared=1, folder=self._folder.name)
        self._catalog: Catalog | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.callback(self._folder.cleanup)
            for server in (*self.models.values(), self.targets):
                await stack.enter_async_context(server)
            text = yaml.safe_dump(self.written())
            self._catalog = load_text(text, secrets={"KEY": KEY}, folder=Path(self._folder.name))
            stack.push_async_callback(self.hosts.close)
            await self.hosts.start()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def see(self, row: Row, dialect: str) -> Seen:
        """Break it, look, ask the provider's canary, and heal."""
        server = self.models[dialect]
        server.pace = row.pace
        if (fault := row.broken) is not None:
            server.faults.set(aimed(fault, dialect))
        try:
            reply = await self.attempt(f"{_workflow(row, dialect)}/production/{row.slug}")
            return Seen(row, dialect, reply, await self._weighed(row, dialect, reply))
        finally:
            server.faults.clear()
            server.pace = 0.0

    async def see_all(self, dialects: tuple[str, ...] = DIALECTS) -> list[Seen]:
        """Every row in every dialect it applies to; dialects beside each other, the rows of one after another."""

        async def one(dialect: str) -> list[Seen]:
            wanted = [row for row in self._rows if applies(row, dialect)]
            return [await self.see(row, dialect) for row in wanted]

        return [seen for found in await asyncio.gather(*map(one, dialects)) for seen in found]

    async def _weighed(self, row: Row, dialect: str, reply: Reply) -> Verdict:
        """The verdict on a reply, in the light of what a canary of the same provider sees at the same time."""
        verdict = judge(reply)
        if row.at or not may_be_caused(verdict, reply.phase):
            return verdict
        heard = await self.attempt(f"provider:{dialect}/production/canary")
        canary = of_canary(judge(heard), capped=heard.witness == "length")
        said = Heard(1, 2, word_of(canary), canary.failure, canary.sentence, "canary")
        return weigh(verdict, {dialect: (said,)}, since=0, names={})

    async def attempt(self, name: str, **more: Any) -> Reply:
        """One attempt of a probe of the catalog, in the host; again where a busy machine left it without a word, as the
        keeper does."""
        if self._catalog is None:
            raise RuntimeError("the stage is not open")
        probe = self._catalog.probes[name]
        for _ in range(TRIES):
            reply = await self.hosts.attempt(request(probe, **more), job=probe.job)
            if reply.failure not in OURS:
                break
        return reply

    # the configuration

    def written(self) -> dict[str, Any]:
        """The configuration, as a user writes it."""
        workflows = dict[str, Any]()
        for row in self._rows:
            for dialect in DIALECTS:
                if applies(row, dialect):
                    made = workflows.setdefault(_workflow(row, dialect), self._workflow(row, dialect))
                    made["probes"][row.slug] = row.written()
        providers = {name: self._provider(name) for name in DIALECTS}
        return {"providers": providers, "workflows": workflows}

    def _workflow(self, row: Row, dialect: str) -> dict[str, Any]:
        server = self.models[dialect]
        spoken = next(one for one in server.dialects if one.label == LABELS[dialect])
        chat = {"dialect": spoken.name, "model": server.models[0], "path": spoken.paths[0], **row.chat}
        made = {"url": server.url, "auth": {"bearer": "${secret:KEY}"}, "chat": chat, "probes": {}}
        if row.at:
            made |= self._elsewhere(row.at)
        return made if row.at else made | {"depends_on": [dialect]}

    def _elsewhere(self, at: str) -> Mapping[str, Any]:
        if at == "refused":
            return {"url": self.targets.refused.rstrip("/")}
        if at == "no-such-name":
            return {"url": "http://nowhere.invalid"}
        url = self.targets.silent if at == "silent" else self.targets.tls(at)
        return {"url": url.removesuffix("/ok").rstrip("/"), "ca_file": self.targets.ca_file}

    def _provider(self, dialect: str) -> dict[str, Any]:
        server = self.models[dialect]
        spoken = next(one for one in server.dialects if one.label == LABELS[dialect])
        url = server.url + spoken.paths[0].removesuffix("/chat/completions").removesuffix("/responses")
        url = url.removesuffix("/messages").removesuffix("/api/chat")
        canary = {"timeout": CANARY_TIMEOUT, "attempts": 1}
        made = {"dialect": spoken.name, "url": url, "key": "${secret:KEY}", "model": server.models[0]}
        return made | {"canary": canary}


def applies(row: Row, dialect: str) -> bool:
    """False where a dialect has no way to say such a thing."""
    return row.expected(LABELS[dialect], dialect) is not None


def request(probe: Probe, **more: Any) -> Request:
    """What a keeper sends to have one attempt of a probe made."""
    number = next(_NUMBERS)
    return Request(
        number=number,
        job_id=probe.job_id,
        run_id=f"RUN{number}",
        attempt=1,
        at=SystemClock().now(),
        sent=boot(),
        timeout=probe.timeout.total_seconds(),
        cleanup=probe.cleanup.total_seconds(),
        secrets=dict.fromkeys(probe.secrets, KEY),
        keep=True,
        **more,
    )


def _workflow(row: Row, dialect: str) -> str:
    if row.at:
        return f"{dialect}-at-{row.at}"
    return f"{dialect}-whole" if row.chat else dialect
