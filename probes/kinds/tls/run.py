"""How a tls probe runs: a handshake with every address of the host, and what its certificates say."""

from __future__ import annotations

from functools import partial

from probes.context import Context
from probes.kinds.interpret import Script
from probes.kinds.tls.spec import TlsSpec, place_of
from probes.target import place_name
from probes.tools.certificate import Look, covers
from probes.words.clock import moment
from probes.words.failure import Failure
from probes.words.units import DAY, micros_of, say_duration


def prepare(spec: TlsSpec) -> Script:
    """The function that carries it out."""
    return partial(_run, spec)


async def _run(spec: TlsSpec, ctx: Context) -> None:
    face = ctx.partner
    host, port = place_of(spec.tls, face.url)
    place = place_name(host, port)
    async with ctx.step(f"tls {place}"):
        looks = await face.look(host, port)
        for one in looks:
            _judge(ctx, spec, one, place, of=len(looks))
        seen = [one for one in looks if one.ends]
        if seen:
            soonest = min(seen, key=lambda one: one.ends)
            face.learn("certificates", {place: soonest.ends})
            face.learn("began", {place: soonest.begins})
            face.measure(days_left=(soonest.ends - ctx.at) / DAY)
        if len({(one.ends, one.names) for one in seen}) > 1:
            face.note(f"the addresses of {host} show different certificates")


def _judge(ctx: Context, spec: TlsSpec, one: Look, place: str, *, of: int) -> None:
    """What one address shows. Of several the sentence says how many there are."""
    face, source = ctx.partner, f"{place} at {one.address}"
    among = f" (one of {of} addresses)" if of > 1 else ""
    if one.failure is not None:
        face.fails("certificate", one.failure, one.trouble + among, holds="is trusted", source=source)
        return
    face.holds("certificate", f"is trusted, by {one.protocol}", source=source)
    missing = [name for name in spec.names if not covers(one.names, name.lower())]
    if missing:
        said = f"the certificate of {place} is not for {', '.join(missing)}{among}"
        face.fails("names", Failure.UNREACHABLE, said, holds="is for all names", source=source)
    if one.protocol and one.protocol < spec.oldest:
        said = f"{place} speaks {one.protocol} at most, and {spec.oldest} is wanted{among}"
        face.fails("protocol", Failure.UNREACHABLE, said, holds=f"speaks {spec.oldest}", source=source)
    if one.ends and one.ends - ctx.at <= micros_of(spec.ahead):
        days = max(0, (one.ends - ctx.at) // DAY)
        said = f"the certificate of {place} ends in {days} day{'s' if days != 1 else ''}, on "
        said += f"{moment(one.ends):%Y-%m-%d}{among}"
        lasts = f"lasts for {say_duration(spec.ahead)}"
        face.fails("expiry", Failure.EXPIRING, said, holds=lasts, source=source)
    elif one.ends:
        face.holds("expiry", f"lasts until {moment(one.ends):%Y-%m-%d}", source=source)
