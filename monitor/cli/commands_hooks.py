"""`showup hooks`: where workflows call back."""

from __future__ import annotations

from monitor.cli.options import AsJson, Config, State, app


@app.command()
def hooks(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """Every job that may wait for a webhook, with the address that its workflow calls."""
    from monitor.cli import show
    from monitor.cli.paper import paper
    from monitor.client import call

    found = call("hooks", config=config, folder=state)
    if as_json:
        show.as_json(found)
        return
    out = paper()
    if not found["hooks"]:
        out.print("No probe waits for a webhook: add webhook: true to a stage of a job, see docs/jobs.md.")
        return
    for one in found["hooks"]:
        out.print(one["probe"])
        out.print(f"  {one['url']}", soft_wrap=True)  # in one piece, to be copied
