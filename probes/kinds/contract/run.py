"""How a contract probe runs: its requests in order, and the shape of each answer held against the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from json import dumps
from typing import Any

from probes.context import Context
from probes.contract import Difference, Severity, compare
from probes.kinds.contract.baseline import HEADERS, Baseline, Step
from probes.kinds.contract.spec import INVALID, OPENAPI, ContractSpec
from probes.kinds.interpret import Part, Script, Undo, look, made_ready
from probes.shape import Tree, observe, packed
from probes.tools import Missing
from probes.tools.notices import Notice
from probes.words.failure import Failure

SHOWN = 20  # differences of one step that are written down
ABSENT = 50  # fields of one step whose absence is counted from run to run
_NOT_ABOUT_IT = frozenset({401, 402, 403, 407, 408, 425, 429})  # refusals that no request would have been spared


@dataclass(frozen=True, slots=True)
class Ready:
    """A contract with everything worked out that is the same in each run."""

    parts: tuple[Part, ...]
    spec: ContractSpec
    baseline: Baseline | None
    trouble: str
    learning: bool
    probe: str
    headers: tuple[str, ...]


def prepare_job(spec: ContractSpec, job: Mapping[str, Any]) -> Script:
    """The function that carries it out, with the baseline that the job brings."""
    given = job.get("contract") or {}
    trouble, baseline = str(given.get("trouble") or ""), None
    if given.get("baseline") is not None:
        try:
            baseline = Baseline.load(given["baseline"])
        except ValueError as error:
            trouble = f"its baseline cannot be read: {error}"
    parts = tuple(map(made_ready, spec.steps))
    headers = tuple(sorted({*HEADERS, *(name.lower() for name in spec.watch)}))
    learning, probe = bool(given.get("learning")), str(job.get("probe") or "")
    return partial(_run, Ready(parts, spec, baseline, trouble, learning, probe, headers))


async def _run(ready: Ready, ctx: Context) -> None:
    if ready.trouble and not ready.learning:
        ctx.partner.bug(f"{ready.trouble}; run showup contract learn {ready.probe} --again")
        return
    if ready.baseline is None and not ready.learning:
        ctx.partner.unscored(f"there is no baseline yet; run showup contract learn {ready.probe}")
        return
    found: list[Difference] = []
    for part in ready.parts:
        async with ctx.step(part.name, budget=part.budget, hard=part.hard):
            for order in part.undo:
                ctx.cleanup(Undo(order), ctx)
            if part.order is None:
                continue
            reply = await part.order.send(ctx)
            look(part, ctx, reply)
            found += _seen(ready, ctx, part, reply)
    if ready.learning:
        return
    named = [one.said() for one in found]
    since = ready.baseline.learned if ready.baseline else ""
    ctx.partner.version("contract", "; ".join(named) if named else f"as learned on {since}")


def _seen(ready: Ready, ctx: Context, part: Part, reply: Any) -> list[Difference]:
    """What an answer shows: learned, or held against what was."""
    known = ready.baseline.steps.get(part.name) if ready.baseline is not None else None
    wrong = ready.spec.invalid is not None and part.name == (ready.spec.invalid.name or INVALID)
    learned = ready.learning and wrong and reply.code < 500 and reply.code not in _NOT_ABOUT_IT
    expected = learned or (known is not None and reply.code in known.status)
    if reply.code >= 400 and not expected:
        return []  # what the status says is all there is to say
    reply.see_status()
    called = f"{part.order.verb.upper() if part.order else ''} {_path(reply.url)} of {reply.host}"
    notice = ctx.partner.notice(reply, called) if reply.code < 400 else Notice()  # a refusal announces nothing
    document = reply.raw_json()
    if document is Missing and not ready.learning and known is not None and known.shape:
        said = f"{ctx.partner.name} answers with what is no JSON: {part.name}"
        ctx.partner.fails("contract", Failure.GARBAGE, said, holds="answers in JSON", source=part.name)
        return []
    dynamic = known.dynamic if known is not None else frozenset[str]()
    is_description = part.name == OPENAPI and ready.spec.openapi is not None
    tree = Tree() if document is Missing or is_description else observe(
        document, switches=ready.spec.switches, dynamic=dynamic
    )
    now = Step(
        status=frozenset({reply.code}),
        type=_type(reply),
        headers=frozenset(name for name in ready.headers if name in reply.headers),
        hops=tuple(ctx.partner.hops()),
        deprecated=notice.deprecated,
        digest=_digest(document) if is_description and document is not Missing else "",
    )
    if ready.learning:
        ctx.partner.learn("contract", {part.name: {**now.dump(), "shape": packed(tree)}})
        ctx.partner.holds("learned", "was learned from", source=part.name)
        return []
    return _judged(ctx, part.name, known, now, tree)


def _judged(ctx: Context, name: str, known: Step | None, now: Step, tree: Tree) -> list[Difference]:
    if known is None:
        found = [Difference(Severity.WARNING, "", f"{name} is not in the baseline; learn it again")]
    else:
        before = ctx.partner.recall("absent") or {}
        found, after = compare(known.shape, tree, before.get(name, {})) if known.shape or tree else ([], {})
        found = [*known.differences(now), *found]
        if after or name in before:
            kept = {**before, name: dict(sorted(after.items())[:ABSENT])}
            ctx.partner.remember(absent={step: each for step, each in kept.items() if each})
    whose = ctx.partner.name
    for one in [one for one in found if one.severity is not Severity.INFO][:SHOWN]:
        soft = one.severity is Severity.WARNING
        ctx.partner.fails(
            "contract", Failure.CONTRACT_CHANGED, f"{whose} changed its interface: {name}: {one.said()}",
            holds="is as it was learned", source=f"{name} {one.path}".strip(), soft=soft,
        )  # fmt: skip
    if not any(one.severity is not Severity.INFO for one in found):
        ctx.partner.holds("contract", "is as it was learned", source=name)
    news = [one for one in found if one.severity is Severity.INFO]
    if news:
        ctx.partner.note(f"{name}: " + "; ".join(one.said() for one in news[:SHOWN]))
    return [Difference(one.severity, f"{name} {one.path}".strip(), one.what) for one in found]


def _path(url: str) -> str:
    from urllib.parse import urlsplit

    return urlsplit(url).path or "/"


def _type(reply: Any) -> str:
    return str(reply.headers.get("content-type", "")).partition(";")[0].strip().lower()[:100]


def _digest(document: Any) -> str:
    return blake2b(dumps(document, sort_keys=True).encode(), digest_size=12).hexdigest()
