"""The keys of a tls probe: where, which names, and how long before its end a certificate counts as expiring."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from probes.forms import Names
from probes.spec import Spec
from probes.target import host_name, locate
from probes.tools.ports import PORTS
from probes.words.errors import Refused
from probes.words.units import Duration


def place_of(text: str, own: str = "") -> tuple[str, int]:
    """(host, port) of `host`, `host:port`, `wss://host` …; "" is the host of the address `own`. Raises ValueError."""
    if not text:
        try:
            place = locate(own)
        except Refused as refused:
            raise ValueError(str(refused)) from None
        return place.host, place.port if place.scheme == "https" else 443
    whole = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(whole)
        host, port = host_name(parts.hostname or ""), parts.port or PORTS[parts.scheme]
    except KeyError:
        raise ValueError(f"{text!r} is no place that speaks TLS; write host, host:port or imaps://host") from None
    except (ValueError, Refused):
        raise ValueError(f"{text!r} is no place; write host, host:port or wss://host") from None
    if parts.path.strip("/") or parts.query or parts.username:
        raise ValueError(f"{text!r} is more than a place; write {host}:{port}")
    return host, port


def _is_place(text: str) -> str:
    place_of(text, "https://x.example")
    return text


class TlsSpec(Spec):
    """A probe that makes a TLS handshake with every address of a host."""

    default_every: ClassVar[timedelta] = timedelta(hours=1)
    default_timeout: ClassVar[timedelta] = timedelta(seconds=20)
    default_affects: ClassVar[Literal["down", "degraded"]] = "degraded"

    kind: Literal["tls"] = "tls"
    tls: Annotated[str, AfterValidator(_is_place)] = Field(
        "", description="Where: host, host:port, wss://host, imaps://host; the workflow's own host without it."
    )
    names: Names = Field((), description="Names that the certificate has to be for, beside the host's.")
    ahead: Duration = Field(timedelta(days=7), description="From how long before its end a certificate degrades.")
    oldest: Literal["TLSv1.2", "TLSv1.3"] = Field("TLSv1.2", description="The oldest version of TLS that will do.")

    @property
    def only_reads(self) -> bool:
        """It changes nothing."""
        return True

    def counted(self) -> dict[str, float]:
        """One handshake, about."""
        return {"requests": 1.0}
