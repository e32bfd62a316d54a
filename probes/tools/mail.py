"""An inbox over IMAP (RFC 3501), looked at and left as it was: a small client without threads, each answer capped.

Nothing is marked as read. What is deleted is one message, by its own number.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import unquote, urlsplit

from probes.tools import Trouble
from probes.tools.dial import dial
from probes.tools.looking import Seen
from probes.tools.message import read_message
from probes.tools.resolver import Resolver
from probes.tools.tls import tls_context
from probes.words.failure import Failure
from probes.words.text import clean

READ = 128 << 10  # bytes of a message that are read
ANSWER = 1 << 20  # bytes of one answer
LINES = 5_000  # of one answer
NEWEST = 20  # messages looked into where the server's own search finds nothing
_LITERAL = re.compile(rb"\{(\d{1,10})\}\r\n\Z")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NO_ENTRY = (b"AUTHENTICATIONFAILED", b"AUTHORIZATIONFAILED", b"EXPIRED", b"PRIVACYREQUIRED")


@dataclass(frozen=True, slots=True, repr=False)
class Box:
    """Where mail is: `imaps://HOST[:993]`, or `imap://HOST[:143]`, which begins with STARTTLS; never without TLS."""

    server: str
    user: str
    password: str
    folder: str = "INBOX"
    ca_file: str = ""
    verify: bool = True

    @property
    def place(self) -> tuple[str, int]:
        """Host and port; raises ValueError for what is no address of an inbox."""
        parts = urlsplit(self.server)
        if parts.scheme not in ("imaps", "imap") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("write imaps://imap.example.com")
        if parts.username or parts.password:
            raise ValueError("write user: and password: beside it")
        return unquote(parts.hostname), parts.port or (993 if parts.scheme == "imaps" else 143)

    @property
    def url(self) -> str:
        """Where it is, for people."""
        return f"{self.server.rstrip('/')}/{self.folder}"


Piece = bytes
Answer = list[list[Piece]]  # the untagged lines of an answer, each with its literals


class Session:
    """One connection to an inbox; raises Trouble."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> None:
        self._reader, self._writer, self.name = reader, writer, name
        self._number = 0
        self._spent = 0

    async def greeting(self) -> None:
        """The server's first word."""
        line = await self._line()
        if not line[0].upper().startswith((b"* OK", b"* PREAUTH")):
            raise Trouble(Failure.GARBAGE, f"{self.name} does not speak IMAP: {_said(line[0])}")

    async def ask(self, command: str, *texts: str) -> Answer:
        """The untagged part of the answer to a command, whose `texts` follow it as strings."""
        self._number += 1
        self._spent = 0
        tag = b"S%d" % self._number
        self._writer.write(tag + b" " + command.encode())
        for text in texts:
            self._writer.write(b" ")
            await self._send(text.encode())
        self._writer.write(b"\r\n")
        await self._drain()
        answer: Answer = []
        while True:
            line = await self._line()
            if line[0].startswith(tag + b" "):
                return self._checked(command.split()[0], line[0][len(tag) + 1 :], answer)
            if len(answer) >= LINES:
                raise self._too_much()
            if not line[0].startswith((b"* ", b"+")):
                raise Trouble(Failure.GARBAGE, f"{self.name} does not speak IMAP: {_said(line[0])}")
            answer.append(line)

    async def _send(self, text: bytes) -> None:
        """A string: quoted where it may be, else as a literal, for which the server has to ask."""
        if all(0x20 <= byte < 0x7F and byte not in b'"\\' for byte in text):
            self._writer.write(b'"' + text + b'"')
            return
        self._writer.write(b"{%d}\r\n" % len(text))
        await self._drain()
        line = await self._line()
        if not line[0].startswith(b"+"):
            raise Trouble(Failure.GARBAGE, f"{self.name} did not take what was sent: {_said(line[0])}")
        self._writer.write(text)

    def _checked(self, command: str, said: bytes, answer: Answer) -> Answer:
        word = said.split(b" ", 1)[0].upper()
        if word == b"OK":
            return answer
        if command in ("LOGIN", "AUTHENTICATE") or any(code in said.upper() for code in _NO_ENTRY):
            raise Trouble(Failure.AUTH, f"{self.name} refuses the login: {_said(said)}")
        raise Trouble(Failure.APP_ERROR, f"{self.name} refuses {command}: {_said(said)}")

    async def _line(self) -> list[Piece]:
        """One line; where it holds literals, they and what follows them are pieces of their own."""
        pieces: list[Piece] = []
        while True:
            try:
                line = await self._reader.readuntil(b"\n")
            except asyncio.LimitOverrunError:
                raise self._too_much() from None
            except asyncio.IncompleteReadError:
                raise Trouble(Failure.TRUNCATED, f"{self.name} hung up in the middle of its answer") from None
            except OSError as error:
                raise Trouble(Failure.UNREACHABLE, f"{self.name} broke off: {error.strerror or error}") from None
            self._spend(len(line))
            pieces.append(line.rstrip(b"\r\n"))
            found = _LITERAL.search(line)
            if found is None:
                return pieces
            size = int(found[1])
            self._spend(size)
            try:
                pieces.append(await self._reader.readexactly(size))
            except (asyncio.IncompleteReadError, OSError):
                raise Trouble(Failure.TRUNCATED, f"{self.name} hung up in the middle of a message") from None

    def _spend(self, size: int) -> None:
        self._spent += size
        if self._spent > ANSWER:
            raise self._too_much()

    def _too_much(self) -> Trouble:
        return Trouble(Failure.GARBAGE, f"{self.name} answered with more than was asked for")

    async def _drain(self) -> None:
        try:
            await self._writer.drain()
        except OSError as error:
            raise Trouble(Failure.UNREACHABLE, f"{self.name} broke off: {error.strerror or error}") from None

    async def secure(self, box: Box, host: str) -> None:
        """STARTTLS, before anything secret is said."""
        await self.ask("STARTTLS")
        try:
            await self._writer.start_tls(tls_context(verify=box.verify, ca_file=box.ca_file), server_hostname=host)
        except OSError as error:
            from probes import classify
            from probes.tools.wire import trouble

            raise trouble(classify.of_tls(error, self.name)) from None

    async def numbers(self, search: str, *texts: str) -> list[int]:
        """The unique numbers of the messages that a search finds, lowest first."""
        charset = "" if all(text.isascii() for text in texts) else "CHARSET UTF-8 "
        found = []
        for line in await self.ask(f"UID SEARCH {charset}{search}", *texts):
            if line[0].upper().startswith(b"* SEARCH"):
                found += [int(word) for word in line[0].split()[2:] if word.isdigit() and len(word) < 11]
        return sorted(found)

    async def message(self, number: int) -> bytes:
        """The beginning of a message; b"" when it is gone."""
        for line in await self.ask(f"UID FETCH {number} (BODY.PEEK[]<0.{READ}>)"):
            if len(line) > 1 and b"FETCH" in line[0].upper():
                return line[1]
        return b""

    def abort(self) -> None:
        """Leave nothing behind."""
        self._writer.transport.abort()


