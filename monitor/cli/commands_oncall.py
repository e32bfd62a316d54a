"""`showup oncall`, `override`, `swap` and `away`: who is on call, and what people change about it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.asking import ask, show, who
from monitor.cli.options import AsJson, By, Config, State, app

Rotation = Annotated[str, typer.Option("--rotation", help="Only this rotation.")]
Person = Annotated[str, typer.Option("--person", help="Only this person's duties.")]


@app.command()
def oncall(
    config: Config = None,
    state: State = None,
    rotation: Rotation = "",
    person: Person = "",
    at: Annotated[str, typer.Option("--at", help="At a moment: 2026-12-24T03:00, or in 2h.")] = "",
    days: Annotated[int, typer.Option("--days", min=1, max=90, help="How far ahead.")] = 28,
    export: Annotated[
        Path | None, typer.Option("--export", help="Write it as an iCal calendar to this file; - for the terminal.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Who is on call now, next, and for four weeks as a calendar."""
    if export is not None:
        found = ask("oncall_calendar", config, state, rotation=rotation, person=person, days=days)
        from monitor.cli.show_oncall import exported

        exported(found, export)
        return
    given = {"rotation": rotation, "person": person, "at": at, "days": days}
    show(ask("oncall", config, state, **given), as_json, "show_oncall.oncall")


@app.command()
def override(
    rotation: Annotated[str, typer.Argument(help="Which rotation; without one, who takes over what.")] = "",
    person: Annotated[str, typer.Argument(help="Who takes over.")] = "",
    length: Annotated[str, typer.Option("--for", help="How long, such as 8h.")] = "",
    start: Annotated[str, typer.Option("--in", help="From when on, such as 2h from now.")] = "",
    at: Annotated[str, typer.Option("--at", help="From a moment on: 2026-12-24T18:00.")] = "",
    reason: str = "",
    cancel: Annotated[int, typer.Option("--cancel", help="End an override, or take it back, by its number.")] = 0,
    by: By = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Let a person take over a rotation for a time."""
    from probes.words.errors import Refused

    if cancel:
        show(ask("override_cancel", config, state, id=cancel), as_json, "show_oncall.taken_back")
    elif not rotation:
        show(ask("overrides", config, state), as_json, "show_oncall.overrides")
    elif not person or not length:
        lacks = "for how long" if person else "who takes over, and for how long"
        raise Refused(f"say {lacks}", hint=f"write: showup override {rotation} {person or 'PERSON'} --for 8h")
    else:
        given = {"rotation": rotation, "person": person, "length": length, "start": start, "reason": reason, "at": at}
        show(ask("override", config, state, by=who(by), **given), as_json, "show_oncall.override")


@app.command()
def swap(
    rotation: str,
    person: str,
    other: Annotated[str, typer.Argument(help="Whose next turn it is in exchange.")],
    by: By = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Let two people exchange their next turns."""
    found = ask("swap", config, state, by=who(by), rotation=rotation, person=person, other=other)
    show(found, as_json, "show_oncall.swap")


@app.command()
def away(
    person: Annotated[str, typer.Argument(help="Who is away; without one, everybody who is.")] = "",
    time: Annotated[str, typer.Argument(help="From when to when: 2026-12-24..2027-01-02, both days whole.")] = "",
    reason: str = "",
    cancel: Annotated[int, typer.Option("--cancel", help="Take an absence back, by its number.")] = 0,
    calendar: Annotated[Path | None, typer.Option("--import", help="Take them from an iCal file.")] = None,
    by: By = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Take a person out of every rotation, and say what falls due meanwhile."""
    from probes.words.errors import Refused

    if cancel:
        show(ask("back", config, state, id=cancel), as_json, "show_oncall.back")
    elif calendar is not None:
        from monitor.cli.show_oncall import read_calendar

        found = ask("away_import", config, state, by=who(by), person=person, text=read_calendar(calendar))
        show(found, as_json, "show_oncall.imported")
    elif not person:
        show(ask("absent", config, state), as_json, "show_oncall.absent")
    elif not time:
        raise Refused("say from when to when", hint=f"write: showup away {person} 2026-12-24..2027-01-02")
    else:
        found = ask("away", config, state, by=who(by), person=person, time=time, reason=reason)
        show(found, as_json, "show_oncall.away")
