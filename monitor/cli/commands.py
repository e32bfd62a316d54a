"""The commands that ask the daemon, their words and options; `app` holds all the others, too."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.cli import commands_drill as commands_drill
from monitor.cli import commands_events as commands_events
from monitor.cli import commands_flags as commands_flags
from monitor.cli import commands_golden as commands_golden
from monitor.cli import commands_here as commands_here
from monitor.cli import commands_incidents as commands_incidents
from monitor.cli import commands_jobs as commands_jobs
from monitor.cli import commands_kit as commands_kit
from monitor.cli import commands_mutes as commands_mutes
from monitor.cli import commands_oncall as commands_oncall
from monitor.cli import commands_partners as commands_partners
from monitor.cli import commands_pressed as commands_pressed
from monitor.cli import commands_spend as commands_spend
from monitor.cli.asking import ask, show, who
from monitor.cli.options import AsJson, By, Config, State, app

__all__ = ["app"]


@app.command()
def status(
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Again every two seconds.")] = False,
) -> None:
    """One screen: what is wrong, who is on call. And what was not delivered, and how showup itself is."""
    if watch:
        from monitor.cli.show import watch_status

        watch_status(lambda: ask("status", config, state))
    else:
        show(ask("status", config, state), as_json, "show.status")


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
        show(ask("run", config, state, id=name), as_json, "show.run")
    else:
        show(ask("runs", config, state, probe=name, limit=limit), as_json, "show.runs")


@app.command()
def ack(
    id: Annotated[str, typer.Argument(help="The incident; without it the only open one.")] = "",
    by: By = "",
    length: Annotated[str, typer.Option("--for", metavar="<length>", help="How long, such as 2h (24h at most).")] = "",
    until: Annotated[
        str, typer.Option("--until", metavar="<time>", help="Until this time of day, such as 07:30.")
    ] = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Somebody is on it: no further level starts for a while."""
    found = ask("ack", config, state, id=id, by=who(by), length=length, until=until)
    show(found, as_json, "show.answer")
    raise typer.Exit(0 if found["accepted"] else 1)


@app.command()
def resolve(
    id: Annotated[str, typer.Argument(help="The incident; without it the only open one.")] = "",
    by: By = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Close an incident. While it still fails this counts as an acknowledgement."""
    found = ask("resolve", config, state, id=id, by=who(by))
    show(found, as_json, "show.answer")
    raise typer.Exit(0 if found["accepted"] else 1)


@app.command()
def explain(
    workflow: Annotated[str, typer.Argument(help="The workflow, or workflow/environment.")],
    window: Annotated[str, typer.Option("--window", "-w", help="How far back, such as 24h, 30d or 90d.")] = "30d",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """The spans and runs behind a number, to redo it by hand."""
    show(ask("explain", config, state, workflow=workflow, window=window), as_json, "show.explain")


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
    """Put right what a time that is over counts as. What was observed stays, and the correction is shown."""
    given = {"workflow": workflow, "start": start, "end": end, "counts_as": counts_as, "reason": reason}
    show(ask("correct", config, state, probe=probe, by=by, **given), as_json, "show.correct")


@app.command()
def pause(
    name: Annotated[str, typer.Argument(help="A probe, or a workflow for all its probes.")],
    resume: Annotated[bool, typer.Option("--resume", help="Run again.")] = False,
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Stop or resume runs. What is paused is unknown meanwhile, never up."""
    show(ask("pause", config, state, probe=name, resume=resume), as_json, "show.pause")


@app.command()
def notify(
    person: str,
    test: Annotated[bool, typer.Option("--test", help="Send a test on each of the person's channels.")] = False,
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Send a test message to a person. Prints each receipt and how long it took."""
    if not test:
        raise typer.BadParameter("write showup notify PERSON --test", param_hint="--test")
    found = ask("notify", config, state, person=person)
    show(found, as_json, "show.notify")
    raise typer.Exit(0 if all(row["state"] == "delivered" for row in found) else 1)


@app.command()
def publish(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """Make the pages now and put them where they are published."""
    found = ask("publish", config, state)
    show(found, as_json, "show.publish")
    raise typer.Exit(0 if not found["trouble"] else 1)


@app.command()
def reload(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """Have the daemon read its configuration again."""
    found = ask("reload", config, state)
    show(found, as_json, "show.reload")
    raise typer.Exit(0 if found["taken"] else 2)
