"""`showup maintenance`, `mute`, `unmute` and `mutes`: pages that are held back, by whom, and what they held."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.cli.asking import ask, show, who
from monitor.cli.options import AsJson, By, Config, State, app
from probes.words.errors import Refused

Past = Annotated[bool, typer.Option("--past", help="Also those of the last 30 days.")]


@app.command()
def maintenance(
    workflow: Annotated[str, typer.Argument(help="A workflow, or workflow/environment; without one, a list.")] = "",
    length: Annotated[str, typer.Option("--for", help="How long, such as 1h.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why; it is shown on the page.")] = "",
    start: Annotated[str, typer.Option("--in", help="From when on, such as 2h from now.")] = "",
    at: Annotated[str, typer.Option("--start", help="From a moment on: 2026-11-28T22:00 or 'Thu 22:00'.")] = "",
    end: Annotated[int, typer.Option("--end", help="End one now, or take it back, by its number.")] = 0,
    past: Past = False,
    by: By = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Announce maintenance: its time is not counted. Probes go on, and pages are held until it ends."""
    if end:
        show(ask("maintenance_end", config, state, id=end, by=who(by)), as_json, "show_mutes.ended")
        return
    if not workflow:
        show(ask("maintenances", config, state, past=past), as_json, "show_mutes.maintenances")
        return
    if not length or not reason:
        hint = f'write: showup maintenance {workflow} --for 1h --reason "new database"'
        raise Refused("maintenance needs a length and a reason", hint=hint)
    given = {"workflow": workflow, "length": length, "reason": reason, "start": start, "at": at}
    show(ask("maintenance", config, state, by=who(by), **given), as_json, "show_mutes.maintenance")


@app.command()
def mute(
    workflow: Annotated[str, typer.Argument(metavar="WORKFLOW|all", help="A workflow, or all of them.")],
    length: Annotated[str, typer.Option("--for", help="How long, such as 2h; 7d at most.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; whoever asks what is muted reads it.")],
    start: Annotated[str, typer.Option("--in", help="From when on, such as 2h from now.")] = "",
    by: By = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Hold pages back for a time. Unlike maintenance its time counts, and the page shows it."""
    given = {"workflow": workflow, "length": length, "reason": reason, "start": start}
    show(ask("mute", config, state, by=who(by), **given), as_json, "show_mutes.mute")


@app.command()
def unmute(
    id: Annotated[int, typer.Argument(help="The number of a mute.")],
    by: By = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """End a mute now: what it holds pages at once."""
    show(ask("unmute", config, state, id=id, by=who(by)), as_json, "show_mutes.unmute")


@app.command()
def mutes(past: Past = False, config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """What is muted, until when, by whom, and what that has held back."""
    show(ask("mutes", config, state, past=past), as_json, "show_mutes.mutes")
