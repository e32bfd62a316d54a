"""`showup contract` and `showup expiries`: what partners promise, and what ends one day."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.cli.asking import ask, show
from monitor.cli.options import AsJson, Config, State, app

contract = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    help="The shape of a partner's answers: learn, compare, show.",
)
app.add_typer(contract, name="contract")
Probe = Annotated[str, typer.Argument(help="The contract probe: its name, or workflow/environment/probe.")]
Env = Annotated[str, typer.Option("--env", help="The environment that is asked.")]


@contract.command("learn")
def learn(
    probe: Probe,
    config: Config = None,
    env: Env = "",
    samples: Annotated[int, typer.Option("--samples", "-n", min=1, max=500, help="Runs to learn from.")] = 20,
    pause: Annotated[str, typer.Option("--pause", help="Between two of them, such as 500ms.")] = "500ms",
    again: Annotated[bool, typer.Option("--again", help="Write over a baseline that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask several times, and write down the shape of what is answered as the baseline."""
    from monitor.cli.contracts import run_learn

    raise typer.Exit(run_learn(probe, config, env=env, samples=samples, pause=pause, again=again, as_json=as_json))


@contract.command("diff")
def diff(probe: Probe, config: Config = None, env: Env = "", as_json: AsJson = False) -> None:
    """Ask once, and say what differs from the baseline: 0 when nothing breaks, 1 when something does."""
    from monitor.cli.contracts import run_diff

    raise typer.Exit(run_diff(probe, config, env=env, as_json=as_json))


@contract.command("show")
def show_baseline(probe: Probe, config: Config = None, as_json: AsJson = False) -> None:
    """The baseline in words: each field, its type, and how often it is there."""
    from monitor.cli.contracts import run_show

    raise typer.Exit(run_show(probe, config, as_json=as_json))


@app.command()
def expiries(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """Certificates, keys and interfaces that end, soonest first."""
    show(ask("expiries", config, state), as_json, "show_expiries.expiries")
