"""How a key probe runs: the key is shown, and when there is a second one, that too."""

from __future__ import annotations

from functools import partial
from typing import Any

from probes.context import Context
from probes.kinds.filling import fill, fillable
from probes.kinds.interpret import Script
from probes.kinds.key.spec import KeySpec
from probes.tools import Missing, Trouble
from probes.tools.dialects.refusals import of_document
from probes.words.failure import Failure

OURS, BOTH = "key", "keys"  # witnesses: a second key was taken, a second key was refused too
WORDS = {401: "is not known", 403: "is known, and may not do that", 402: "is known, and not paid for"}


def prepare(spec: KeySpec) -> Script:
    """The function that carries it out."""
    return partial(_run, spec, fillable(spec.key), fillable(spec.second_key), fillable(spec.headers))


async def _run(spec: KeySpec, key: Any, second: Any, headers: Any, ctx: Context) -> None:
    name = "key 1" if spec.second_key is not None else "the key"
    async with ctx.step(name):
        first = await _shown(spec, ctx, key, headers)
        other = await _shown(spec, ctx, second, headers) if spec.second_key is not None else None
        face = ctx.partner
        if first is None:
            face.holds("key", "is taken", source=name)
        else:
            _refused(ctx, name, first, other, has_second=spec.second_key is not None)
        if spec.second_key is not None and other is None:
            face.holds("key", "is taken", source="key 2")
        elif other is not None and first is None:
            said = f"{face.name} takes key 1 and not key 2: {other.sentence}; there is no key to fall back on"
            face.fails("key", other.failure, said, holds="is taken", source="key 2", soft=True)


def _refused(ctx: Context, name: str, first: Trouble, other: Trouble | None, *, has_second: bool) -> None:
    """What a refusal of the first key means beside what became of the second."""
    face, said, witness = ctx.partner, first.sentence, first.witness
    if has_second and first.failure in (Failure.AUTH, Failure.QUOTA):
        if other is None:
            said, witness = f"{said}, and takes key 2: key 1 was revoked or has expired", OURS
            if first.failure is Failure.QUOTA:
                said = f"{first.sentence}, and takes key 2: what key 1 may use is used up"
        elif other.failure is first.failure:
            said, witness = f"{said}, and key 2 as well: it is not about one key", BOTH
    face.fails("key", first.failure, f"{face.name} {said}", holds="is taken", source=name)
    face.detail(witness=witness, retry_after=first.retry_after)


async def _shown(spec: KeySpec, ctx: Context, key: Any, headers: Any) -> Trouble | None:
    """None when the key is taken, else what the answer means."""
    sent = dict(fill(headers, ctx) or {})
    if key is not None:
        value = fill(key, ctx)
        sent[spec.header] = f"Bearer {value}" if spec.header.lower() == "authorization" else value
    reply = await ctx.http.get(spec.get, headers=sent)
    reply.see_status()
    if reply.code < 400:
        return None
    document = reply.raw_json() if reply.raw_json() is not Missing else None
    found = of_document(document, status=reply.code, headers=reply.headers, witness="")
    if found.failure is Failure.AUTH or reply.code in WORDS:
        failure = Failure.QUOTA if reply.code == 402 else found.failure
        word = WORDS.get(reply.code, "is refused")
        which = "the key" if key is None or spec.second_key is None else "key 1"
        return Trouble(failure, f"says that {which} {word} ({reply.code})", retry_after=found.retry_after)
    return found
