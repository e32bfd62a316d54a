"""The mail server: mail comes in by `POST /mails`, and is read over IMAP."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, ClassVar

from aiohttp import web
from markupsafe import Markup

from monitor.sandbox.faults import Fault
from monitor.sandbox.mail.box import Mail, Mailbox
from monitor.sandbox.mail.imap import LINE, Talk
from monitor.sandbox.markup import page
from monitor.sandbox.record import read_body
from monitor.sandbox.server import Server
from probes.words.clock import moment

USER = "probe@sandbox.example"
_SHOWN = 50


class MailServer(Server):
    """IMAP with TLS at `client_url`, IMAP that begins with STARTTLS at `plain_url`; `mails` is what is in INBOX.

    With a `port` of your choice these are the two after it.

    Faults are met by the command they name in `where` (greeting, login, examine, search, fetch, …; `text` is a search
    for text).
    """

    name: ClassVar[str] = "mail"
    kinds: ClassVar[dict[str, str]] = {
        "refuse": "the command is refused; `text` says how",
        "stall": "says nothing for `seconds` (600)",
        "hang-up": "hangs up in the middle of an answer",
        "garbage": "answers with bytes that are no IMAP",
        "flood": "answers without end",
        "big": "sends ten megabytes, whatever was asked for",
        "blind": "a search for text finds nothing, as its index lags behind",
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.password = secrets.token_urlsafe(12)
        self.users: dict[str, str] = {USER: self.password}
        self.inbox = Mailbox()
        self.boxes: dict[str, Mailbox] = {"INBOX": self.inbox}
        self._first = self.port
        self.imap_port = self.plain_port = 0
        self._doors: list[asyncio.Server] = []
        self._talks: set[asyncio.Task[None]] = set()

    @property
    def mails(self) -> list[Mail]:
        """What is in INBOX."""
        return self.inbox.mails

    @property
    def client_url(self) -> str:
        """What a reader of mail takes as its address."""
        return f"imaps://localhost:{self.imap_port}"

    @property
    def plain_url(self) -> str:
        """The door that begins without TLS."""
        return f"imap://localhost:{self.plain_port}"

    def tokens(self) -> dict[str, str]:
        """Who may read."""
        return {"user": USER, "password": self.password, "starttls": self.plain_url}

    async def start(self) -> None:
        """The post room first, then the doors."""
        await super().start()
        context = self._certificate()
        for secure in (True, False):
            async def welcome(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, secure: bool = secure
            ) -> None:
                task = asyncio.current_task()
                if task is not None:
                    self._talks.add(task)
                    task.add_done_callback(self._talks.discard)
                with suppress(asyncio.CancelledError):  # a server that stops: streams of Python 3.11 would complain
                    await Talk(self, reader, writer, context=context, secure=secure).run()

            wanted = (self._first + (1 if secure else 2)) if self._first else 0
            tls = context if secure else None
            door = await asyncio.start_server(welcome, "127.0.0.1", wanted, limit=LINE, ssl=tls)
            self._doors.append(door)
            number = int(door.sockets[0].getsockname()[1])
            if secure:
                self.imap_port = number
            else:
                self.plain_port = number

    async def stop(self) -> None:
        """The doors first."""
        self.closing.set()
        for door in self._doors:
            door.close()
        self._doors = []
        for task in list(self._talks):
            task.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        await super().stop()

    # -- what connections ask for

    def fault(self, where: str) -> Fault | None:
        """The fault that a command meets."""
        return self.faults.next(where, among=self.kinds)

    def heard(self, what: str, *, accepted: bool) -> None:
        """A command came."""
        self.keep(f"imap.{what}", accepted=accepted)

    # -- mail that comes in

    def deliver(self, raw: bytes | str = b"", **parts: str) -> Mail:
        """Take a whole message, or make one of its subject, sender, to, text and html."""
        if not raw:
            made = EmailMessage(policy=SMTP)
            made["Subject"] = parts.get("subject", "")
            made["From"] = parts.get("sender", "robot@invoices.example")
            made["To"] = parts.get("to", USER)
            made["Date"] = moment(self.now()).strftime("%a, %d %b %Y %H:%M:%S +0000")
            made["Message-ID"] = f"<{secrets.token_hex(8)}@sandbox.example>"
            if "tag" in parts:
                made["X-Synthetic"] = parts["tag"]
            made.set_content(parts.get("text", ""))
            if "html" in parts:
                made.add_alternative(parts["html"], subtype="html")
            raw = made.as_bytes()
        mail = self.inbox.add(raw.encode() if isinstance(raw, str) else raw, moment(self.now()))
        self.keep("delivered", body={"uid": mail.uid, "bytes": len(mail.raw)})
        return mail

    def routes(self) -> Iterable[web.RouteDef]:
        """The post room's door, and the human view."""
        return [web.get("/", self._show), web.post("/mails", self._take)]

    def label(self, request: web.Request) -> str | None:
        """`mails`; the human view has no faults."""
        return "mails" if request.path == "/mails" else None

    async def _take(self, request: web.Request) -> web.StreamResponse:
        if request.content_type == "message/rfc822":
            mail = self.deliver(await request.read())
        else:
            body = await read_body(request)
            fields = body if isinstance(body, dict) else {}
            names = ("subject", "sender", "to", "text", "html", "tag")
            mail = self.deliver(**{name: str(fields[name]) for name in names if name in fields})
        return web.json_response({"uid": mail.uid}, status=201)

    async def _show(self, _request: web.Request) -> web.StreamResponse:
        rows = Markup("").join(
            Markup("<article><p><b>{}</b> {}</p><pre>{}</pre></article>").format(
                mail.uid, " ".join(sorted(mail.flags)), mail.raw[:2_000].decode("utf-8", "replace")
            )
            for mail in reversed(self.mails[-_SHOWN:])
        )
        return page("Mail", Markup("<h1>Mail</h1>{}").format(rows or "Nothing came in."), refresh=3)
