"""`showup act` and `showup check`: what can be pressed on a page, from the terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.cli.asking import ask, show, who
from monitor.cli.options import AsJson, By, Config, State, app


@app.command()
def act(
    id: Annotated[str, typer.Argument(help="The incident.")],
    action: Annotated[str, typer.Argument(help="Which; without one, those that there are.")] = "",
    by: By = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Do an action that an incident's workflow declares."""
    found = ask("do_action", config, state, by=who(by), id=id, action=action)
    show(found, as_json, "show_acts.pressed")
    raise typer.Exit(0 if found["accepted"] else 1)


@app.command()
def check(
    id: Annotated[str, typer.Argument(help="The incident.")],
    by: By = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Run what fails in an incident now, beside its schedule."""
    found = ask("check_now", config, state, by=who(by), id=id)
    show(found, as_json, "show_acts.pressed")
    raise typer.Exit(0 if found["accepted"] else 1)
