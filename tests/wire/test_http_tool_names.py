"""Names and connections: what is the target's fault and what is ours, and no slow name holds up another."""

from __future__ import annotations

import asyncio
import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import cast

import pytest

from probes.target import Target
from probes.tools import Timeouts, Trouble
from probes.tools.http import Http
from probes.tools.resolver import Resolver
from probes.words.failure import Failure
from tests.wire.raw import Client, RawServer, answer


class Slow:
    """The system's look-up, with names that hang until they are let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.let_go = threading.Event()
        self.asked: list[str] = []
        real = socket.getaddrinfo

        def look_up(host: str, *rest: object, **more: object) -> object:
            self.asked.append(host)
            if host.startswith("slow"):
                self.let_go.wait(10)
                raise socket.gaierror(socket.EAI_NONAME, "no such name")
            if host.startswith("again"):
                raise socket.gaierror(socket.EAI_AGAIN, "try again")
            return real(host, *rest, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    names = Slow(monkeypatch)
    yield names
    names.let_go.set()


async def trouble(url: str, names: Resolver, *, timeout: float = 0.3) -> Trouble:
    """What a GET comes to."""
    with pytest.raises(Trouble) as caught:
        async with Http(Target.of({"url": url, "allow_private": True}), resolver=names) as http:
            await http.request("GET", "/", timeout=Timeouts(connect=timeout))
    return caught.value


async def test_a_name_that_does_not_exist() -> None:
    names = Resolver()
    found = await trouble("http://no-such-name.invalid", names, timeout=10)
    assert found.phase == "dns"
    # a machine without any name service cannot tell, and says that
    assert found.failure in (Failure.UNREACHABLE, Failure.MONITOR_FAULT)
    assert "no-such-name.invalid" in found.sentence


async def test_a_slow_name_ends_in_time_and_holds_up_no_other(slow: Slow) -> None:
    names = Resolver(threads=2)
    async with RawServer(answer()) as server:
        hung = [asyncio.create_task(trouble("http://slow.example", names)) for _ in range(30)]
        await asyncio.sleep(0.05)
        began = monotonic()
        async with Http(Target.of({"url": f"http://localhost:{server.port}"}), resolver=names) as http:
            assert (await http.request("GET", "/", timeout=2)).status == 200
        assert monotonic() - began < 0.2
        found = await asyncio.gather(*hung)
    assert {(one.failure, one.phase) for one in found} == {(Failure.UNREACHABLE, "dns")}
    assert slow.asked.count("slow.example") == 1  # one thread for one name, however many ask


async def test_when_all_look_ups_hang_it_is_our_own_trouble(slow: Slow) -> None:
    names = Resolver(threads=2)
    hung = [asyncio.create_task(trouble(f"http://slow-{number}.example", names)) for number in range(2)]
    await asyncio.sleep(0.05)
    found = await trouble("http://localhost:1", names)
    assert found.failure is Failure.MONITOR_FAULT
    assert "lookups hang" in found.sentence
    await asyncio.gather(*hung)
    slow.let_go.set()
    async with RawServer(answer()) as server:
        target = Target.of({"url": f"http://localhost:{server.port}"})
        async with Http(target, resolver=names) as http:
            assert (await http.request("GET", "/", timeout=2)).status == 200


class NameServer(asyncio.DatagramProtocol):
    """Answers every question with a shrug, or with nothing at all."""

    def __init__(self, *, is_dead: bool = False) -> None:
        self._is_dead = is_dead
        self.asked: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked.append(data)
        if not self._is_dead:
            self._transport.sendto(data[:2] + b"\x81\x82" + data[4:], addr)  # SERVFAIL


@pytest.mark.parametrize(
    ("alive", "failure"), [(True, Failure.UNREACHABLE), (False, Failure.MONITOR_FAULT)], ids=["alive", "dead"]
)
async def test_a_passing_failure_is_whose(slow: Slow, alive: bool, failure: Failure) -> None:
    """The system says the same when a zone's servers are dead and when our own are: so ours are asked."""
    server = NameServer(is_dead=not alive)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: server, local_addr=("127.0.0.1", 0)
    )
    names = Resolver(name_servers=[transport.get_extra_info("sockname")])
    found = await trouble("http://again.example", names, timeout=3)
    transport.close()
    assert (found.failure, found.phase) == (failure, "dns")
    assert server.asked[0][4:] == b"\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01"


