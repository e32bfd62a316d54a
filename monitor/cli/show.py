"""The drawings of what services answer, by the names under which commands ask for them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from monitor.cli.paper import at, count, paper, percent, row, table, took
from monitor.cli.paper import plain as line
from monitor.cli.show_acts import correct, pause, publish, reload
from monitor.cli.show_incidents import incident, incidents
from monitor.cli.show_status import status
from probes.words.units import SECOND

__all__ = [
    "answer",
    "as_json",
    "correct",
    "explain",
    "incident",
    "incidents",
    "notify",
    "pause",
    "publish",
    "reload",
    "run",
    "runs",
    "status",
    "watch_status",
]

AGAIN = 2.0  # seconds between two looks of `status --watch`
Found = Mapping[str, Any]


def as_json(found: Any) -> None:
    """What a program reads: plain ASCII, so that no byte of it steers a terminal."""
    print(json.dumps(found, indent=2, ensure_ascii=True, default=str))


def watch_status(ask: Callable[[], Found], *, sleep: Callable[[float], None] = time.sleep) -> None:
    """The status again every two seconds, until interrupted."""
    while True:
        found = ask()
        if sys.stdout.isatty():
            print("\x1b[H\x1b[2J", end="")  # ours, and the only one: home, and clear
        status(found)
        sys.stdout.flush()
        try:
            sleep(AGAIN)
        except KeyboardInterrupt:
            return


def answer(found: Found) -> None:
    """What was said to an acknowledgement."""
    paper().print(line(found.get("text")) or ("accepted" if found.get("accepted") else "not accepted"))


def runs(found: Sequence[Found]) -> None:
    """The newest runs of a probe."""
    out = paper()
    if not found:
        out.print("There is no run yet.")
        return
    versions = any(one.get("versions") for one in found)
    heads = ("run", "started", "state", "failure", "took", "tries", *(("answered by",) if versions else ()))
    made = table(*heads, right=(4, 5), whole=(0, 2, 3))
    for one in found:
        length = took(float(one.get("took_ms") or 0) * 1000)
        cells = [one["id"], at(one.get("started")), one.get("state"), one.get("failure"), length, one.get("attempts")]
        row(made, *cells, *([_answered_by(one)] if versions else []))
    out.print(made)
    out.print(f"showup runs {line(found[0]['id'])} shows the newest with its evidence.")


def _answered_by(one: Found) -> str:
    """Model and version, as far as they were said; who judged it did not answer."""
    return ", ".join(line(text, 60) for name, text in (one.get("versions") or {}).items() if name != "judge")


def run(found: Found) -> None:
    """One run, each attempt of which there is evidence as its waterfall."""
    from monitor.cli.waterfall import Shown, draw

    out = paper()
    workflow, environment, probe = (*line(found.get("probe")).split("/", 2), "", "")[:3]
    said = f"run {line(found['id'])} · {at(found.get('started'))} · {count(int(found.get('attempts') or 0), 'attempt')}"
    proof = found.get("evidence") or []
    length = int(float(found.get("took_ms") or 0) * 1000)
    for body in proof:
        last = body is proof[-1]
        whole = found.get("state") if last or not body.get("failure") else found.get("first_state")
        failure = body.get("failure", "")
        if len(proof) > 1:
            out.print(f"attempt {line(body.get('attempt'))}")
        steps = [*(body.get("steps") or ()), *(body.get("cleanups") or ())]
        own = max((int(one.get("at") or 0) + int(one.get("took") or 0) for one in steps), default=length)
        sentence = str(body.get("sentence", ""))
        shown = Shown(probe, workflow, environment, str(whole), str(failure), sentence, own, evidence=body)
        shown = replace(shown, blame=str(body.get("blame") or ""), partner=str(body.get("partner") or ""))
        for drawn in draw(shown):
            out.print(drawn, soft_wrap=True)
        if witness := body.get("second_witness"):
            out.print(f"second witness: {line(witness.get('says'))} (run {line(witness.get('run'))})", soft_wrap=True)
    if not proof:
        word = line(found.get("failure")) or line(found.get("state"))
        out.print(f"{line(found.get('probe'))}: {word}, {took(length)}; its evidence was not kept.")
    out.print(said)


def explain(found: Found) -> None:
    """The spans and runs behind a number."""
    out = paper()
    name = line(found.get("workflow"))
    if not found.get("first_run"):
        out.print(f"{name} has not run yet, so there is nothing to explain.")
        return
    figures, parts = found.get("figures") or {}, found.get("seconds") or {}
    out.print(f"{name}, from {at(found['window'][0])} to {at(found['window'][1])}")
    out.print(f"uptime {percent(figures.get('uptime'))}, of the {percent(figures.get('coverage'))} that was watched")
    if figures.get("at_least") is not None:
        out.print(f"at least {percent(figures['at_least'])} if all that was not watched had been down")
    if not figures.get("enough", True):
        out.print("Too little was watched for the figure to be stated elsewhere.")
    out.print(f"passed at the first try: {line(found.get('passed_first_try'))} of {line(found.get('runs'))} runs")
    for part, seconds in parts.items():
        out.print(f"  {line(part):<12} {seconds:>14,.3f} s")
    made = table("from", "until", "length", "state", "because", right=(2,), wide=4)
    for one in found.get("rows") or ():
        because = "; ".join(line(reason, 120) for reason in one.get("because") or ())
        row(made, at(one["start"]), at(one["end"]), took(one["seconds"] * SECOND), one["state"], because)
    out.print(made)
    for one in found.get("changes") or ():
        changed = f"{line(one.get('name'), 40)} {line(one.get('before'), 80)} → {line(one.get('after'), 80)}"
        out.print(f"changed {at(one.get('at'))} for {line(one.get('probe'), 80)}: {changed}")
    for one in found.get("corrections") or ():
        of = ", ".join(line(name, 80) for name in one.get("probes") or ()) or "all probes"
        out.print(f"corrected {at(one.get('made'))} by {line(one.get('author'))}: {line(one.get('reason'))}")
        out.print(f"  {at(one['start'])} – {at(one['end'])} counts as {line(one.get('state'))}, for {of}")
    out.print(f"as of {at(found.get('as_of'))}")


def notify(found: Sequence[Found]) -> None:
    """Each channel's receipt and how long it took."""
    out = paper()
    for one in found:
        seconds = one.get("seconds")
        word = "✓" if one.get("state") == "delivered" else "✗"
        length = f" in {seconds:.2f} s" if isinstance(seconds, int | float) else ""
        receipt = f", receipt {line(one['receipt'], 80)}" if one.get("receipt") else ""
        error = f": {line(one['error'])}" if one.get("error") else ""
        out.print(f"{word} {line(one.get('channel'))} {line(one.get('state'))}{length}{receipt}{error}")
