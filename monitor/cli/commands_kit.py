"""`showup kit`: a model provider that breaks in every way."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.cli.options import AsJson, State, app

kit = typer.Typer(invoke_without_command=True, rich_markup_mode=None, add_completion=False)
app.add_typer(kit, name="kit")

Dialect = Annotated[
    str, typer.Option("--dialect", help="Only there: openai, openai-responses, anthropic, ollama or compatible.")
]


@kit.callback()
def _kit(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", min=1, max=65_534, help="Where; the hostile server is one up.")] = 8480,
    listen: Annotated[str, typer.Option("--listen", help="This machine's address, to let others in.")] = "127.0.0.1",
    dialect: Dialect = "",
    fault: Annotated[
        list[str] | None, typer.Option("--fault", help="Break this at once: KIND[,seconds=2][,times=1].")
    ] = None,
    faults: Annotated[bool, typer.Option("--list", help="List every fault and what showup calls it.")] = False,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """A model provider, here, that breaks in every way. In every dialect, a fault for each row of the taxonomy."""
    if context.invoked_subcommand is not None:
        return
    from monitor.cli.kit import list_faults, run_kit

    if faults:
        list_faults(as_json=as_json)
    else:
        raise typer.Exit(run_kit(state, port=port, address=listen, dialect=dialect, faults=fault or []))


@kit.command("fault")
def _fault(
    kind: Annotated[str, typer.Argument(metavar="KIND[,seconds=2][,times=1]", help="The fault; showup kit --list.")],
    dialect: Dialect = "",
    state: State = None,
) -> None:
    """Break something in the kit that is running."""
    from monitor.cli.kit import run_fault

    run_fault(state, kind, dialect=dialect)


@kit.command("heal")
def _heal(
    kind: Annotated[str, typer.Argument(help="Only this fault; else all.")] = "",
    state: State = None,
) -> None:
    """Repair what was broken in the kit that is running."""
    from monitor.cli.kit import run_heal

    run_heal(state, kind)
