"""What went wrong below the answer: errors of the system, of TLS and of httpx, and bare status codes, as failures."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from probes.frames import REFUSED
from probes.words.failure import Failure
from probes.words.moments import http_date
from probes.words.text import clean


@dataclass(frozen=True, slots=True)
class Cause:
    """A failure with its sentence and the phase of the request it belongs to ("" when it belongs to none)."""

    failure: Failure
    sentence: str
    phase: str = ""
    retry_after: float | None = None
    witness: str = ""


_PLAIN = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST"})  # what OpenSSL calls an answer that is no TLS at all
# What this machine lacks says nothing about the target.
_OURS: Mapping[int, str] = {
    errno.EMFILE: "showup has no file handles left",
    errno.ENFILE: "this machine has no file handles left",
    errno.ENOMEM: "this machine has no memory left",
    errno.ENOBUFS: "this machine has no network buffers left",
    errno.EADDRNOTAVAIL: "this machine has no free local port or address",
    errno.ENETUNREACH: "this machine has no route to the network",
    errno.ENETDOWN: "this machine's network is down",
    errno.EAFNOSUPPORT: "this machine does not speak this kind of address",
    errno.EPERM: "this machine's own firewall forbids the connection",
    errno.EACCES: "this machine's own firewall forbids the connection",
}
_CONNECT: Mapping[int, str] = {
    errno.ECONNREFUSED: "refused the connection",
    errno.EHOSTUNREACH: "cannot be reached: no route to the host",
    errno.ECONNRESET: "dropped the connection while it was being made",
    errno.ECONNABORTED: "dropped the connection while it was being made",
    errno.EPIPE: "dropped the connection while it was being made",
}


_HTTP = b"HTTP/1."


def _number(error: BaseException) -> int:
    return (error.errno or 0) if isinstance(error, OSError) else 0


def of_connect(error: BaseException, where: str) -> Cause:
    """Why no connection to `where` (host:port, for people) was made."""
    if isinstance(error, ssl.SSLError | ssl.CertificateError):
        return of_tls(error, where)
    number = _number(error)
    if number in _OURS:
        return Cause(Failure.MONITOR_FAULT, _OURS[number], "connect")
    if number == errno.ETIMEDOUT:
        return Cause(Failure.TIMEOUT, f"{where} did not take the connection", "connect")
    said = _CONNECT.get(number, "cannot be connected to")
    answered = REFUSED if number == errno.ECONNREFUSED else ""
    return Cause(Failure.UNREACHABLE, f"{where} {said}", "connect", witness=answered)


def of_connects(errors: list[BaseException], where: str) -> Cause:
    """The one cause of several addresses failing: the target's when any of them got as far as the target."""
    causes = [of_connect(error, where) for error in errors]
    theirs = [cause for cause in causes if cause.failure is not Failure.MONITOR_FAULT]
    return (theirs or causes)[0]


