"""How a status page is looked at: the first path that can be read counts, and nothing that is wrong with it matters."""

from __future__ import annotations

from functools import partial

from probes.context import Context
from probes.kinds.interpret import Script
from probes.kinds.provider_status.pages import read_page
from probes.kinds.provider_status.spec import ProviderStatusSpec


def prepare(spec: ProviderStatusSpec) -> Script:
    """The function that carries it out."""
    return partial(_run, spec)


async def _run(spec: ProviderStatusSpec, ctx: Context) -> None:
    for path in spec.paths:
        reply = await ctx.http.get(path)
        found = read_page(reply.json(), spec.components) if reply.status < 400 else None
        if found is not None:
            ctx.partner.learn("provider_status", found)
            break
    ctx.skip("a status page is no check")
