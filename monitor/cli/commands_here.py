"""The commands that do their work themselves: to begin, to try, to serve, to install."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.options import AsJson, Config, State, app


@app.command()
def run(config: Config = None, state: State = None) -> None:
    """The daemon: watch, page, publish, until it is told to stop."""
    from monitor.cli.daemon import run_daemon

    raise typer.Exit(run_daemon(config, state))


@app.command()
def validate(
    config: Config = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema for editors.")] = False,
    ask: Annotated[bool, typer.Option("--ask", help="Ask channels whether they know the ids of people, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check the configuration. Says how soon each probe pages and what it costs, too."""
    from monitor.cli.validate import print_schema, run_validate

    if schema:
        print_schema()
    else:
        run_validate(config, ask=ask, as_json=as_json)


@app.command()
def test(
    probe: Annotated[str, typer.Argument(help="The probe: its name, or workflow/environment/probe.")],
    config: Config = None,
    env: Annotated[str, typer.Option("--env", help="The environment.")] = "",
    cases: Annotated[str, typer.Option("--cases", help="Of a golden set: how many cases, or all.")] = "",
    as_json: AsJson = False,
) -> None:
    """Run a probe once, now, and draw what happened. Nothing is recorded."""
    from monitor.cli.try_out import run_test

    raise typer.Exit(run_test(probe, config, env=env, as_json=as_json, cases=cases))


@app.command()
def preflight(
    workflows: Annotated[list[str], typer.Argument(help="The workflows.")],
    config: Config = None,
    times: Annotated[int, typer.Option("--times", "-n", min=1, max=100, help="Runs of each probe.")] = 3,
    env: Annotated[str, typer.Option("--env", help="The environment.")] = "",
    as_json: AsJson = False,
) -> None:
    """Go or no-go: run every probe of the workflows several times."""
    from monitor.cli.try_out import run_preflight

    raise typer.Exit(run_preflight(workflows, config, times=times, env=env, as_json=as_json))


@app.command()
def doctor(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """What stands between a page and a person, and what to do."""
    from monitor.cli.doctor import run_doctor

    raise typer.Exit(run_doctor(config, state, as_json=as_json))


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where to write showup.yaml.")] = Path(),
    url: Annotated[str, typer.Option("--url", help="The workflow's address.")] = "",
    phone: Annotated[str, typer.Option("--phone", help="An ntfy topic or address that rings.")] = "",
    promise: Annotated[str, typer.Option("--promise", help="What the workflow promises, in a sentence.")] = "",
    words: Annotated[str, typer.Option("--words", help="Words that its page must hold.")] = "",
) -> None:
    """Ask three things, write a first configuration, and try it."""
    from monitor.cli.init import run_init

    raise typer.Exit(run_init(folder, url=url, phone=phone, promise=promise, words=words))


@app.command()
def demo(
    script: Annotated[bool, typer.Option("--script", help="Tell the whole story without hands.")] = False,
    history: Annotated[int, typer.Option("--history", help="Days of simulated history.", min=0, max=400)] = 90,
) -> None:
    """See it break, page and recover, here and without an account."""
    from monitor.cli.demo import run_demo

    raise typer.Exit(run_demo(script=script, history=history))


@app.command()
def install(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    config: Config = None,
) -> None:
    """Install as a systemd service and wait for the first good run. Makes the user, folders, credentials and units."""
    from monitor.service.install import run_install

    raise typer.Exit(run_install(config, dry_run=dry_run))


@app.command()
def upgrade(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    without_copy: Annotated[
        bool, typer.Option("--without-copy", help="You have copied the database yourself, as PostgreSQL needs.")
    ] = False,
) -> None:
    """Back up and restart under the new version. Rolls back when it does not come up."""
    from monitor.service.upgrade import run_upgrade

    raise typer.Exit(run_upgrade(dry_run=dry_run, without_copy=without_copy))


@app.command()
def uninstall(dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False) -> None:
    """Stop and remove the service; data and configuration stay."""
    from monitor.service.install import run_uninstall

    raise typer.Exit(run_uninstall(dry_run=dry_run))


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"showup {version('showup')}")
        raise typer.Exit


@app.callback()
def _everything(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """What stands before every command."""
