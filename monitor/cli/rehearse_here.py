"""`showup drill WORKFLOW --sandbox`: the same drill with local providers, answered as a person would."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from alerts.channels.slack.blocks import ACK
from monitor.cli.paper import paper
from monitor.cli.rehearse import Teller, show_report
from monitor.demo.rehearsal import Sandbox, words_of
from probes.words.errors import ShowupError

LATEST = 300.0  # seconds that all of it may take
READS = 2.0  # seconds that a person takes to read a page
LOOK_EVERY = 0.25
STANDS_IN = "the workflow, its people and their providers: all of them were stand-ins"
ABOUT = (
    "Slack, PagerDuty and the phone are local servers that speak the real protocols, and a "
    "stand-in answers in the workflow's place. No account is used, and nobody is woken."
)


def run_sandbox(
    workflow: str, config: Path | None, *, urgent: bool, output: Path | None, names: bool, as_json: bool
) -> int:
    """Play it and report: 0 when it passed; raises ConfigError, Refused."""
    words = words_of(config, workflow.partition("/")[0])
    if not as_json:
        out = paper()
        out.print(ABOUT + "\n")
    try:
        found = asyncio.run(_play(Sandbox(words), workflow.partition("/")[0], urgent=urgent, quiet=as_json))
    except KeyboardInterrupt:
        print("\nCalled off; nothing is left running.", file=sys.stderr)
        return 130
    return show_report(found, output, names=names, as_json=as_json, brief=True)


async def _play(sandbox: Sandbox, workflow: str, *, urgent: bool, quiet: bool) -> dict[str, Any]:
    teller = Teller(quiet=quiet)
    async with sandbox as stage, asyncio.timeout(LATEST):
        started = await stage.ask("drill_start", workflow=workflow, now=True, urgent=urgent, limit="2m", by="you")
        answered = False
        while True:
            found: dict[str, Any] = await stage.ask("drill", id=started["id"])
            teller.tell(found)
            if found["outcome"] != "running":
                return {**found, "sandbox": True, "left_out": [STANDS_IN, *found["left_out"]]}
            if not answered and (found.get("times") or {}).get("paged"):
                await asyncio.sleep(READS)
                answered = await _answer(stage)
            await asyncio.sleep(LOOK_EVERY)
    raise ShowupError("the drill did not come to its end here")


async def _answer(stage: Sandbox) -> bool:
    """Press Acknowledge in Slack; False while there is nothing to press."""
    for message in stage.slack.messages("ops-alerts"):
        found = [button for block in message.blocks for button in block.get("elements", ())]
        if any(isinstance(one, dict) and one.get("action_id") == ACK for one in found):
            return (await stage.slack.press(message, ACK, wait=1.0)).acknowledged
    return False