async def test_no_name_server_at_all_is_ours(slow: Slow) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        unused = nobody.getsockname()
    found = await trouble("http://again.example", Resolver(name_servers=[unused]), timeout=3)
    assert found.failure is Failure.MONITOR_FAULT


# connections


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


async def test_a_refused_connection() -> None:
    with pytest.raises(Trouble, match="refused the connection") as caught:
        async with Client(f"http://127.0.0.1:{unused_port()}") as http:
            await http.request("GET", "/")
    assert (caught.value.failure, caught.value.phase) == (Failure.UNREACHABLE, "connect")


@contextmanager
def full_backlog() -> Iterator[int]:
    """A port that takes no more connections: those that come wait for ever."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        held = []
        try:
            for _ in range(4):
                sock = socket.socket()
                sock.setblocking(False)
                held.append(sock)
                sock.connect_ex(("127.0.0.1", port))
            yield port
        finally:
            for sock in held:
                sock.close()


async def test_a_connection_that_is_never_taken() -> None:
    with full_backlog() as port, pytest.raises(Trouble, match="did not take the connection") as caught:
        async with Client(f"http://127.0.0.1:{port}") as http:
            await http.request("GET", "/", timeout=Timeouts(connect=0.2))
    assert (caught.value.failure, caught.value.phase) == (Failure.TIMEOUT, "connect")


class Several(Resolver):
    """A name with several addresses."""

    def __init__(self, *addresses: str) -> None:
        super().__init__(threads=1)
        self._all = addresses

    async def addresses(self, host: str) -> list[tuple[int, str]]:
        return [(int(socket.AF_INET6 if ":" in text else socket.AF_INET), text) for text in self._all]


async def test_a_dead_address_beside_a_living_one_costs_a_moment() -> None:
    async with RawServer(answer()) as server:
        target = Target.of({"url": f"http://two.example:{server.port}", "allow_private": True})
        async with Http(target, resolver=Several("::1", "127.0.0.2", "127.0.0.1")) as http:
            found = await http.request("GET", "/", timeout=2)
    assert found.remote == f"127.0.0.1:{server.port}"


async def test_a_silent_address_is_overtaken_by_the_next() -> None:
    with full_backlog() as port:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.2", port)
        async with server:
            target = Target.of({"url": f"http://two.example:{port}", "allow_private": True})
            began = monotonic()
            with pytest.raises(Trouble, match="without an answer"):  # so it got there
                async with Http(target, resolver=Several("127.0.0.1", "127.0.0.2")) as http:
                    await http.request("GET", "/", timeout=3)
            assert 0.2 < monotonic() - began < 1.0


async def test_all_addresses_dead() -> None:
    target = Target.of({"url": f"http://two.example:{unused_port()}", "allow_private": True})
    with pytest.raises(Trouble, match="refused the connection") as caught:
        async with Http(target, resolver=Several("127.0.0.1", "127.0.0.2")) as http:
            await http.request("GET", "/", timeout=2)
    assert caught.value.failure is Failure.UNREACHABLE


@pytest.mark.serial
async def test_running_out_of_file_handles_says_nothing_about_the_target() -> None:
    async with RawServer(answer()) as server:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        held = [socket.socket() for _ in range(3)]
        resource.setrlimit(resource.RLIMIT_NOFILE, (held[-1].fileno() + 1, hard))
        try:
            with pytest.raises(Trouble) as caught:
                async with Client(server.url) as http:
                    await http.request("GET", "/")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for sock in held:
                sock.close()
    assert caught.value.failure is Failure.MONITOR_FAULT
    assert "file handles" in caught.value.sentence
