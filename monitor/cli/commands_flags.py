"""`showup flag` and `showup flags`: answers that were wrong, said and reviewed."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated, Any

import typer

from monitor.cli.options import AsJson, By, Config, State, app

Number = Annotated[int, typer.Argument(min=1, help="The flag's number.")]

flags = typer.Typer(invoke_without_command=True, rich_markup_mode=None, add_completion=False)
app.add_typer(flags, name="flags")


def _ask(name: str, config: Path | None, state: Path | None, **given: Any) -> Any:
    from monitor.client import call

    return call(name, config=config, folder=state, **given)


def _show(found: Any, as_json: bool, draw: str) -> None:
    from monitor.cli import show, show_flags

    if as_json:
        show.as_json(found)
    else:
        getattr(show_flags, draw)(found)


@app.command()
def flag(
    workflow: Annotated[str, typer.Argument(help="The workflow, or workflow/environment.")],
    asked: Annotated[str, typer.Option("--asked", help="What was asked.")] = "",
    answered: Annotated[str, typer.Option("--answered", help="What was answered.")] = "",
    expected: Annotated[str, typer.Option("--expected", help="What would have been right.")] = "",
    comment: Annotated[str, typer.Option("--comment", help="Anything else.")] = "",
    by: By = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Say that an answer of a workflow was wrong: it counts, and becomes a golden case after review."""
    given = {"asked": asked, "answered": answered, "expected": expected, "comment": comment}
    _show(_ask("flag", config, state, workflow=workflow, by=by or getpass.getuser(), **given), as_json, "flagged")


@flags.callback()
def _flags(
    ctx: typer.Context,
    workflow: Annotated[str, typer.Option("--workflow", help="Of this workflow alone.")] = "",
    which: Annotated[str, typer.Option("--which", help="open, accepted or rejected; all for every one.")] = "open",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 50,
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Answers that were flagged as wrong and wait for a review; accept, reject, url."""
    if ctx.invoked_subcommand is None:
        wanted = "" if which == "all" else which
        found = _ask("flags", config, state, workflow=workflow, which=wanted, limit=limit)
        _show(found, as_json, "listed")


@flags.command()
def accept(
    number: Number,
    probe: Annotated[str, typer.Option("--probe", help="The golden probe that gets the case.")],
    expect: Annotated[str, typer.Option("--expect", help="The right answer; else what the flag says.")] = "",
    name: Annotated[str, typer.Option("--name", help="What the case is called.")] = "",
    by: By = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """It was wrong: put the question and its right answer at the end of a golden probe's file of cases."""
    from monitor.cli.review import accept_flag

    found = accept_flag(
        number, probe=probe, expect=expect, name=name, by=by or getpass.getuser(), config=config, state=state
    )
    _show(found, as_json, "reviewed")


@flags.command()
def reject(
    number: Number,
    reason: Annotated[str, typer.Option("--reason", help="Why the answer was right.")],
    by: By = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """It was right: the flag no longer counts."""
    who = by or getpass.getuser()
    found = _ask("review", config, state, number=number, outcome="rejected", by=who, reason=reason)
    _show(found, as_json, "reviewed")


@flags.command()
def url(
    workflow: Annotated[str, typer.Argument(help="The workflow, or workflow/environment.")],
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Where an app says that an answer was wrong."""
    _show(_ask("flags_url", config, state, workflow=workflow), as_json, "address")
