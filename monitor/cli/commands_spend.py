"""`showup spend`: what showup itself costs."""

from __future__ import annotations

from monitor.cli.options import AsJson, Config, State, app


@app.command()
def spend(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """What probes spent today on models, what they may, and what the day will come to."""
    from monitor.cli import show_spend
    from monitor.cli.show import as_json as print_json
    from monitor.client import call

    found = call("spend", config=config, folder=state)
    if as_json:
        print_json(found)
    else:
        show_spend.spend(found)