def of_tls(error: BaseException, where: str) -> Cause:
    """Why the TLS handshake with `where` failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        said = clean(error.verify_message or "it does not verify", 160)
        return Cause(Failure.UNREACHABLE, f"the certificate of {where} is not valid: {said}", "tls")
    if isinstance(error, ssl.SSLError):
        if error.reason in _PLAIN:
            return Cause(Failure.UNREACHABLE, f"{where} does not speak TLS; is its address http:// ?", "tls")
        said = clean((error.reason or "handshake failed").replace("_", " ").lower(), 120)
        return Cause(Failure.UNREACHABLE, f"no TLS with {where}: {said}", "tls")
    if _number(error) in _OURS:
        return Cause(Failure.MONITOR_FAULT, _OURS[_number(error)], "tls")
    return Cause(Failure.UNREACHABLE, f"{where} dropped the connection during the TLS handshake", "tls")


def of_lookup(error: BaseException, host: str, *, resolver_answers: bool = True) -> Cause:
    """Why a name was not resolved. `resolver_answers`: after a passing failure, one of our name servers lives."""
    if isinstance(error, UnicodeError):
        return Cause(Failure.UNREACHABLE, f"{clean(host, 80)} is not a name that can be looked up", "dns")
    code = _number(error)
    if isinstance(error, socket.gaierror):
        if code in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)):
            return Cause(Failure.UNREACHABLE, f"the name {host} does not exist", "dns")
        if code == socket.EAI_AGAIN and resolver_answers:
            return Cause(Failure.UNREACHABLE, f"the name servers of {host} do not answer", "dns")
        if code == socket.EAI_FAIL:
            return Cause(Failure.UNREACHABLE, f"the name servers of {host} refuse to answer", "dns")
        if code == socket.EAI_AGAIN:
            return Cause(Failure.MONITOR_FAULT, f"showup's own name servers do not answer (asked for {host})", "dns")
    said = _OURS.get(code, "showup's own resolver failed")
    return Cause(Failure.MONITOR_FAULT, f"{said} (asked for {host})", "dns")


def of_exchange(error: BaseException, where: str, *, begun: bool, opening: bytes = b"") -> Cause:
    """Why an exchange broke after the connection stood.

    `begun`: the headers of the answer had come; `opening` are the first bytes of whatever came.
    """
    import httpcore
    import httpx

    if isinstance(error, httpx.PoolTimeout | httpcore.PoolTimeout):
        return Cause(Failure.MONITOR_FAULT, "showup had no connection to spare")
    if isinstance(error, httpx.LocalProtocolError | httpcore.LocalProtocolError):
        return Cause(Failure.PROBE_BUG, f"the request cannot be sent: {clean(str(error), 160)}")
    if isinstance(error, httpx.RemoteProtocolError | httpcore.RemoteProtocolError):
        return _of_protocol(str(error), where, begun=begun, opening=opening)
    if isinstance(error, ssl.SSLError):
        return Cause(Failure.TRUNCATED, f"{where} broke TLS off in the middle of the answer")
    if _number(error) in _OURS:
        return Cause(Failure.MONITOR_FAULT, _OURS[_number(error)])
    return _dropped(where, begun=begun or bool(opening))


def _of_protocol(said: str, where: str, *, begun: bool, opening: bytes) -> Cause:
    lowered = said.lower()
    if "without sending a response" in lowered:
        if opening and not _HTTP.startswith(opening[: len(_HTTP)]):
            return Cause(Failure.GARBAGE, f"{where} speaks something else than HTTP: {clean(repr(opening)[2:-1], 40)}")
        return _dropped(where, begun=bool(opening))
    if "incomplete" in lowered or "peer closed" in lowered or "without sending complete" in lowered:
        return _dropped(where, begun=True)
    return Cause(Failure.GARBAGE, f"{where} does not speak HTTP as it should: {clean(said, 160)}")


def _dropped(where: str, *, begun: bool) -> Cause:
    if begun:
        return Cause(Failure.TRUNCATED, f"{where} closed the connection in the middle of the answer")
    return Cause(Failure.TRUNCATED, f"{where} closed the connection without an answer")


def of_status(status: int, headers: Mapping[str, str] | None = None) -> Cause | None:
    """What a bare status code says, or None below 400: the protocol's word, before anything in the body is believed."""
    if status < 400:
        return None
    try:
        said = f"answered {status} {HTTPStatus(status).phrase}"
    except ValueError:
        said = f"answered {status}"
    wait = retry_after(headers or {})
    if status in (401, 403, 407):
        return Cause(Failure.AUTH, said)
    if status == 402:
        return Cause(Failure.QUOTA, said)
    if status == 429:
        return Cause(Failure.RATE_LIMITED, said + (f" and asks to wait {wait:g} s" if wait else ""), retry_after=wait)
    if status == 408:
        return Cause(Failure.TIMEOUT, said, "first_byte")
    if status >= 500:
        return Cause(Failure.APP_ERROR, said, retry_after=wait)
    return Cause(Failure.CONTRACT_CHANGED, said)


_SECONDS = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")
_LONGEST_WAIT = 3_600.0  # s; a hostile Retry-After must not put a probe to sleep


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as `Retry-After` (RFC 9110, 10.2.3) or `retry-after-ms` ask, at most an hour; None when unusable.

    A date is compared with the answer's own `Date`: our clock and the target's need not agree.
    """
    for name, unit in (("retry-after-ms", 1_000.0), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if _SECONDS.fullmatch(text):
            return min(float(text) / unit, _LONGEST_WAIT)
    until, now = http_date(headers.get("retry-after", "")), http_date(headers.get("date", ""))
    if until is None or now is None:
        return None
    return min(max(0.0, (until - now).total_seconds()), _LONGEST_WAIT)
