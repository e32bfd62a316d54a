"""Why a certificate is not trusted, in words; and when a token says that it ends."""

from __future__ import annotations

import base64
import datetime
import json
import ssl
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from probes.tools.certificate import covers, explain
from probes.tools.notices import Notice, notice_in
from probes.tools.paper import Paper, read
from probes.words.token import ends_of, life_of
from probes.words.units import DAY, SECOND

NOW = 1_795_000_000 * SECOND


def paper(*, begins: int = -30, ends: int = 30, names: tuple[str, ...] = ("a.example",), own: bool = False) -> Paper:
    return Paper(NOW + begins * DAY, NOW + ends * DAY, names, "Example CA", own)


def error(message: str) -> ssl.SSLCertVerificationError:
    found = ssl.SSLCertVerificationError(1, message)
    found.verify_message = message
    return found


@pytest.mark.parametrize(
    ("held", "message", "said"),
    [
        (paper(ends=-3), "certificate has expired", ["expired 3 days ago"]),
        (paper(begins=2), "certificate is not yet valid", ["is not valid for another 2 days"]),
        (paper(names=("b.example", "c.example")), "Hostname mismatch", ["is for b.example, c.example"]),
        (paper(own=True), "self-signed certificate", ["is signed by itself"]),
        (paper(), "self-signed certificate in certificate chain", ["leads to an authority that nobody here knows"]),
        (paper(), "unable to get local issuer certificate",
         ["is signed by Example CA, whom nobody here knows, or its chain is incomplete"]),
        (paper(ends=-1, names=()), "certificate has expired", ["expired 1 day ago", "is for nobody"]),
        (paper(), "CA md too weak", ["is not valid: ca md too weak"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(held: Paper, message: str, said: list[str]) -> None:
    assert explain(held, "a.example", error(message), now=NOW) == said


@pytest.mark.parametrize(
    ("names", "host", "holds"),
    [
        (("*.example.com",), "a.example.com", True),
        (("*.example.com",), "a.b.example.com", False),
        (("*.example.com",), "example.com", False),
        (("A.Example.com.",), "a.example.com", True),
        (("127.0.0.1",), "127.0.0.1", True),
        (("0:0:0:0:0:0:0:1",), "::1", True),
        (("*",), "localhost", False),
        ((), "a.example.com", False),
    ],
)
def test_a_name_covers_one_label_at_most(names: tuple[str, ...], host: str, holds: bool) -> None:
    assert covers(names, host) is holds


def test_a_certificate_is_read_without_being_verified() -> None:
    ends = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    leaf = trustme.CA().issue_cert("old.example", "127.0.0.1", not_before=ends - datetime.timedelta(9), not_after=ends)
    der = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes()).public_bytes(Encoding.DER)
    found = read(der)
    assert found is not None
    assert (found.ends, found.ends - found.begins) == (int(ends.timestamp()) * SECOND, 9 * DAY)
    assert set(found.names) == {"old.example", "127.0.0.1"} and not found.is_own


@given(st.binary(max_size=200))
def test_what_is_no_certificate_is_none(data: bytes) -> None:
    assert read(data) is None


def part(document: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def token(claims: Any, head: Any = None) -> str:
    return f"{part(head or {'alg': 'HS256'})}.{part(claims)}.c2lnbmF0dXJl"


def test_a_jwt_says_when_it_ends() -> None:
    life = life_of("Bearer " + token({"exp": 1_900_000_000, "iat": 1_800_000_000}))
    assert life is not None and (life.ends, life.begins) == (1_900_000_000 * SECOND, 1_800_000_000 * SECOND)
    assert ends_of(token({"exp": 1_900_000_000.5})) == 1_900_000_000 * SECOND


@pytest.mark.parametrize(
    "text",
    ["", "sk-plain-key", "a.b.c", "x" * 100_000, f"{'a' * 9000}.{'b' * 9000}.c", token({}), token([1]),
     *(token({"exp": wrong}) for wrong in ("soon", True, -1, 10**18)), token({"exp": 1_900_000_000}, {"typ": "JWT"})],
)  # fmt: skip
def test_what_is_no_jwt_or_never_ends_says_nothing(text: str) -> None:
    assert ends_of(text) is None


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, Notice()),
        ({"deprecation": "@1688169599"}, Notice(True, 1_688_169_599 * SECOND)),
        ({"deprecation": "true"}, Notice(True)),
        ({"deprecation": "false"}, Notice()),
        ({"sunset": "Sat, 31 Oct 2026 23:59:59 GMT"}, Notice(False, 0, 1_793_491_199 * SECOND)),
        ({"deprecation": "Sun, 11 Nov 2018 23:59:59 GMT"}, Notice(True, 1_541_980_799 * SECOND)),
        ({"sunset": "2026-10-31T23:59:59Z"}, Notice(False, 0, 1_793_491_199 * SECOND)),
        ({"sunset": "next year"}, Notice()),
        ({"sunset": "@99999999999999"}, Notice()),
    ],
)
def test_what_an_interface_announces_of_its_end(headers: dict[str, str], found: Notice) -> None:
    assert notice_in(headers) == found
