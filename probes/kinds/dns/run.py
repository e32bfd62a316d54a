"""How a dns probe runs: each server is asked, its answer held against what is expected, and each address tried."""

from __future__ import annotations

from functools import partial

from probes.context import Context
from probes.kinds.dns.spec import DnsSpec
from probes.kinds.interpret import Script
from probes.target import locate
from probes.words.failure import Failure
from probes.words.text import clean
from probes.words.units import say_duration

SHOWN, LONGEST = 5, 70  # records in a sentence, and characters of one
KNOWN = 60  # addresses that are remembered: a name behind a balancer has many, and they take turns


def prepare(spec: DnsSpec) -> Script:
    """The function that carries it out."""
    return partial(_run, spec)


async def _run(spec: DnsSpec, ctx: Context) -> None:
    name = spec.dns or locate(ctx.partner.url).host
    found: set[str] = set()
    for server in spec.servers or ("",):
        by = f" by {server}" if server else ""
        async with ctx.step(f"{spec.record} {name}{by}"):
            found |= await _asked(spec, ctx, name, server)
    if found:
        _remember(ctx, found)
    if spec.answering is not None and spec.record in ("A", "AAAA"):
        async with ctx.step(f"each address of {name}"):
            for address in sorted(found):
                await _tried(ctx, name, address, spec.answering)


async def _asked(spec: DnsSpec, ctx: Context, name: str, server: str) -> set[str]:
    face, said_by = ctx.partner, f"{server} says" if server else "the name servers say"
    records = await face.records(name, spec.record, server)
    values = {_plain(value) for value in records.values}
    wanted = {_plain(value) for value in spec.expect}
    source = f"{spec.record} of {name}"
    if not values:
        said = f"there is no {spec.record} record of {name}, {said_by}"
        face.fails("records", Failure.CONTRACT_CHANGED, said, holds="is there", source=source)
    elif missing := sorted(wanted - values):
        said = f"{source} is {_listed(values)} and not {_listed(missing)}, {said_by}"
        face.fails("records", Failure.CONTRACT_CHANGED, said, holds="is as expected", source=source)
    elif spec.exact and wanted and (others := sorted(values - wanted)):
        said = f"{source} has {_listed(others)} too, which is not expected, {said_by}"
        face.fails("records", Failure.CONTRACT_CHANGED, said, holds="is as expected", source=source)
    else:
        face.holds("records", f"is {_listed(values)}", source=source)
    if records.ttl:
        face.measure(ttl=float(records.ttl))
    if spec.least_ttl is not None and values and 0 < records.ttl < spec.least_ttl.total_seconds():
        said = f"{source} may be kept for {records.ttl} s only, and {say_duration(spec.least_ttl)} is wanted"
        face.fails("ttl", Failure.CONTRACT_CHANGED, said, holds="may be kept", source=source, soft=True)
    return values


async def _tried(ctx: Context, name: str, address: str, port: int) -> None:
    trouble = await ctx.partner.reach(name, address, port)
    source = f"{name} at {address}:{port}"
    if trouble is None:
        ctx.partner.holds("answers", "takes connections", source=source)
    else:
        ctx.partner.fails("answers", trouble.failure, trouble.sentence, holds="takes connections", source=source)


def _remember(ctx: Context, found: set[str]) -> None:
    """An answer that was never seen before is a change; those of a balancer that takes turns are none."""
    known = [str(one) for one in ctx.partner.memory.get("records", ())]
    said = str(ctx.partner.memory.get("said", ""))
    if fresh := sorted(found - set(known)):
        said = _listed(found)
        ctx.partner.remember(records=[*known, *fresh][-KNOWN:], said=said)
    ctx.partner.version("dns", said or _listed(found))


def _plain(value: str) -> str:
    """A record as it is compared: in lower case, without a final dot, spaces as one; a text as it stands."""
    return " ".join(value.split()).rstrip(".").lower()


def _listed(values: set[str] | list[str]) -> str:
    ordered = sorted(values)
    more = f" and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else ""
    return ", ".join(clean(value, LONGEST) for value in ordered[:SHOWN]) + more