@asynccontextmanager
async def opened(box: Box, resolver: Resolver, *, writing: bool = False) -> AsyncIterator[Session]:
    """A session in the box's folder, read-only unless `writing`; raises Trouble."""
    host, port = box.place
    implicit = box.server.startswith("imaps:")
    context = tls_context(verify=box.verify, ca_file=box.ca_file) if implicit else None
    reader, writer = await dial(resolver, host, port, tls=context)
    session = Session(reader, writer, f"{host}:{port}")
    try:
        await session.greeting()
        if not implicit:
            await session.secure(box, host)
        await session.ask("LOGIN", box.user, box.password)
        await session.ask("SELECT" if writing else "EXAMINE", box.folder)
        yield session
        await session.ask("LOGOUT")
    finally:
        session.abort()


async def find(box: Box, resolver: Resolver, text: str, *, since: datetime, known: set[int]) -> tuple[Seen | None, str]:
    """(the newest message that holds `text`, what was seen). Looked through are those since the day before `since`.

    `known` are numbers of messages that were looked into before and did not hold it; it grows.
    """
    day = since - timedelta(days=1)
    late = f"SINCE {day.day}-{_MONTHS[day.month - 1]}-{day.year}"
    async with opened(box, resolver) as session:
        for number in reversed((await session.numbers(f"{late} TEXT", text))[-NEWEST:]):
            seen = await _looked_into(box, number, await session.message(number))
            if seen is not None and _holds(seen, text):
                return seen, f"message {number}"
        there = await session.numbers(late)
        # the search of some servers looks at the words of an index, or not into what is encoded
        for number in reversed([one for one in there[-NEWEST:] if one not in known]):
            seen = await _looked_into(box, number, await session.message(number))
            if seen is not None and _holds(seen, text):
                return seen, f"message {number}"
            known.add(number)
    count = len(there)
    return None, f"{count} message{'' if count == 1 else 's'} in {box.folder}, none with {text}"


async def remove(box: Box, resolver: Resolver, number: int) -> None:
    """Delete one message, and no other that somebody else has marked for it."""
    async with opened(box, resolver, writing=True) as session:
        await session.ask(f"UID STORE {number} +FLAGS.SILENT (\\Deleted)")
        answer = await session.ask("CAPABILITY")
        if any(b"UIDPLUS" in line[0].upper().split() for line in answer):
            await session.ask(f"UID EXPUNGE {number}")


def _holds(seen: Seen, text: str) -> bool:
    return text in seen.text or any(text in value for value in seen.headers.values())


async def _looked_into(box: Box, number: int, raw: bytes) -> Seen | None:
    """A message as checks ask it, None for one that is gone. It is read beside the loop: whoever wrote it may have
    wanted that to take long.
    """
    if not raw:
        return None
    return await asyncio.to_thread(read_message, raw, url=f"{box.url};UID={number}", number=number)


def _said(line: bytes) -> str:
    return clean(line.decode("utf-8", "replace"), 120) or "nothing"
