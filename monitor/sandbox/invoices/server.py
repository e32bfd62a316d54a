"""The back office as a server: an upload is answered at once, and its traces show up elsewhere a little later."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sqlite3
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import httpx
from aiohttp import web
from markupsafe import Markup

from monitor.sandbox.bucket.server import BucketServer
from monitor.sandbox.invoices.reading import read_form, read_invoice
from monitor.sandbox.mail.server import MailServer
from monitor.sandbox.markup import page
from monitor.sandbox.server import Server

WATCHED = 0.2  # seconds between two looks into the folder of scans
CALLED_BACK = 5.0  # seconds for a webhook
TRACES = ("row", "webhook", "mail", "object", "file")
_TABLE = """CREATE TABLE IF NOT EXISTS ledger (
    id TEXT, reference TEXT, invoice TEXT, vendor TEXT, currency TEXT, total NUMERIC, due TEXT, synthetic TEXT)"""


@dataclass(slots=True)
class Work:
    """One document on its way."""

    id: str
    name: str
    text: str
    fields: dict[str, str]
    state: str = "queued"
    reference: str = ""
    document: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """It as its status page shows it."""
        return {"id": self.id, "state": self.state, "reference": self.reference, "document": self.document}


class Invoices(Server):
    """`POST /invoices` takes a document (`file`, with the fields `callback` and `synthetic`) and answers 202.

    `seconds` later it is read: `GET /invoices/ID` says so, a row stands in `ledger` (a SQLite file), the webhook is
    called, a mail is sent to `mail`, and the document is put into `bucket` and `outbox`. What is put into the folder
    `scans` is taken in the same way. Without a mail or bucket server it has its own.
    """

    name: ClassVar[str] = "invoices"
    kinds: ClassVar[dict[str, str]] = {
        "late": "a document is read `seconds` (60) later than usual",
        "lost": "a trace never shows; `where` says which: row, webhook, mail, object, file",
        "wrong-amount": "the total is read ten times too high",
        "twice": "it is booked twice",
        "unread": "the document cannot be read",
    }

    def __init__(
        self,
        *,
        mail: MailServer | None = None,
        bucket: BucketServer | None = None,
        seconds: float = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.mail, self.bucket = mail or MailServer(), bucket or BucketServer()
        self._own: list[Server] = [own for own, given in ((self.mail, mail), (self.bucket, bucket)) if given is None]
        self.seconds = seconds
        self.works: dict[str, Work] = {}
        self._place: tempfile.TemporaryDirectory[str] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # -- life

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return Path(self._place.name) if self._place is not None else Path("nowhere")

    @property
    def ledger(self) -> str:
        """The address of its database."""
        return f"sqlite:///{self.folder / 'ledger.db'}"

    @property
    def scans(self) -> Path:
        """The folder that it watches."""
        return self.folder / "scans"

    @property
    def outbox(self) -> Path:
        """The folder into which it puts what it has read."""
        return self.folder / "outbox"

    def tokens(self) -> dict[str, str]:
        """Where its traces show."""
        return {"ledger": self.ledger, "scans": str(self.scans), "outbox": str(self.outbox)}

    async def start(self) -> None:
        """Its neighbours first."""
        self._place = tempfile.TemporaryDirectory(prefix="showup-invoices-")
        for folder in (self.scans, self.outbox):
            folder.mkdir()
        with contextlib.closing(self._database()) as database:
            database.execute(_TABLE)
            database.commit()
        for own in self._own:
            await own.start()
        await super().start()
        self._begin(self._watch())

    async def stop(self) -> None:
        """Its neighbours last."""
        self.closing.set()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await super().stop()
        for own in self._own:
            await own.stop()
        if self._place is not None:
            self._place.cleanup()
            self._place = None

    def _begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(self.folder / "ledger.db")

    def rows(self) -> list[tuple[Any, ...]]:
        """What is booked."""
        with contextlib.closing(self._database()) as database:
            return database.execute("SELECT * FROM ledger").fetchall()

    # -- the wire

    def routes(self) -> Iterable[web.RouteDef]:
        """What its users see."""
        return [
            web.get("/", self._show),
            web.post("/invoices", self._take),
            web.get("/invoices/{id}", self._tell),
            web.delete("/invoices/{id}", self._forget),
        ]

    def label(self, request: web.Request) -> str | None:
        """`upload`, `status`, `delete`; the human view has no faults."""
        if request.path == "/":
            return None
        return {"POST": "upload", "DELETE": "delete"}.get(request.method, "status")

    async def _take(self, request: web.Request) -> web.StreamResponse:
        fields, name, text = read_form(request.headers.get("Content-Type", ""), await request.read())
        if not name:
            return web.json_response({"error": "send a form with a file"}, status=400)
        fields.setdefault("synthetic", request.headers.get("X-Synthetic", ""))
        work = self._enqueue(name, text, fields)
        return web.json_response({"id": work.id, "state": work.state}, status=202)

    async def _tell(self, request: web.Request) -> web.StreamResponse:
        work = self.works.get(request.match_info["id"])
        if work is None:
            return web.json_response({"error": "there is no such invoice"}, status=404)
        return web.json_response(work.as_json())

    async def _forget(self, request: web.Request) -> web.StreamResponse:
        work = self.works.pop(request.match_info["id"], None)
        if work is None:
            return web.json_response({"error": "there is no such invoice"}, status=404)
        with contextlib.closing(self._database()) as database:
            database.execute("DELETE FROM ledger WHERE id = ?", (work.id,))
            database.commit()
        self.bucket.objects.pop(f"done/{work.id}.json", None)
        (self.outbox / f"{work.id}.json").unlink(missing_ok=True)
        return web.Response(status=204)

    async def _show(self, _request: web.Request) -> web.StreamResponse:
        rows = Markup("").join(
            Markup("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>").format(
                work.id, work.name, work.state, json.dumps(work.document)[:300]
            )
            for work in list(self.works.values())[-100:]
        )
        return page("Invoices", Markup("<h1>Invoices</h1><table>{}</table>").format(rows), refresh=2)

    # -- the work

    def _enqueue(self, name: str, text: str, fields: dict[str, str]) -> Work:
        work = Work(secrets.token_hex(6), name, text, fields)
        self.works[work.id] = work
        self._begin(self._do(work))
        return work

    async def _watch(self) -> None:
        """Take in what is put into the folder of scans."""
        while await self.pause(WATCHED):
            for file in sorted(self.scans.glob("[!.]*")):
                text = file.read_text("utf-8", "replace")
                file.unlink()
                self._enqueue(file.name, text, {})

    async def _do(self, work: Work) -> None:
        """Read one document, and leave its traces."""
        late = self.faults.next("read", among=("late",))
        if not await self.pause(self.seconds + (late.lasts(60) if late else 0)):
            return
        try:
            if self.faults.next("read", among=("unread",)) is not None:
                raise ValueError("the scan is blank")
            work.document = read_invoice(work.text)
        except ValueError as error:
            work.state, work.document = "failed", {"error": str(error)}
            return
        if self.faults.next("read", among=("wrong-amount",)) is not None:
            work.document["total"] *= 10
        work.reference = str(work.document.get("reference", ""))
        work.state = "done"
        for trace in TRACES:
            if self.faults.next(trace, among=("lost",)) is None:
                await getattr(self, f"_leave_{trace}")(work)

    async def _leave_row(self, work: Work) -> None:
        found = work.document
        row = [work.id, work.reference, *(found.get(n) for n in ("invoice", "vendor", "currency", "total", "due"))]
        again = self.faults.next("row", among=("twice",)) is not None
        with contextlib.closing(self._database()) as database:
            for _ in range(1 + again):
                known = (*row, work.fields.get("synthetic", ""))
                database.execute("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?)", known)
            database.commit()

    async def _leave_webhook(self, work: Work) -> None:
        if address := work.fields.get("callback"):
            with contextlib.suppress(httpx.HTTPError):
                async with httpx.AsyncClient(trust_env=False, timeout=CALLED_BACK) as client:
                    await client.post(address, json={"event": "invoice.done", **work.as_json()})

    async def _leave_mail(self, work: Work) -> None:
        found = work.document
        text = f"Invoice {found['invoice']} over {found['total']:.2f} {found['currency']} is booked.\n"
        subject = f"Booked: {found['invoice']} ({work.reference or work.name})"
        self.mail.deliver(subject=subject, text=text, tag=work.fields.get("synthetic", ""))

    async def _leave_object(self, work: Work) -> None:
        self.bucket.put(f"done/{work.id}.json", json.dumps(work.document), reference=work.reference)

    async def _leave_file(self, work: Work) -> None:
        (self.outbox / f"{work.id}.json").write_text(json.dumps(work.document))
