"""TLS: what is trusted, what a bad certificate is called, when it ends, and what a handshake may cost."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest
import trustme

from probes.tools import Trouble
from probes.tools.tls import tls_context
from probes.words.clock import moment
from probes.words.failure import Failure
from tests.wire.raw import Client, RawServer, answer

EXPIRES = datetime(2035, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


def serving(
    authority: trustme.CA, *names: str, not_after: datetime = EXPIRES, begins: datetime | None = None
) -> ssl.SSLContext:
    """A server's context with a certificate for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_before=begins, not_after=not_after).configure_cert(context)
    return context


@pytest.fixture
async def secure(authority: trustme.CA) -> AsyncIterator[RawServer]:
    async with RawServer(answer("safe"), tls=serving(authority, "127.0.0.1", "localhost")) as server:
        yield server


async def test_a_trusted_certificate_and_when_it_ends(secure: RawServer, ca_file: str) -> None:
    async with Client(secure.url, ca_file=ca_file) as http:
        for _ in range(2):
            found = await http.request("GET", "/")
            assert found.text == "safe"
            assert moment(found.certificate_expires) == EXPIRES
            assert found.phases["tls"] > 0


async def test_the_name_that_was_asked_for_is_the_name_that_is_checked(secure: RawServer, ca_file: str) -> None:
    async with Client(f"https://localhost:{secure.port}", ca_file=ca_file) as http:
        found = await http.request("GET", "/")
    assert (found.text, found.remote) == ("safe", f"127.0.0.1:{secure.port}")
    assert set(found.phases) == {"dns", "connect", "tls", "first_byte", "total"}


async def bad(server: RawServer, **data: object) -> Trouble:
    """What a GET comes to."""
    with pytest.raises(Trouble) as caught:
        async with Client(server.url, **data) as http:  # type: ignore[arg-type]
            await http.request("GET", "/")
    assert server.heads == []
    return caught.value


async def test_an_unknown_authority(secure: RawServer) -> None:
    trouble = await bad(secure)
    assert (trouble.failure, trouble.phase) == (Failure.UNREACHABLE, "tls")
    assert "is not valid" in trouble.sentence


async def test_another_name(authority: trustme.CA, ca_file: str) -> None:
    async with RawServer(answer(), tls=serving(authority, "other.example")) as server:
        trouble = await bad(server, ca_file=ca_file)
    assert "IP address mismatch" in trouble.sentence
    assert trouble.failure is Failure.UNREACHABLE


async def test_an_expired_certificate(authority: trustme.CA, ca_file: str) -> None:
    begins, ended = datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)
    async with RawServer(answer(), tls=serving(authority, "127.0.0.1", begins=begins, not_after=ended)) as server:
        trouble = await bad(server, ca_file=ca_file)
    assert "certificate has expired" in trouble.sentence


async def test_verification_can_be_switched_off_in_so_many_words(secure: RawServer) -> None:
    async with Client(secure.url, verify=False) as http:
        found = await http.request("GET", "/")
    assert found.text == "safe"
    assert 0 < found.certificate_begins < found.certificate_expires, "what nobody verified is read all the same"


async def refused_handshake(first_words: bytes) -> Trouble:
    """What a GET by https comes to when the server says this instead of a handshake."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first_words)
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        with pytest.raises(Trouble) as caught:
            async with Client(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}") as http:
                await http.request("GET", "/")
    await asyncio.sleep(0.01)
    return caught.value


@pytest.mark.parametrize("words", [b"", answer("plain http"), b"220 mail.example ESMTP\r\n"])
async def test_a_server_that_does_not_speak_tls(words: bytes) -> None:
    trouble = await refused_handshake(words)
    assert (trouble.failure, trouble.phase) == (Failure.UNREACHABLE, "tls"), trouble.sentence


async def test_a_handshake_that_never_ends() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    began = monotonic()
    with listening, pytest.raises(Trouble, match="did not finish the TLS handshake") as caught:
        async with Client(f"https://127.0.0.1:{listening.getsockname()[1]}", deadline=0.4) as http:
            await http.request("GET", "/")
    assert (caught.value.failure, caught.value.phase) == (Failure.TIMEOUT, "connect")
    assert monotonic() - began < 1.4


async def test_a_ca_file_that_is_none_is_the_probes_own_mistake(secure: RawServer, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for path in (tmp_path / "ca.pem", tmp_path / "absent.pem"):
        trouble = await bad(secure, ca_file=str(path))
        assert trouble.failure is Failure.PROBE_BUG
        assert path.name in trouble.sentence and "PEM" in trouble.sentence


def test_a_context_is_built_once_for_its_settings(ca_file: str) -> None:
    first = tls_context(ca_file=ca_file)
    assert tls_context(ca_file=ca_file) is first
    assert tls_context() is tls_context()
    assert tls_context() is not first
    assert tls_context(verify=False).verify_mode is ssl.CERT_NONE
    Path(ca_file).touch()
    stamp = (datetime.fromtimestamp(Path(ca_file).stat().st_mtime, UTC) + timedelta(seconds=5)).timestamp()
    os.utime(ca_file, (stamp, stamp))
    assert tls_context(ca_file=ca_file) is not first
