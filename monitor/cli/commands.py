"""The commands that ask the daemon, their words and options; `app` holds all the others, too."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from monitor.cli import commands_flags as commands_flags
from monitor.cli import commands_golden as commands_golden
from monitor.cli import commands_here as commands_here  # registers its own, first in the list of help
from monitor.cli import commands_hooks as commands_hooks
from monitor.cli import commands_jobs as commands_jobs
from monitor.cli import commands_kit as commands_kit
from monitor.cli import commands_partners as commands_partners
from monitor.cli import commands_spend as commands_spend
from monitor.cli.options import AsJson, By, Config, State, app

__all__ = ["app"]


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
    _show(_ask("override", config, state, by=_who(by), **given), as_json, "override")


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
    _show(_ask("maintenance", config, state, by=_who(by), **given), as_json, "maintenance")


@app.command()
def correct(
    workflow: Annotated[str, typer.Argument(help="The workflow, or workflow/environment.")],
    start: Annotated[str, typer.Option("--from", help="From when on: 2026-11-23T03:00, or 2h for two hours ago.")],
    end: Annotated[str, typer.Option("--to", help="Until when: the same, or now.")],
    counts_as: Annotated[str, typer.Option("--as", help="What it was: up, degraded, down, maintenance or unknown.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is shown on the page.")],
    probe: Annotated[str, typer.Option("--probe", help="Of this probe alone; else of all.")] = "",
    by: Annotated[str, typer.Option("--by", help="Your name as the page shows it; never your login name.")] = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Put right what a time that is over counts as; what was observed stays, and the correction is shown."""
    given = {"workflow": workflow, "start": start, "end": end, "counts_as": counts_as, "reason": reason}
    _show(_ask("correct", config, state, probe=probe, by=by, **given), as_json, "correct")


@app.command()
def pause(
    name: Annotated[str, typer.Argument(help="A probe, or a workflow for all its probes.")],
    resume: Annotated[bool, typer.Option("--resume", help="Run again.")] = False,
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Stop or resume runs; what is paused is unknown meanwhile, never up."""
    _show(_ask("pause", config, state, probe=name, resume=resume), as_json, "pause")


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
    _show(found, as_json, "publish")
    raise typer.Exit(0 if not found["trouble"] else 1)


@app.command()
def reload(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """Have the daemon read its configuration again."""
    found = _ask("reload", config, state)
    _show(found, as_json, "reload")
    raise typer.Exit(0 if found["taken"] else 2)
