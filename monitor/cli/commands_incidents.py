"""`showup incidents` and `showup incident`: what went wrong, and what people do about it beside answering."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from monitor.cli.asking import ask, show, who
from monitor.cli.options import AsJson, By, Config, State, app

Id = Annotated[str, typer.Argument(help="The incident.")]


class _OrShow(TyperGroup):
    """`showup incident ID` shows one: what is no verb is an incident."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Show what is named, where that is not something to do."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["show", *args]
        return super().resolve_command(ctx, args)


incident = typer.Typer(
    cls=_OrShow,
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    help="One incident with its timeline; open, note, update, merge, severity, report.",
)
app.add_typer(incident, name="incident")


@app.command()
def incidents(
    config: Config = None,
    state: State = None,
    days: Annotated[float, typer.Option("--days", help="Also those of the last days.")] = 7,
    times: Annotated[
        bool, typer.Option("--times", help="How long it took to notice, page and answer, by month.")
    ] = False,
    months: Annotated[int, typer.Option("--months", min=1, max=120, help="How many months, with --times.")] = 6,
    workflow: Annotated[str, typer.Option("--workflow", help="Of one workflow alone, with --times.")] = "",
    as_json: AsJson = False,
) -> None:
    """Open incidents and those of the last days."""
    if times:
        found = ask("incident_times", config, state, months=months, workflow=workflow)
        show(found, as_json, "show_incidents.times")
        return
    show(ask("incidents", config, state, days=days), as_json, "show.incidents")


@incident.command("show")
def show_one(id: Id, config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """One incident with its timeline."""
    show(ask("incident", config, state, id=id), as_json, "show.incident")


@incident.command("open")
def open_one(
    workflow: Annotated[str, typer.Argument(help="The workflow, or workflow/environment.")],
    text: Annotated[str, typer.Argument(help="What is wrong.")],
    source: Annotated[str, typer.Option("--from", help="Who noticed: customer, or a name.")] = "",
    severity: Annotated[str, typer.Option("--severity", help="critical, error, warning or info.")] = "",
    since: Annotated[str, typer.Option("--since", help="Since when: 10m, or 2026-11-23T03:00.")] = "",
    by: By = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Open an incident by what somebody noticed, and page for it."""
    given = {"workflow": workflow, "text": text, "source": source, "severity": severity, "since": since}
    show(ask("incident_open", config, state, by=who(by), **given), as_json, "show_incidents.opened")


@incident.command("note")
def note(id: Id, text: str, by: By = "", config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """Write on the timeline, for us alone."""
    show(ask("incident_note", config, state, by=who(by), id=id, text=text), as_json, "show_incidents.noted")


@incident.command("update")
def update(id: Id, text: str, by: By = "", config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """Write an update for the public status page."""
    show(ask("incident_update", config, state, by=who(by), id=id, text=text), as_json, "show_incidents.updated")


@incident.command("severity")
def severity(
    id: Id,
    severity: Annotated[str, typer.Argument(help="critical, error, warning or info.")],
    reason: str = "",
    by: By = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Say how severe it is: more pages anew, a warning wakes nobody any more."""
    given = {"id": id, "severity": severity, "reason": reason}
    show(ask("incident_severity", config, state, by=who(by), **given), as_json, "show.incident")


@incident.command("merge")
def merge(
    id: Id,
    into: Annotated[str, typer.Argument(help="The incident that speaks for both from now on.")],
    by: By = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Leave an incident to another one: it pages no more while that one is open."""
    show(ask("incident_merge", config, state, by=who(by), id=id, into=into), as_json, "show.incident")


@incident.command("unmerge")
def unmerge(id: Id, by: By = "", config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """Let a merged incident stand for itself again."""
    show(ask("incident_merge", config, state, by=who(by), id=id), as_json, "show.incident")


@incident.command("report")
def report(
    id: Id,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write it to this file.")] = None,
    config: Config = None,
    state: State = None,
) -> None:
    """The post-incident report, in Markdown."""
    from monitor.cli.show_incidents import reported

    reported(ask("incident_report", config, state, id=id), out)


@incident.command("link")
def link(workflow: str, config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """Where customers of a workflow report that something is wrong."""
    show(ask("incident_link", config, state, workflow=workflow), as_json, "show_incidents.link")
