"""Inboxes: the local mail server as Python's own client sees it, ours as the server sees it, and hostile ones."""

from __future__ import annotations

import asyncio
import imaplib
import ssl
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from monitor.sandbox.mail import MailServer
from probes.tools import Trouble
from probes.tools.http import shared_resolver
from probes.tools.looking import Seen
from probes.tools.mail import Box, find, remove
from probes.words.clock import SystemClock, moment

MARKER = "showup-1K14FN8T0Y40001-1"
clock = SystemClock()


@pytest.fixture
async def mail() -> AsyncIterator[MailServer]:
    async with MailServer() as made:
        yield made


def box(mail: MailServer, **more: Any) -> Box:
    user = mail.tokens()["user"]
    given = {"server": mail.client_url, "user": user, "password": mail.password, "ca_file": str(mail.ca_file)}
    return Box(**{**given, **more})


async def look(where: Box, known: set[int] | None = None) -> tuple[Seen | None, str]:
    since = moment(clock.now())
    return await find(where, shared_resolver(), MARKER, since=since, known=set() if known is None else known)


async def trouble(where: Box, within: float = 2.0) -> Trouble:
    with pytest.raises(Trouble) as raised:
        async with asyncio.timeout(within):
            await look(where)
    return raised.value


def test_pythons_own_client_reads_it() -> None:
    async def serve() -> None:
        async with MailServer() as mail:
            mail.deliver(subject="One", text="hello")
            mail.deliver(subject="Two", text=f"about {MARKER}")
            await asyncio.to_thread(_read_by_imaplib, mail)

    asyncio.run(serve())


def _read_by_imaplib(mail: MailServer) -> None:
    context = ssl.create_default_context(cafile=mail.ca_file)
    with imaplib.IMAP4_SSL("localhost", mail.imap_port, ssl_context=context, timeout=5) as client:
        with pytest.raises(imaplib.IMAP4.error):
            client.login("somebody", "else")
        client.login(mail.tokens()["user"], mail.password)
        assert client.select("INBOX") == ("OK", [b"2"])
        assert client.search(None, "TEXT", MARKER)[1] == [b"2"]
        assert client.search(None, "SINCE", "01-Jan-2020", "UNSEEN")[1] == [b"1 2"]
        typ, data = client.uid("FETCH", "2", "(BODY.PEEK[])")
        assert typ == "OK" and MARKER.encode() in data[0][1]
        assert mail.mails[1].flags == set(), "a peek marks nothing"
        client.store("1", "+FLAGS", "\\Deleted")
        assert client.expunge()[1] == [b"1"]
        assert len(mail.mails) == 1


async def test_the_newest_mail_with_the_marker_is_found_and_none_is_marked(mail: MailServer) -> None:
    mail.deliver(subject="Before", text=f"old {MARKER}")
    mail.deliver(subject="Other", text="nothing")
    mail.deliver(subject="Grüße für Zoë", text=f"Zahlung über 5 € für {MARKER} ist da")
    seen, said = await look(box(mail))
    assert seen is not None and said == "message 3"
    assert seen.json("$.subject") == "Grüße für Zoë" == seen.headers["subject"]
    assert "5 €" in seen.text and seen.values["uid"] == 3
    assert all(one.flags == set() for one in mail.mails)


async def test_what_is_encoded_or_not_indexed_yet_is_found_all_the_same(mail: MailServer) -> None:
    mail.deliver(subject="Encoded", text=f"ünïcödé {'ä' * 200} {MARKER} {'ö' * 200}")  # base64 on the wire
    assert MARKER.encode() not in mail.mails[0].raw
    assert (await look(box(mail)))[0] is not None
    mail.inbox.mails.clear()
    mail.faults.set("blind", where="text")
    mail.deliver(subject=MARKER, text="plain")
    assert (await look(box(mail)))[0] is not None


async def test_what_is_older_than_the_day_before_is_not_looked_at(mail: MailServer) -> None:
    old = mail.deliver(subject=MARKER, text="long ago")
    old.at -= timedelta(days=3)
    assert await look(box(mail)) == (None, f"0 messages in INBOX, none with {MARKER}")


