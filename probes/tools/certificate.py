"""A host's certificate, seen at each of its addresses: whether it is trusted, and if not, why, in words."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from probes import classify
from probes.addresses import literal
from probes.target import Target
from probes.tools import Trouble
from probes.tools.paper import Paper, read
from probes.tools.resolver import Resolver
from probes.tools.tls import tls_context
from probes.tools.wire import trouble
from probes.words.clock import SystemClock
from probes.words.failure import Failure
from probes.words.text import clean
from probes.words.units import DAY

MOST_ADDRESSES = 16
EACH = 5.0  # seconds for one address


@dataclass(frozen=True, slots=True)
class Look:
    """What one address showed: its `trouble` in words, "" when it is trusted; `failure` is "" then too.

    `protocol` is the version of TLS; `begins` and `ends` are µs, 0 where no certificate was seen.
    """

    address: str
    failure: Failure | None = None
    trouble: str = ""
    phase: str = ""
    protocol: str = ""
    begins: int = 0
    ends: int = 0
    names: tuple[str, ...] = ()


async def look(
    target: Target, resolver: Resolver, host: str, port: int, *, within: float | None = None
) -> list[Look]:
    """A handshake with every address of a host, all at once; raises Trouble for a name that leads nowhere."""
    found = await addresses_of(target, resolver, host)
    await asyncio.to_thread(import_module, "cryptography.x509")  # once a tenth of a second, which nobody waits for
    each = within if within is not None else EACH
    return list(await asyncio.gather(*(_one(target, host, address, port, each) for address in found)))


async def addresses_of(target: Target, resolver: Resolver, host: str) -> list[str]:
    """Every address of a host that the target admits; raises Trouble."""
    if not target.allows(host):
        raise not_allowed(host)
    if literal(host) is not None:
        found = [host]
    else:
        try:
            found = [address for _, address in await resolver.addresses(host)]
        except (OSError, UnicodeError) as error:
            answers = await resolver.answers(error)
            raise trouble(classify.of_lookup(error, host, resolver_answers=answers)) from None
    for address in found:
        if not target.admits(host, address):
            hint = "; write allow_private: true if that is meant" if target.private_helps(address) else ""
            raise Trouble(Failure.UNREACHABLE, f"{host} leads to {address}, where no probe may go{hint}", "dns")
    return found[:MOST_ADDRESSES]


def not_allowed(host: str) -> Trouble:
    """What to say of a host that the target does not lead to."""
    return Trouble(Failure.PROBE_BUG, f"{host} is not where this target leads; write allow: [{host}]", "dns")


async def reach(target: Target, host: str, address: str, port: int) -> Trouble | None:
    """None when an address takes a connection within EACH seconds."""
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    if not target.allows(host):
        return not_allowed(host)
    if not target.admits(host, address):
        return Trouble(Failure.UNREACHABLE, f"{host} leads to {address}, where no probe may go", "dns")
    try:
        async with asyncio.timeout(EACH):
            _, writer = await asyncio.open_connection(address, port)
    except TimeoutError:
        return Trouble(Failure.TIMEOUT, f"{where} did not take the connection in {EACH:g} s", "connect")
    except OSError as error:
        return trouble(classify.of_connect(error, where))
    writer.transport.abort()
    return None


async def _one(target: Target, host: str, address: str, port: int, within: float) -> Look:
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    context = tls_context(verify=target.verify, ca_file=target.ca_file)
    try:
        async with asyncio.timeout(within):
            return _seen(address, *await _met(context, host, address, port))
    except ssl.SSLCertVerificationError as error:
        return await _why(target, host, address, port, error, within)
    except TimeoutError:
        return Look(address, Failure.TIMEOUT, f"{where} did not finish a TLS handshake in {within:g} s", "tls")
    except ssl.SSLError as error:
        cause = classify.of_tls(error, where)
        return Look(address, cause.failure, cause.sentence, cause.phase)
    except OSError as error:
        cause = classify.of_connect(error, where)
        return Look(address, cause.failure, cause.sentence, cause.phase)


async def _met(context: ssl.SSLContext, host: str, address: str, port: int) -> tuple[Paper | None, str]:
    """The certificate that is shown, and the version of TLS."""
    _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=host)
    try:
        tls: Any = writer.get_extra_info("ssl_object")
        return read(tls.getpeercert(binary_form=True) or b""), str(tls.version() or "")
    finally:
        writer.transport.abort()


def _seen(address: str, paper: Paper | None, protocol: str) -> Look:
    if paper is None:
        return Look(address, protocol=protocol)
    return Look(address, protocol=protocol, begins=paper.begins, ends=paper.ends, names=paper.names)


async def _why(
    target: Target, host: str, address: str, port: int, error: ssl.SSLCertVerificationError, within: float
) -> Look:
    """The same handshake with nothing verified, to read what is wrong with the certificate."""
    loose = tls_context(verify=False, ca_file=target.ca_file)
    reasons, seen = [f"is not valid: {clean(error.verify_message or 'it does not verify', 160)}"], Look(address)
    try:
        async with asyncio.timeout(within):
            paper, protocol = await _met(loose, host, address, port)
    except (OSError, TimeoutError):
        paper, protocol = None, ""
    if paper is not None:
        reasons = explain(paper, host, error, now=SystemClock().wall())
        seen = _seen(address, paper, protocol)
    said = f"the certificate of {host} at {address} {', and '.join(reasons)}"
    return replace(seen, failure=Failure.UNREACHABLE, trouble=said, phase="tls")


def explain(paper: Paper, host: str, error: ssl.SSLCertVerificationError | None, *, now: int) -> list[str]:
    """Why a certificate is not trusted: everything that is wrong with it, in words."""
    reasons = []
    if paper.ends <= now:
        reasons.append(f"expired {_days(now - paper.ends)} ago")
    if paper.begins > now:
        reasons.append(f"is not valid for another {_days(paper.begins - now)}")
    if not covers(paper.names, host):
        others = ", ".join(paper.names[:3]) or "nobody"
        reasons.append(f"is for {others}" + (f" and {len(paper.names) - 3} more" if len(paper.names) > 3 else ""))
    said = (error.verify_message or "").lower() if error is not None else ""
    if "self" in said and "signed" in said:
        reasons.append("is signed by itself" if paper.is_own else "leads to an authority that nobody here knows")
    elif "issuer" in said or "unable to get" in said:
        reasons.append(f"is signed by {paper.issuer or 'somebody'}, whom nobody here knows, or its chain is incomplete")
    return reasons or [f"is not valid: {clean(said, 120) or 'it does not verify'}"]


def _days(length: int) -> str:
    days, hours = length // DAY, length // (DAY // 24)
    if days >= 1:
        return f"{days} day{'s' if days != 1 else ''}"
    return f"{hours} h" if hours else "less than an hour"


def covers(names: Iterable[str], host: str) -> bool:
    """True when one of a certificate's names is the host's; a wildcard stands for one label."""
    address = literal(host)
    for name in names:
        if address is not None:
            try:
                if ipaddress.ip_address(name) == address:
                    return True
            except ValueError:
                continue
        lowered = name.lower().rstrip(".")
        if lowered == host or (lowered.startswith("*.") and host.partition(".")[2] == lowered[2:] and "." in host):
            return True
    return False
