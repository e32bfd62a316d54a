"""Places that probes look at by name: a target has to lead there."""

from __future__ import annotations

from monitor.config.build import Built
from monitor.config.merged import Merged
from probes.kinds.dns.spec import DnsSpec
from probes.kinds.tls.spec import TlsSpec, place_of
from probes.spec import Spec
from probes.target import host_name, locate
from probes.words.errors import Problem


def places(merged: Merged, built: Built) -> list[Problem]:
    """Hosts that are to be connected to, and that `allow` does not name."""
    found, told = list[Problem](), set[int]()
    for name, probe in built.probes.items():
        if probe.heartbeat is not None:
            continue  # it leads nowhere, and may have no address
        origin, target = built.origins[name], probe.job["target"]
        place = _place(origin.spec, str(target["url"]))
        hosts = {locate(str(target["url"])).host, *map(host_name, target.get("allow") or ())}
        if place is None or place[1] in hosts or id(origin) in told:
            continue
        told.add(id(origin))
        what = f"{place[1]} is not where {probe.workflow} leads"
        found.append(origin.problem(merged, what, f"write allow: [{place[1]}] in it", at=(place[0],)))
    return found


def _place(spec: Spec, url: str) -> tuple[str, str] | None:
    """The key that names a host to be connected to, and the host."""
    if isinstance(spec, TlsSpec) and spec.tls:
        return "tls", place_of(spec.tls, url)[0]
    if isinstance(spec, DnsSpec) and spec.dns and spec.answering is not None:
        return "dns", spec.dns
    return None
