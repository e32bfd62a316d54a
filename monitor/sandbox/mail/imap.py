"""One IMAP connection (RFC 3501, as far as clients that read need it), and the faults it may meet."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from monitor.sandbox.faults import Fault
from monitor.sandbox.mail.box import Mail, Mailbox, Refused, item

LINE = 64 << 10  # bytes
_LITERAL = re.compile(rb"\{(\d{1,7})(\+?)\}\Z")
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(\((?:[^()]|\([^()]*\))*\))|(\x00\d+\x00)|([^\s"()]\S*)')
_GREETING = b"* OK the sandbox reads you\r\n"


class Post(Protocol):
    """The server that a connection belongs to."""

    users: dict[str, str]
    boxes: dict[str, Mailbox]

    def fault(self, where: str) -> Fault | None: ...
    def heard(self, what: str, *, accepted: bool) -> None: ...
    async def pause(self, seconds: float) -> bool: ...


class Gone(Exception):
    """The connection is over."""


class Talk:
    """What is said on one connection."""

    def __init__(
        self,
        post: Post,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        context: ssl.SSLContext,
        secure: bool,
    ) -> None:
        self._post, self._reader, self._writer = post, reader, writer
        self._context, self._secure = context, secure
        self._user = ""
        self._box: Mailbox | None = None
        self._writing = False

    async def run(self) -> None:
        """Answer until the other side leaves."""
        try:
            if (fault := self._post.fault("greeting")) is not None:
                await self._meet(fault)
            self._writer.write(_GREETING)
            while True:
                tag, words = await self._command()
                await self._answer(tag, words)
                await self._writer.drain()
        except (Gone, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self._writer.transport.abort()

    async def _command(self) -> tuple[str, list[str]]:
        """(tag, words) of one command, its literals read."""
        text, literals = "", list[str]()
        while True:
            line = (await self._reader.readuntil(b"\n")).rstrip(b"\r\n")
            found = _LITERAL.search(line)
            if found is None:
                text += line.decode("utf-8", "replace")
                break
            if not found[2]:
                self._writer.write(b"+ go on\r\n")
                await self._writer.drain()
            literals.append((await self._reader.readexactly(int(found[1]))).decode("utf-8", "replace"))
            text += line[: found.start()].decode("utf-8", "replace") + f"\0{len(literals) - 1}\0"
        words = []
        for quoted, listed, literal, atom in _TOKEN.findall(text):
            if literal:
                words.append(literals[int(literal.strip("\0"))])
            else:
                words.append(listed or atom or re.sub(r"\\(.)", r"\1", quoted))
        return (words[0], words[1:]) if len(words) > 1 else ("*", ["NOOP"])

    async def _answer(self, tag: str, words: Sequence[str]) -> None:
        name, rest = words[0].upper(), list(words[1:])
        by_uid = name == "UID" and bool(rest)
        if by_uid:
            name = rest.pop(0).upper()
        fault = self._post.fault(name.lower())
        if fault is not None and await self._meet(fault, tag):
            self._post.heard(name.lower(), accepted=False)
            return
        act = _COMMANDS.get(name)
        try:
            if act is None:
                raise Refused(f"there is no command {name[:40]}")
            said = await act(self, rest, by_uid)
        except Refused as refused:
            said = f"BAD {refused}"
        except (ValueError, IndexError, KeyError):
            said = "BAD the command cannot be read"
        self._post.heard(name.lower(), accepted=said.startswith("OK"))
        self._say(f"{tag} {said}")
        if name == "LOGOUT":
            await self._writer.drain()
            raise Gone
        if name == "STARTTLS" and said.startswith("OK"):
            await self._writer.drain()
            await self._writer.start_tls(self._context)
            self._secure = True

    async def _meet(self, fault: Fault, tag: str = "*") -> bool:
        """Let a fault happen; True when it was the answer."""
        if fault.kind == "stall":
            if not await self._post.pause(fault.lasts(600)):
                raise Gone
            return False
        if fault.kind == "hang-up":
            self._writer.write(b"* 1 FETCH (UID 1 BODY[]<0> {900}\r\nhalf of")
            await self._writer.drain()
            raise Gone
        if fault.kind == "garbage":
            self._writer.write(b"\xff\xfe\x00HTTP/1.1 200 OK\r\n" + bytes(range(256)) + b"\r\n")
            return True
        if fault.kind == "flood":
            while not self._writer.is_closing():
                self._writer.write(b"* SEARCH" + b" 1" * 1_000 + b"\r\n")
                await self._writer.drain()
                await asyncio.sleep(0)
            raise Gone
        if fault.kind == "big":
            size = 10 << 20
            self._writer.write(b"* 1 FETCH (UID 1 BODY[]<0> {%d}\r\n" % size)
            for _ in range(size >> 16):
                if self._writer.is_closing():
                    raise Gone
                self._writer.write(b"x" * (1 << 16))
                await self._writer.drain()
            self._writer.write(b")\r\n")
            self._say(f"{tag} OK done")
            return True
        if fault.kind == "refuse":
            self._say(f"{tag} NO [UNAVAILABLE] {fault.text or 'not now'}")
            return True
        return False

    def _say(self, line: str) -> None:
        self._writer.write(line.encode() + b"\r\n")

    # -- commands

    async def _capability(self, _words: list[str], _by_uid: bool) -> str:
        start = "" if self._secure else " STARTTLS LOGINDISABLED"
        self._say(f"* CAPABILITY IMAP4rev1 UIDPLUS{start}")
        return "OK that is all"

    async def _starttls(self, _words: list[str], _by_uid: bool) -> str:
        return "BAD TLS is there already" if self._secure else "OK begin TLS"

    async def _noop(self, _words: list[str], _by_uid: bool) -> str:
        return "OK nothing done"

    async def _logout(self, _words: list[str], _by_uid: bool) -> str:
        self._say("* BYE come again")
        return "OK bye"

    async def _login(self, words: list[str], _by_uid: bool) -> str:
        if not self._secure:
            return "NO [PRIVACYREQUIRED] begin with STARTTLS"
        if self._post.users.get(words[0]) != words[1]:
            return "NO [AUTHENTICATIONFAILED] user or password is wrong"
        self._user = words[0]
        return "OK come in"

    async def _select(self, words: list[str], _by_uid: bool) -> str:
        return self._open(words, writing=True)

    async def _examine(self, words: list[str], _by_uid: bool) -> str:
        return self._open(words, writing=False)

    def _open(self, words: list[str], *, writing: bool) -> str:
        if not self._user:
            return "NO log in first"
        box = self._post.boxes.get(words[0].upper() if words[0].upper() == "INBOX" else words[0])
        if box is None:
            return "NO [NONEXISTENT] there is no such folder"
        self._box, self._writing = box, writing
        self._say("* FLAGS (\\Seen \\Deleted \\Answered \\Flagged \\Draft)")
        self._say(f"* {len(box.mails)} EXISTS")
        self._say("* 0 RECENT")
        self._say("* OK [UIDVALIDITY 1] for ever")
        self._say(f"* OK [UIDNEXT {box.next_uid}] next")
        return f"OK [{'READ-WRITE' if writing else 'READ-ONLY'}] open"

    def _opened(self) -> Mailbox:
        if self._box is None:
            raise Refused("select a folder first")
        return self._box

    async def _search(self, words: list[str], by_uid: bool) -> str:
        box = self._opened()
        blind = self._post.fault("text") if any(word.upper() in ("TEXT", "BODY") for word in words) else None
        found = [] if blind is not None and blind.kind == "blind" else box.search(words)
        numbers = [mail.uid if by_uid else box.place(mail) for mail in found]
        self._say("* SEARCH" + "".join(f" {number}" for number in numbers))
        return "OK searched"

    async def _fetch(self, words: list[str], by_uid: bool) -> str:
        box = self._opened()
        names = words[1].strip("()").split()
        if by_uid and "UID" not in (name.upper() for name in names):
            names.insert(0, "UID")
        for mail in box.chosen(words[0], by_uid=by_uid):
            self._writer.write(b"* %d FETCH (" % box.place(mail))
            for number, name in enumerate(names):
                if (said := item(mail, name)) is None:
                    raise Refused(f"this server does not fetch {name[:40]}")
                self._writer.write((b" " if number else b"") + said[0].encode() + b" ")
                value = said[1]
                self._writer.write(
                    b"{%d}\r\n%s" % (len(value), value) if isinstance(value, bytes) else value.encode()
                )
            self._writer.write(b")\r\n")
            await self._writer.drain()
        return "OK fetched"

    async def _store(self, words: list[str], by_uid: bool) -> str:
        box = self._opened()
        if not self._writing:
            return "NO [READ-ONLY] this folder is open to read"
        flags = set(words[2].strip("()").split())
        for mail in box.chosen(words[0], by_uid=by_uid):
            if words[1].startswith("+"):
                mail.flags |= flags
            elif words[1].startswith("-"):
                mail.flags -= flags
            else:
                mail.flags = flags
            if "SILENT" not in words[1].upper():
                self._say(f"* {box.place(mail)} FETCH (FLAGS ({' '.join(sorted(mail.flags))}))")
        return "OK stored"

    async def _expunge(self, words: list[str], by_uid: bool) -> str:
        box = self._opened()
        if not self._writing:
            return "NO [READ-ONLY] this folder is open to read"
        only: list[Mail] | None = box.chosen(words[0], by_uid=True) if by_uid else None
        for number in box.expunge(only):
            self._say(f"* {number} EXPUNGE")
        return "OK expunged"


_COMMANDS: Mapping[str, Callable[[Talk, list[str], bool], Awaitable[str]]] = {
    "CAPABILITY": Talk._capability,
    "NOOP": Talk._noop,
    "LOGOUT": Talk._logout,
    "STARTTLS": Talk._starttls,
    "LOGIN": Talk._login,
    "SELECT": Talk._select,
    "EXAMINE": Talk._examine,
    "SEARCH": Talk._search,
    "FETCH": Talk._fetch,
    "STORE": Talk._store,
    "EXPUNGE": Talk._expunge,
}
