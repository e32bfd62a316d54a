"""A raw HTTP server that misbehaves on request, for whoever has to survive such servers."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import ssl
import tempfile
from asyncio import StreamReader, StreamWriter
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from monitor.sandbox import hostile_texts as hostile_texts  # registers its own
from monitor.sandbox.hostile import BEHAVIOURS, Reply, reset, run
from probes.words.clock import SystemClock, moment

if TYPE_CHECKING:
    from trustme import CA, LeafCert

TLS = ("good", "expired", "not-yet", "wrong-host", "untrusted", "self-signed")
ELSEWHERE = "https://elsewhere.example/"
DAY = datetime.timedelta(days=1)


class HttpTarget:
    """`async with HttpTarget() as target:`, then `target.at("drip")`, or `target.tls("expired")`.

    `at` takes a behaviour's name (`HttpTarget.kinds`); `refused` is an address nobody listens on, `silent` one where
    nobody speaks TLS; `requests` are the first lines that came in, `open` the connections there are now. `ca_file` is
    what makes `tls("good")` trusted. `drip` s lie between two bytes of what drips.
    """

    kinds: tuple[str, ...] = tuple(BEHAVIOURS)

    def __init__(self, *, port: int = 0, drip: float = 1.0, elsewhere: str = ELSEWHERE) -> None:
        self.drip, self.elsewhere = drip, elsewhere
        self.requests: list[str] = []
        self.ca_file = ""
        self._ports: dict[str, int] = {"plain": port}  # 0 until the system has given one
        self._servers: list[asyncio.Server] = []
        self._open: dict[StreamWriter, asyncio.Event] = {}  # a connection, and the event of its end
        self._tasks: set[asyncio.Task[None]] = set()
        self._refusing = socket.socket()
        self._folder = tempfile.TemporaryDirectory(prefix="showup-target-")

    def at(self, kind: str = "ok", rest: str = "") -> str:
        """The address that behaves like `kind`; `rest` is what some take behind it, as in /status/503."""
        if kind not in BEHAVIOURS:
            raise ValueError(f"no behaviour is called {kind!r}; there are {', '.join(BEHAVIOURS)}")
        return f"http://127.0.0.1:{self._ports['plain']}/{kind}" + (f"/{rest}" if rest else "")

    def tls(self, certificate: str = "good", kind: str = "ok") -> str:
        """The same over TLS with a certificate that is good, expired, not-yet, wrong-host, untrusted or self-signed."""
        return f"https://localhost:{self._ports[certificate]}/{kind}"

    @property
    def open(self) -> int:
        """How many connections there are now."""
        return len(self._open)

    @property
    def refused(self) -> str:
        """Nobody listens here: the port is ours, and closed."""
        return f"http://127.0.0.1:{self._refusing.getsockname()[1]}/"

    @property
    def silent(self) -> str:
        """A TLS address whose server accepts and never says a word."""
        return f"https://localhost:{self._ports['silent']}/"

    async def __aenter__(self) -> Self:
        import trustme

        self._refusing.bind(("127.0.0.1", 0))  # bound and never listening
        authority = trustme.CA()
        self.ca_file = str(Path(self._folder.name) / "ca.pem")
        authority.cert_pem.write_to_path(self.ca_file)
        await self._listen("plain", None)
        await self._listen("silent", None)
        for kind in TLS:
            await self._listen(kind, self._make_context(kind, authority))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.close()
        for writer, ended in list(self._open.items()):
            ended.set()
            reset(writer)  # not cancelled: asyncio's streams of 3.11 log a cancelled handler as an error
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()
        self._refusing.close()
        self._folder.cleanup()

    async def _listen(self, name: str, context: ssl.SSLContext | None) -> None:
        async def serve(reader: StreamReader, writer: StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            await self._serve(reader, writer, is_silent=name == "silent")

        server = await asyncio.start_server(serve, "127.0.0.1", self._ports.get(name, 0), ssl=context)
        self._servers.append(server)
        self._ports[name] = int(server.sockets[0].getsockname()[1])

    async def _serve(self, reader: StreamReader, writer: StreamWriter, *, is_silent: bool) -> None:
        """One request on one connection, then its end."""
        ended = self._open[writer] = asyncio.Event()
        try:
            first = "" if is_silent else await _read_request(reader, writer)
            watching = asyncio.create_task(_watch(reader, ended))
            self._tasks.add(watching)
            watching.add_done_callback(self._tasks.discard)
            if is_silent:
                await _pause(ended, 3600)
            elif first:
                self.requests.append(first)
                kind, _, rest = first.partition(" ")[2].partition(" ")[0].strip("/").partition("/")
                await run(kind or "ok", Reply(writer, partial(_pause, ended), rest, self.drip, self.elsewhere))
        finally:
            await _close(writer)
            del self._open[writer]

    def _make_context(self, kind: str, authority: CA) -> ssl.SSLContext:
        import trustme

        now = moment(SystemClock().now())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if kind == "self-signed":
            context.load_cert_chain(_sign_oneself(Path(self._folder.name), now))
            return context
        issuer = trustme.CA() if kind == "untrusted" else authority
        name = "elsewhere.example" if kind == "wrong-host" else "localhost"
        leaf: LeafCert = issuer.issue_cert(
            name,
            not_before=now + 30 * DAY if kind == "not-yet" else now - 30 * DAY,
            not_after=now - DAY if kind == "expired" else now + 60 * DAY,
        )
        leaf.configure_cert(context)
        return context


def _sign_oneself(folder: Path, now: datetime.datetime) -> Path:
    """A certificate for localhost that vouches for itself; key and certificate in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + 60 * DAY)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = folder / "self-signed.pem"
    path.touch(mode=0o600)
    pem = serialization.Encoding.PEM
    path.write_bytes(key.private_bytes(pem, form, plain) + made.public_bytes(pem))
    return path


async def _read_request(reader: StreamReader, writer: StreamWriter) -> str:
    """The first line of a request, once headers and body are in; empty when the client left, or speaks no HTTP."""
    try:
        start = await reader.readexactly(1)
        if start == b"\x16":  # a TLS handshake: answered in plain, as web servers do
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            return ""
        raw = start + await reader.readuntil(b"\r\n\r\n")
        length = next((h for h in raw.lower().split(b"\r\n") if h.startswith(b"content-length:")), b":0")
        await reader.readexactly(int(length.partition(b":")[2]))
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, ValueError):
        return ""
    return raw.partition(b"\r\n")[0].decode("latin-1")


async def _watch(reader: StreamReader, ended: asyncio.Event) -> None:
    """Notice that the client has left, so that nobody hangs for a client who is gone."""
    try:
        while await reader.read(65_536):
            pass
    except OSError:
        pass
    ended.set()


async def _pause(ended: asyncio.Event, seconds: float) -> bool:
    """Wait; False when the connection ended meanwhile."""
    if seconds <= 0:
        await asyncio.sleep(0)
        return not ended.is_set()
    try:
        async with asyncio.timeout(seconds):
            await ended.wait()
    except TimeoutError:
        return True
    return False


async def _close(writer: StreamWriter) -> None:
    writer.close()
    try:
        async with asyncio.timeout(0.5):
            await writer.wait_closed()
    except (TimeoutError, OSError):
        writer.transport.abort()
