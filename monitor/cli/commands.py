"""Every command, its words and options; what it does is in the module it imports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="Watches AI workflows the way their customers use them, and wakes a named person before a customer notices.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # help in plain words needs none of rich, and answers twice as fast
    context_settings={"help_option_names": ["-h", "--help"]},
)

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The file or folder; else $SHOWUP_CONFIG, ./showup.yaml, /etc/showup."),
]
State = Annotated[
    Path | None, typer.Option("--state", help="The state folder; else $SHOWUP_STATE or ~/.local/state/showup.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
By = Annotated[str, typer.Option("--by", help="Who does it; your login name by default.")]


def _who(by: str) -> str:
    import getpass

    return by or getpass.getuser()


def _ask(name: str, config: Path | None, state: Path | None, **given: Any) -> Any:
    from monitor.client import call

    return call(name, config=config, folder=state, **given)


def _show(found: Any, as_json: bool, draw: str) -> None:
    from monitor.cli import show

    if as_json:
        show.as_json(found)
    else:
        getattr(show, draw)(found)


@app.command()
def run(config: Config = None, state: State = None) -> None:
    """The daemon: watch, page, publish, until it is told to stop."""
    from monitor.cli.daemon import run_daemon

    raise typer.Exit(run_daemon(config, state))


@app.command()
def validate(
    config: Config = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema for editors.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check the configuration, and say how soon each probe pages and what it costs."""
    from monitor.cli.validate import print_schema, run_validate

    if schema:
        print_schema()
    else:
        run_validate(config, as_json=as_json)


@app.command()
def test(
    probe: Annotated[str, typer.Argument(help="The probe: its name, or workflow/environment/probe.")],
    config: Config = None,
    env: Annotated[str, typer.Option("--env", help="The environment.")] = "",
    as_json: AsJson = False,
) -> None:
    """Run a probe once, now, and draw what happened; nothing is recorded."""
    from monitor.cli.try_out import run_test

    raise typer.Exit(run_test(probe, config, env=env, as_json=as_json))


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
def status(
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Again every two seconds.")] = False,
) -> None:
    """One screen: what is wrong since when, who is on call, what was not delivered, and how showup itself is."""
    if watch:
        from monitor.cli.show import watch_status

        watch_status(lambda: _ask("status", config, state))
    else:
        _show(_ask("status", config, state), as_json, "status")


@app.command()
def runs(
    name: Annotated[str, typer.Argument(metavar="PROBE|RUN", help="A probe for its newest runs, or a run's id.")],
    config: Config = None,
    state: State = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 20,
    as_json: AsJson = False,
) -> None:
    """The newest runs of a probe, or one run with its evidence."""
    from probes.words.names import run_key

    try:
        started, _ = run_key(name)
        is_run = started > 10**15
    except ValueError:
        is_run = False
    if is_run:
        _show(_ask("run", config, state, id=name), as_json, "run")
    else:
        _show(_ask("runs", config, state, probe=name, limit=limit), as_json, "runs")


@app.command()
def incidents(
    config: Config = None,
    state: State = None,
    days: Annotated[float, typer.Option("--days", help="Also those of the last days.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Open incidents and those of the last days."""
    _show(_ask("incidents", config, state, days=days), as_json, "incidents")


@app.command()
def incident(id: str, config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """One incident with its timeline."""
    _show(_ask("incident", config, state, id=id), as_json, "incident")


@app.command()
def ack(
    id: Annotated[str, typer.Argument(help="The incident; without it the only open one.")] = "",
    by: By = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Somebody is on it: no further level starts for a while."""
    found = _ask("ack", config, state, id=id, by=_who(by))
    _show(found, as_json, "answer")
    raise typer.Exit(0 if found["accepted"] else 1)


@app.command()
def resolve(
    id: Annotated[str, typer.Argument(help="The incident; without it the only open one.")] = "",
    by: By = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Close an incident; while it still fails this counts as an acknowledgement."""
    found = _ask("resolve", config, state, id=id, by=_who(by))
    _show(found, as_json, "answer")
    raise typer.Exit(0 if found["accepted"] else 1)


@app.command()
def explain(
    workflow: Annotated[str, typer.Argument(help="The workflow, or workflow/environment.")],
    window: Annotated[str, typer.Option("--window", "-w", help="How far back, such as 24h, 30d or 90d.")] = "30d",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """The spans and runs behind a number, so that it can be redone by hand."""
    _show(_ask("explain", config, state, workflow=workflow, window=window), as_json, "explain")


@app.command()
def oncall(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """Who is on call now, next, and for four weeks."""
    _show(_ask("oncall", config, state), as_json, "oncall")


@app.command()
def override(
    rotation: str,
    person: str,
    length: Annotated[str, typer.Option("--for", help="How long, such as 8h.")],
    start: Annotated[str, typer.Option("--in", help="From when on, such as 2h from now.")] = "",
    reason: str = "",
    by: By = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Let a person take over a rotation for a time."""
    given = {"rotation": rotation, "person": person, "length": length, "start": start, "reason": reason}
    _show(_ask("override", config, state, by=_who(by), **given), as_json, "plain")


@app.command()
def maintenance(
    workflow: str,
    length: Annotated[str, typer.Option("--for", help="How long, such as 1h.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is shown on the page.")],
    start: Annotated[str, typer.Option("--in", help="From when on, such as 2h from now.")] = "",
    by: By = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Announce maintenance: probes go on, its time is not counted, pages are held until it ends."""
    given = {"workflow": workflow, "length": length, "reason": reason, "start": start}
    _show(_ask("maintenance", config, state, by=_who(by), **given), as_json, "plain")


@app.command()
def pause(
    name: Annotated[str, typer.Argument(help="A probe, or a workflow for all its probes.")],
    resume: Annotated[bool, typer.Option("--resume", help="Run again.")] = False,
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Stop or resume runs; what is paused is unknown meanwhile, never up."""
    _show(_ask("pause", config, state, probe=name, resume=resume), as_json, "plain")


@app.command()
def notify(
    person: str,
    test: Annotated[bool, typer.Option("--test", help="Send a test on each of the person's channels.")] = False,
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Send a test message to a person and print each receipt and how long it took."""
    if not test:
        raise typer.BadParameter("write showup notify PERSON --test", param_hint="--test")
    found = _ask("notify", config, state, person=person)
    _show(found, as_json, "notify")
    raise typer.Exit(0 if all(row["state"] == "delivered" for row in found) else 1)


@app.command()
def publish(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """Make the pages now and put them where they are published."""
    found = _ask("publish", config, state)
    _show(found, as_json, "plain")
    raise typer.Exit(0 if not found["trouble"] else 1)


@app.command()
def reload(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """Have the daemon read its configuration again."""
    found = _ask("reload", config, state)
    _show(found, as_json, "plain")
    raise typer.Exit(0 if found["taken"] else 2)


@app.command()
def doctor(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """Look at everything that a page needs to reach a person, and say what to do."""
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
    """Ask three things, write a first configuration of a few lines, and try it."""
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
    """Install as a systemd service: user, folders, credentials, units; then start and wait for the first good run."""
    from monitor.service.install import run_install

    raise typer.Exit(run_install(config, dry_run=dry_run))


@app.command()
def upgrade(dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False) -> None:
    """Back up, restart under the new version, and roll back when it does not come up."""
    from monitor.service.upgrade import run_upgrade

    raise typer.Exit(run_upgrade(dry_run=dry_run))


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
