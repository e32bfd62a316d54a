"""What stands in a certificate, verified or not: Python's own reader refuses those that nobody verified."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from probes.words.clock import micros
from probes.words.text import clean


@dataclass(frozen=True, slots=True)
class Paper:
    """What stands in a certificate: µs since the epoch, the names it is for, and who issued it."""

    begins: int
    ends: int
    names: tuple[str, ...]
    issuer: str
    is_own: bool  # signed by itself


def read(der: bytes) -> Paper | None:
    """What stands in a certificate, verified or not; None for what is none."""
    from cryptography import x509

    if not der:
        return None
    try:
        found = x509.load_der_x509_certificate(der)
        begins, ends = found.not_valid_before_utc, found.not_valid_after_utc
        issuer, subject = _called(found.issuer), _called(found.subject)
    except (ValueError, TypeError):
        return None
    return Paper(_time(begins), _time(ends), _names(found, subject), clean(issuer, 80), found.issuer == found.subject)


def _time(at: datetime) -> int:
    return micros(at if at.tzinfo is not None else at.replace(tzinfo=UTC))


def _called(name: Any) -> str:
    from cryptography.x509.oid import NameOID

    for part in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        if found := name.get_attributes_for_oid(part):
            return str(found[0].value)
    return ""


def _names(found: Any, subject: str) -> tuple[str, ...]:
    from cryptography import x509

    try:
        held = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return (clean(subject, 100),) if subject else ()
    names = [*held.get_values_for_type(x509.DNSName), *map(str, held.get_values_for_type(x509.IPAddress))]
    return tuple(clean(str(name), 100) for name in names[:50])
