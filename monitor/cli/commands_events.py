"""`showup event`: a time in which probes try harder, pages leave sooner, and whoever presents gets one word."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.cli.asking import ask, show, who
from monitor.cli.options import AsJson, By, Config, State, app

event = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    help="Before an audience: probe harder, page sooner, and tell the presenter.",
)
app.add_typer(event, name="event")
Number = Annotated[int, typer.Argument(help="The number of the event.")]


@event.command("add")
def add(
    start: Annotated[str, typer.Argument(help="When: 'Thu 14:00', 'tomorrow 09:30', 2026-11-28T14:00, 'in 2h', now.")],
    length: Annotated[str, typer.Option("--for", help="How long, such as 3h.")],
    workflows: Annotated[str, typer.Option("--workflows", help="Which, with commas between: intake,bookings.")],
    tell: Annotated[str, typer.Option("--tell", help="Who presents: a person, told at once of every page.")],
    title: Annotated[str, typer.Option("--title", help="What it is; pages name it.")] = "",
    plan_b: Annotated[str, typer.Option("--plan-b", help="What to do when it breaks; the screen shows it.")] = "",
    by: By = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Announce an event, and say what it costs."""
    given = {"start": start, "length": length, "workflows": workflows, "tell": tell, "title": title, "plan_b": plan_b}
    show(ask("event_add", config, state, by=who(by), **given), as_json, "show_events.added")


@event.command("list")
def list_events(
    past: Annotated[bool, typer.Option("--past", help="Also those of the last 30 days.")] = False,
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Events now and to come, and what their preflights found."""
    show(ask("events", config, state, past=past), as_json, "show_events.listed")


@event.command("end")
def end(id: Number, by: By = "", config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """End an event now, or take it back."""
    show(ask("event_end", config, state, id=id, by=who(by)), as_json, "show_events.ended")


@event.command("watch")
def watch(
    id: Number,
    once: Annotated[bool, typer.Option("--once", help="Say it once, and exit with 0 for GO, 1 for any other.")] = False,
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """The presenter's screen: one word, until Ctrl-C."""
    if once or as_json:
        found = ask("event", config, state, id=id)
        show(found, as_json, "show_events.screen")
        raise typer.Exit(0 if found["word"] == "GO" else 1)
    from monitor.cli.show_events import watched

    watched(lambda: ask("event", config, state, id=id))
