"""`showup heartbeat` and `showup hooks`: where jobs report, and where workflows call back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from monitor.cli.asking import ask, show
from monitor.cli.options import AsJson, Config, State, app

heartbeat = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    help="Jobs that report by themselves: list them, or run a command.",
)
app.add_typer(heartbeat, name="heartbeat")


class _Before(TyperCommand):
    """A command whose words after `--` are another command, whatever they look like."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep what stands behind `--`; read the rest."""
        end = args.index("--") if "--" in args else len(args)
        ctx.meta["command"] = args[end + 1 :]
        return super().parse_args(ctx, args[:end])


@heartbeat.command("list")
def list_jobs(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """Every job: how it stands, its last word, what it owes next, and the address where it reports."""
    show(ask("heartbeats", config, state), as_json, "show_jobs.heartbeats")


@heartbeat.command("run", cls=_Before)
def run_job(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="[NAME] -- CMD…", help="The job; not needed where an address is given.")
    ] = "",
    url_file: Annotated[
        Path | None, typer.Option("--url-file", help="A file with the job's address; else $SHOWUP_PING_URL.")
    ] = None,
    rid: Annotated[str, typer.Option("--rid", help="The UUID of this run; else one is made.")] = "",
    patience: Annotated[
        float, typer.Option("--patience", min=0, max=3600, help="Seconds in which the end is reported.")
    ] = 60,
    state: State = None,
) -> None:
    """Run the command after -- and report its start, its end and its last output; its exit status stays its own."""
    from monitor.cli.wrapped import run_wrapped

    command = ctx.meta["command"]
    raise typer.Exit(run_wrapped(name, command, rid=rid, url_file=url_file, state=state, patience=patience))


@app.command()
def hooks(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """Where workflows call back the jobs that wait for a webhook."""
    show(ask("hooks", config, state), as_json, "show_jobs.hooks")
