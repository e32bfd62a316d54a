"""TLS settings shared by all requests that use the same ones, and what a certificate says about its own end."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from typing import Any

from probes.tools import Trouble
from probes.words.failure import Failure


def tls_context(*, verify: bool = True, ca_file: str = "") -> ssl.SSLContext:
    """The context for these settings: built once a process, and again when `ca_file` changes on disk (it costs 20 ms).

    Trusted are the system's authorities, Mozilla's (certifi) and those in `ca_file`; Trouble when it is unusable.
    """
    try:
        stamp = os.stat(ca_file).st_mtime_ns if ca_file else 0
        return _context(verify, ca_file, stamp)
    except OSError:  # SSLError is one
        said = f"ca_file {ca_file} cannot be read; it must hold certificates in PEM"
        raise Trouble(Failure.PROBE_BUG, said, "tls") from None


@lru_cache(maxsize=32)
def _context(verify: bool, ca_file: str, stamp: int) -> ssl.SSLContext:
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if ca_file:
        context.load_verify_locations(ca_file)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context


_lives: dict[bytes, tuple[int, int]] = {}
_REMEMBERED = 1_000  # certificates


def life(connection: Any, *, verified: bool = True) -> tuple[int, int]:
    """When the certificate of an SSL object begins and ends, µs since the epoch; 0 where it does not say."""
    encoded = connection.getpeercert(binary_form=True) if connection is not None else None
    if not encoded:
        return 0, 0
    # Reading a certificate costs ten times as much as fetching its bytes, and it is the same one for months.
    if (known := _lives.get(encoded)) is None:
        if len(_lives) >= _REMEMBERED:
            _lives.clear()
        known = _lives[encoded] = _verified(connection) if verified else _unverified(encoded)
    return known


def _verified(connection: Any) -> tuple[int, int]:
    said = connection.getpeercert() or {}
    begins, ends = (str(said.get(name, "")) for name in ("notBefore", "notAfter"))
    return _moment(begins), _moment(ends)


def _moment(text: str) -> int:
    return max(0, ssl.cert_time_to_seconds(text)) * 1_000_000 if text else 0


def _unverified(encoded: bytes) -> tuple[int, int]:
    """The same of a certificate that nobody verified, which Python's own reader refuses to read."""
    from probes.tools.paper import read

    paper = read(encoded)
    return (paper.begins, paper.ends) if paper is not None else (0, 0)
