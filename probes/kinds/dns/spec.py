"""The keys of a dns probe: which name, which records are expected, and who is asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from probes.addresses import literal
from probes.forms import Names
from probes.spec import Spec
from probes.target import host_name
from probes.words.errors import Refused
from probes.words.units import Duration


def _is_name(text: str) -> str:
    try:
        return host_name(text) if text else text
    except Refused as refused:
        raise ValueError(f"{text!r} is not a name; write www.example.com") from refused


def _are_servers(servers: tuple[str, ...]) -> tuple[str, ...]:
    for server in servers:
        host, colon, port = server.rpartition(":")
        with_port = bool(colon) and literal(server) is None and port.isdecimal() and 0 < int(port) < 65_536
        if literal(host.strip("[]") if with_port else server) is None:
            raise ValueError(f"{server!r} is no address of a name server; write 1.1.1.1 or 127.0.0.1:5353")
    return servers


class DnsSpec(Spec):
    """A probe that looks a name up."""

    default_every: ClassVar[timedelta] = timedelta(minutes=15)
    default_timeout: ClassVar[timedelta] = timedelta(seconds=20)
    default_affects: ClassVar[Literal["down", "degraded"]] = "degraded"

    kind: Literal["dns"] = "dns"
    dns: Annotated[str, AfterValidator(_is_name)] = Field(
        "", description="The name that is looked up; the workflow's own host without it."
    )
    record: Literal["A", "AAAA", "CNAME", "MX", "NS", "TXT"] = Field("A", description="Which records.")
    expect: Names = Field((), description="Records that have to be there, such as 192.0.2.1 or 10 mail.example.com.")
    exact: bool = Field(False, description="True: there may be no others.")
    servers: Annotated[Names, AfterValidator(_are_servers)] = Field(
        (), description="Name servers that are asked, by address; the system's without them."
    )
    answering: int | None = Field(
        None, ge=1, le=65_535, description="A port at which each address has to take a connection."
    )
    least_ttl: Duration | None = Field(None, description="The least time that an answer may be kept; less degrades.")

    @property
    def only_reads(self) -> bool:
        """It changes nothing."""
        return True

    def counted(self) -> dict[str, float]:
        """A question for each server."""
        return {"requests": float(max(1, len(self.servers)))}
