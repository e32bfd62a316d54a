"""Errors of the system, of TLS and of HTTP, by the name of the failure they are: ours are told from the target's."""

from __future__ import annotations

import errno
import os
import socket
import ssl

import httpcore
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes import classify
from probes.words.failure import FACTS, Failure

WHERE = "x.example:443"


@pytest.mark.parametrize(
    ("number", "failure"),
    [
        (errno.ECONNREFUSED, Failure.UNREACHABLE),
        (errno.EHOSTUNREACH, Failure.UNREACHABLE),
        (errno.ECONNRESET, Failure.UNREACHABLE),
        (errno.ETIMEDOUT, Failure.TIMEOUT),
        (errno.ENETUNREACH, Failure.MONITOR_FAULT),
        (errno.ENETDOWN, Failure.MONITOR_FAULT),
        (errno.EMFILE, Failure.MONITOR_FAULT),
        (errno.ENFILE, Failure.MONITOR_FAULT),
        (errno.ENOBUFS, Failure.MONITOR_FAULT),
        (errno.EADDRNOTAVAIL, Failure.MONITOR_FAULT),
        (errno.EPERM, Failure.MONITOR_FAULT),
    ],
)
def test_connecting(number: int, failure: Failure) -> None:
    cause = classify.of_connect(OSError(number, os.strerror(number)), WHERE)
    assert (cause.failure, cause.phase) == (failure, "connect")
    assert (WHERE in cause.sentence) is (failure is not Failure.MONITOR_FAULT)


def test_one_address_that_got_there_speaks_for_all() -> None:
    """Without a route for IPv6 and refused over IPv4: the machine has a network, and the target refuses."""
    no_route, refused = OSError(errno.ENETUNREACH, ""), OSError(errno.ECONNREFUSED, "")
    assert classify.of_connects([no_route, refused], WHERE).failure is Failure.UNREACHABLE
    assert classify.of_connects([no_route, no_route], WHERE).failure is Failure.MONITOR_FAULT


@pytest.mark.parametrize(
    ("error", "lives", "failure"),
    [
        (socket.gaierror(socket.EAI_NONAME, ""), True, Failure.UNREACHABLE),
        (socket.gaierror(socket.EAI_NODATA, ""), True, Failure.UNREACHABLE),
        (socket.gaierror(socket.EAI_FAIL, ""), True, Failure.UNREACHABLE),
        (socket.gaierror(socket.EAI_AGAIN, ""), True, Failure.UNREACHABLE),
        (socket.gaierror(socket.EAI_AGAIN, ""), False, Failure.MONITOR_FAULT),
        (socket.gaierror(socket.EAI_MEMORY, ""), True, Failure.MONITOR_FAULT),
        (OSError(errno.EMFILE, ""), True, Failure.MONITOR_FAULT),
        (UnicodeError("label too long"), True, Failure.UNREACHABLE),
    ],
)
def test_names(error: Exception, lives: bool, failure: Failure) -> None:
    cause = classify.of_lookup(error, "x.example", resolver_answers=lives)
    assert (cause.failure, cause.phase) == (failure, "dns")
    assert "x.example" in cause.sentence


def test_tls() -> None:
    invalid = ssl.SSLCertVerificationError(1, "bad")
    invalid.verify_message = "certificate has expired\x1b[31m"
    cause = classify.of_tls(invalid, WHERE)
    assert (cause.failure, cause.phase) == (Failure.UNREACHABLE, "tls")
    assert cause.sentence == f"the certificate of {WHERE} is not valid: certificate has expired[31m"
    assert classify.of_connect(invalid, WHERE) == cause
    assert classify.of_tls(ConnectionResetError(errno.ECONNRESET, ""), WHERE).failure is Failure.UNREACHABLE
    plain = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)")
    plain.reason = "WRONG_VERSION_NUMBER"
    assert classify.of_tls(plain, WHERE).sentence == f"{WHERE} does not speak TLS; is its address http:// ?"
    assert classify.of_tls(OSError(errno.EMFILE, ""), WHERE).failure is Failure.MONITOR_FAULT


@pytest.mark.parametrize(
    ("error", "begun", "failure"),
    [
        (httpx.PoolTimeout("full"), False, Failure.MONITOR_FAULT),
        (httpcore.PoolTimeout("full"), False, Failure.MONITOR_FAULT),
        (httpx.LocalProtocolError("bad header"), False, Failure.PROBE_BUG),
        (httpcore.RemoteProtocolError("Server disconnected without sending a response."), False, Failure.TRUNCATED),
        (
            httpx.RemoteProtocolError("peer closed connection without sending complete message body"),
            True,
            Failure.TRUNCATED,
        ),
        (httpcore.RemoteProtocolError("illegal status line"), False, Failure.GARBAGE),
        (httpcore.ReadError("reset"), False, Failure.TRUNCATED),
        (httpcore.ReadError("reset"), True, Failure.TRUNCATED),
        (httpcore.WriteError("reset"), False, Failure.TRUNCATED),
        (ssl.SSLError(1, "bad record mac"), True, Failure.TRUNCATED),
        (OSError(errno.ENOMEM, ""), True, Failure.MONITOR_FAULT),
    ],
)
def test_exchanges(error: Exception, begun: bool, failure: Failure) -> None:
    assert classify.of_exchange(error, WHERE, begun=begun).failure is failure


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, Failure.CONTRACT_CHANGED),
        (401, Failure.AUTH),
        (402, Failure.QUOTA),
        (403, Failure.AUTH),
        (404, Failure.CONTRACT_CHANGED),
        (407, Failure.AUTH),
        (408, Failure.TIMEOUT),
        (410, Failure.CONTRACT_CHANGED),
        (422, Failure.CONTRACT_CHANGED),
        (429, Failure.RATE_LIMITED),
        (500, Failure.APP_ERROR),
        (502, Failure.APP_ERROR),
        (503, Failure.APP_ERROR),
        (504, Failure.APP_ERROR),
        (529, Failure.APP_ERROR),
        (599, Failure.APP_ERROR),
        (999, Failure.APP_ERROR),
    ],
)
def test_bare_statuses(status: int, failure: Failure) -> None:
    cause = classify.of_status(status)
    assert cause is not None and cause.failure is failure
    assert cause.sentence.startswith(f"answered {status}")


@given(st.integers(100, 399))
def test_below_400_a_status_is_no_failure(status: int) -> None:
    assert classify.of_status(status) is None


@given(st.integers(400, 10_000))
def test_every_other_status_is_a_failure_of_the_target(status: int) -> None:
    cause = classify.of_status(status)
    assert cause is not None and FACTS[cause.failure].state == "down"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "999999999999"}, 3_600.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "١"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Mon, 23 Nov 2026 10:00:30 GMT", "date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 09:59:30 GMT", "date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"retry-after": "Mon, 23 Nov 2026 10:00:30 GMT"}, None),
        ({"retry-after": "Mon, 99 Nov 2026 10:00:30 GMT", "date": "x"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert classify.retry_after(headers) == seconds


def test_a_limited_answer_says_how_long() -> None:
    cause = classify.of_status(429, {"retry-after": "20"})
    assert cause is not None
    assert (cause.retry_after, cause.sentence) == (20.0, "answered 429 Too Many Requests and asks to wait 20 s")


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "date"]), st.text(max_size=30)))
def test_no_retry_after_breaks_anything(headers: dict[str, str]) -> None:
    wait = classify.retry_after(headers)
    assert wait is None or 0 <= wait <= 3_600