async def test_a_message_that_was_looked_into_is_not_fetched_again(mail: MailServer) -> None:
    mail.deliver(subject="Other", text="nothing")
    known: set[int] = set()
    await look(box(mail), known)
    await look(box(mail), known)
    assert [one.what for one in mail.received].count("imap.fetch") == 1


async def test_one_mail_is_deleted_and_no_other(mail: MailServer) -> None:
    for number in range(3):
        mail.deliver(subject=str(number), text="x")
    mail.mails[0].flags.add("\\Deleted")  # somebody else's wish
    await remove(box(mail), shared_resolver(), 2)
    assert [one.uid for one in mail.mails] == [1, 3]


async def test_tls_begins_at_once_or_by_starttls_and_is_never_left_out(mail: MailServer) -> None:
    mail.deliver(subject=MARKER, text="x")
    assert (await look(box(mail, server=mail.plain_url)))[0] is not None
    logins = [one.what for one in mail.received].count("imap.login")
    for server in (mail.client_url, mail.plain_url):
        untrusted = await trouble(box(mail, server=server, ca_file=""))
        assert untrusted.failure == "unreachable" and "certificate" in untrusted.sentence
    assert [one.what for one in mail.received].count("imap.login") == logins, "nothing secret was said"


async def test_a_refused_login_is_auth_and_hides_the_password(mail: MailServer) -> None:
    refused = await trouble(box(mail, password='s3cr3t "one" \\ ü'))
    assert refused.failure == "auth" and "refuses the login" in refused.sentence and "s3cr3t" not in refused.sentence


@pytest.mark.parametrize(
    ("kind", "where", "failure"),
    [
        ("garbage", "greeting", "garbage"),
        ("garbage", "search", "garbage"),
        ("flood", "search", "garbage"),
        ("big", "fetch", "garbage"),
        ("hang-up", "fetch", "truncated"),
        ("refuse", "examine", "app_error"),
    ],
)
async def test_a_hostile_server_ends_soon_and_is_named(mail: MailServer, kind: str, where: str, failure: str) -> None:
    mail.deliver(subject=MARKER, text="x")
    mail.faults.set(kind, where=where)
    began = time.monotonic()
    assert (await trouble(box(mail), within=5.0)).failure == failure
    assert time.monotonic() - began < 3


async def test_a_server_that_is_not_there_is_unreachable(mail: MailServer) -> None:
    gone = box(mail, ca_file="")
    await mail.stop()
    assert (await trouble(gone)).failure == "unreachable"


MIXED = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
NESTED = MIXED + (b"--x\r\n" + MIXED) * 3_000
NO_MAIL = [b"\xff" * 3_000, b"Subject: =?utf-8?b?!!!!?=\r\n\r\n\xfe", b"\r\n" * 500, NESTED]


@pytest.mark.parametrize("raw", NO_MAIL)
async def test_mail_that_is_none_is_looked_into_without_harm(mail: MailServer, raw: bytes) -> None:
    mail.deliver(raw + MARKER.encode())
    began = time.monotonic()
    await look(box(mail))
    assert time.monotonic() - began < 1.5


async def test_a_mail_of_ten_megabytes_is_read_at_its_beginning(mail: MailServer) -> None:
    mail.deliver(f"Subject: {MARKER}\r\n\r\n" + "x" * (10 << 20))
    seen, _ = await look(box(mail))
    assert seen is not None and len(seen.text) < 300_000


@pytest.mark.parametrize("server", ["https://x.example", "imaps://", "imaps://u:p@x.example", "imaps://x/INBOX", "x"])
def test_an_address_that_is_none_is_refused(server: str) -> None:
    with pytest.raises(ValueError, match="write"):
        _ = Box(server, "u", "p").place


async def test_the_addresses_where_clouds_hand_out_credentials_are_never_called() -> None:
    found = await trouble(Box("imaps://169.254.169.254", "u", "p"))
    assert found.failure == "unreachable" and "no probe may go" in found.sentence
