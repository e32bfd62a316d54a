"""`showup spend`: what showup itself costs."""

from __future__ import annotations

from monitor.cli.asking import ask, show
from monitor.cli.options import AsJson, Config, State, app


@app.command()
def spend(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """What probes spent today, what they may, and what is to come."""
    show(ask("spend", config, state), as_json, "show_spend.spend")
