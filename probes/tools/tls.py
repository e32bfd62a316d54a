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


_expiries: dict[bytes, int] = {}
_REMEMBERED = 1_000  # certificates


def expiry(connection: Any) -> int:
    """When the verified certificate of an SSL object ends, µs since the epoch; 0 when it does not say."""
    encoded = connection.getpeercert(binary_form=True) if connection is not None else None
    if not encoded:
        return 0
    # Reading a certificate costs ten times as much as fetching its bytes, and it is the same one for months.
    if (known := _expiries.get(encoded)) is None:
        if len(_expiries) >= _REMEMBERED:
            _expiries.clear()
        ends = str((connection.getpeercert() or {}).get("notAfter", ""))
        known = _expiries[encoded] = ssl.cert_time_to_seconds(ends) * 1_000_000 if ends else 0
    return known
