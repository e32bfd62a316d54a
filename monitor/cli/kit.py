"""`showup kit`: the local servers in the foreground, how to point a workflow at them, and their switch."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path

from monitor.cli.paper import count, paper, plain, row, table
from monitor.places import state_folder
from monitor.sandbox.faults import Fault, UnknownFault, parse_fault
from monitor.sandbox.kit import LOOPBACK, Kit, Place, Switch, aimed
from monitor.sandbox.models.kinds import MODEL_KINDS
from monitor.sandbox.models.server import LABELS
from probes.words.errors import Refused

MODELS = {"anthropic": "claude-haiku-4-5", "ollama": "llama3.2"}
ELSEWHERE = {
    "no-such-name": "unreachable",
    "refused": "unreachable",
    "certificate-expired": "unreachable",
    "certificate-wrong-host": "unreachable",
    "certificate-self-signed": "unreachable",
}
WORKFLOW = """\
workflows:
  rehearsal:
    url: {url}
    auth: {{bearer: "${{secret:KIT_KEY}}"}}
    chat: {{dialect: {dialect}, model: {model}{path}}}
    probes:
      answers:
        ask: What are your opening hours?
        check: [{{contains: opening hours}}, {{readable: true}}]
"""


def list_faults(*, as_json: bool) -> None:
    """Every fault with what it does and what showup calls it."""
    if as_json:
        from monitor.cli.show import as_json as print_json

        print_json([{"fault": name, "does": one.does, "failure": one.failure} for name, one in MODEL_KINDS.items()])
        return
    out, made = paper(), table("fault", "what it does", "showup says", wide=1)
    for name, kind in MODEL_KINDS.items():
        row(made, name, kind.does, kind.failure)
    out.print(made)
    out.print("An answer that is wrong or slow is only seen by a probe that checks it: docs/kit.md.")


def run_kit(state: Path | None, *, port: int, address: str, dialect: str, faults: Sequence[str]) -> int:
    """Serve until Ctrl-C; raises Refused for a fault or dialect that is none, or a port that is taken."""
    broken = [_read(text, dialect) for text in faults]
    if dialect:
        aimed(Fault("hang"), dialect)  # a name that is none is refused before anything starts
    try:
        return asyncio.run(_serve(state or state_folder(), port, address, dialect, broken))
    except OSError as error:
        raise Refused(
            f"the kit cannot listen at {address}:{port}: {error.strerror or error}", hint="take another: --port"
        ) from None


async def _serve(folder: Path, port: int, address: str, dialect: str, faults: Sequence[Fault]) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Kit(folder, port=port, address=address) as kit:
        for fault in faults:
            kit.models.faults.set(fault)
        _welcome(kit, address, dialect)
        await stop.wait()
    return 0


def _welcome(kit: Kit, address: str, dialect: str) -> None:
    out, models = paper(), kit.models
    url = f"http://127.0.0.1:{models.port}"
    out.print("The kit is ready; Ctrl-C ends it.\n")
    for name in [dialect] if dialect else LABELS:
        spoken = next(d for d in models.dialects if d.label == LABELS[name])
        out.print(f"  {name:<17} POST {url}{spoken.paths[0]}", soft_wrap=True)
    out.print(f"  {'hostile targets':<17} GET  {kit.hostile.at('drip')}  and others: docs/kit.md", soft_wrap=True)
    out.print(f"  {'in a browser':<17} {url}/?token={models.control_token}", soft_wrap=True)
    out.print("\nIn showup.yaml:\n")
    for line in yaml_for(dialect or "openai", url).splitlines():
        out.print(f"  {line}", soft_wrap=True)
    out.print("\nIn another terminal:\n")
    out.print(f"  export KIT_KEY={models.key}", soft_wrap=True)
    out.print("  showup test rehearsal/answers      what showup makes of it")
    out.print("  showup kit fault empty             and: showup kit --list")
    out.print("  showup kit heal\n")
    if models.faults:
        out.print(f"Broken from the start: {', '.join(one.kind for one in models.faults)}.\n")
    if address not in LOOPBACK:
        out.print(f"It listens at {address}: whoever reaches this machine can talk to it.\n")


def yaml_for(dialect: str, url: str) -> str:
    """What points a workflow at the kit."""
    compatible = dialect == "compatible"
    spoken = "openai" if compatible else dialect
    path = ", path: /compatible/v1/chat/completions" if compatible else ""
    return WORKFLOW.format(url=url, dialect=spoken, model=MODELS.get(dialect, "gpt-5-mini"), path=path)


def run_fault(state: Path | None, text: str, *, dialect: str) -> None:
    """Set a fault in the kit that is running."""
    fault = _read(text, dialect)
    switch = Switch(Place.read(state or state_folder()))
    switch.break_it(fault)
    where = f" in {dialect}" if dialect else ""
    print(f"{fault.kind}{where}: {MODEL_KINDS[fault.kind].does}. showup kit heal ends it.")


def run_heal(state: Path | None, kind: str) -> None:
    """Repair the kit that is running, and say what had met the faults."""
    if kind and kind not in MODEL_KINDS:
        _read(kind, "")
    switch = Switch(Place.read(state or state_folder()))
    before = switch.state()
    switch.heal(kind)
    healed = [str(one["kind"]) for one in before["set"] if kind in ("", one["kind"])]
    if not healed:
        print("Nothing was broken.")
    for name in dict.fromkeys(healed):
        print(f"{plain(name, 40)} is healed; {count(int(before['met'].get(name, 0)), 'request')} had met it.")


def _read(text: str, dialect: str) -> Fault:
    """A fault as it was written; raises Refused for one that the kit does not have."""
    try:
        fault = parse_fault(text)
        if fault.kind not in MODEL_KINDS:
            from monitor.sandbox.faults import FaultBox

            FaultBox(MODEL_KINDS).set(fault)  # its own words for a name that is none
    except UnknownFault as error:
        raise Refused(str(error), hint="showup kit --list has them all") from None
    return aimed(fault, dialect)
