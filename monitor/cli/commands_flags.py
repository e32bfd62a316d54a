"""`showup flag` and `showup flags`: answers that were wrong, said and reviewed."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.cli.asking import ask, show, who
from monitor.cli.options import AsJson, By, Config, State, app

Number = Annotated[int, typer.Argument(min=1, help="The flag's number.")]

flags = typer.Typer(invoke_without_command=True, rich_markup_mode=None, add_completion=False)
app.add_typer(flags, name="flags")


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
    """Say that an answer was wrong. It counts, and becomes a golden case after review."""
    given = {"asked": asked, "answered": answered, "expected": expected, "comment": comment}
    show(ask("flag", config, state, workflow=workflow, by=who(by), **given), as_json, "show_flags.flagged")


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
    """Answers flagged as wrong, and their review. accept and reject one; url is where an app flags."""
    if ctx.invoked_subcommand is None:
        wanted = "" if which == "all" else which
        found = ask("flags", config, state, workflow=workflow, which=wanted, limit=limit)
        show(found, as_json, "show_flags.listed")


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

    found = accept_flag(number, probe=probe, expect=expect, name=name, by=who(by), config=config, state=state)
    show(found, as_json, "show_flags.reviewed")


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
    found = ask("review", config, state, number=number, outcome="rejected", by=who(by), reason=reason)
    show(found, as_json, "show_flags.reviewed")


@flags.command()
def url(
    workflow: Annotated[str, typer.Argument(help="The workflow, or workflow/environment.")],
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Where an app says that an answer was wrong."""
    show(ask("flags_url", config, state, workflow=workflow), as_json, "show_flags.address")
