"""`showup drill`, `showup drills` and `showup escalation`: what happens when it breaks, rehearsed and written down."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.asking import ask, show, who
from monitor.cli.options import AsJson, By, Config, State, app

Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write a page: FILE.html or FILE.md.")]
Names = Annotated[bool, typer.Option("--names/--no-names", help="Name people, or say what they are alone.")]


@app.command()
def drill(
    workflow: Annotated[str, typer.Argument(metavar="WORKFLOW|report|stop", help="The workflow; or what to do.")],
    id: Annotated[str, typer.Argument(metavar="[ID]", help="The drill to report or to stop.")] = "",
    probe: Annotated[str, typer.Option("--probe", help="Whose runs fail; else the one that runs next.")] = "",
    urgent: Annotated[bool, typer.Option("--urgent", help="Ring as loudly as a real page does.")] = False,
    now: Annotated[bool, typer.Option("--now", help="Run the probe at once, not at its next time.")] = False,
    limit: Annotated[str, typer.Option("--limit", help="How long an answer is waited for.")] = "15m",
    length: Annotated[str, typer.Option("--for", help="Fail so long, whoever answers.")] = "",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Look on until it is over; Ctrl-C ends it.")] = True,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Here and without an account.")] = False,
    output: Output = None,
    names: Names = True,
    fault: Annotated[
        str, typer.Option("--fault", help="Instead: what its model does (empty, garbage, hang, 429-once, 5xx).")
    ] = "",
    env: Annotated[str, typer.Option("--env", help="The environment; production, with --fault staging.")] = "",
    kit_url: Annotated[
        str, typer.Option("--kit", help="With --fault: a kit elsewhere; its token is $SHOWUP_KIT_TOKEN.")
    ] = "",
    by: By = "",
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Stage a failure on its real way, and measure it. Or break its model (--fault), and see what customers get."""
    from monitor.cli import rehearse

    if fault:
        from monitor.cli.drill import run_drill

        env = env or "staging"
        raise typer.Exit(run_drill(workflow, config, state, fault=fault, environment=env, kit=kit_url, as_json=as_json))
    rehearse.check_place(output)
    if workflow == "report" and id:
        found = ask("drill", config, state, id=id)
        raise typer.Exit(rehearse.show_report(found, output, names=names, as_json=as_json))
    if workflow == "stop":
        show(ask("drill_stop", config, state, id=id, by=who(by)), as_json, "show_drills.stopped")
        return
    if id:
        raise typer.BadParameter("write showup drill WORKFLOW, showup drill report ID or showup drill stop ID")
    if sandbox:
        from monitor.cli.rehearse_here import run_sandbox

        given = {"urgent": urgent, "names": names, "as_json": as_json}
        raise typer.Exit(run_sandbox(workflow, config, output=output, **given))
    place = f"{workflow}/{env}" if env and "/" not in workflow else workflow
    wanted = {"workflow": place, "probe": probe, "urgent": urgent, "now": now, "limit": limit, "length": length}
    asked = rehearse.Asked(config, state, who(by), output, names=names, as_json=as_json, wait=wait)
    raise typer.Exit(rehearse.run_rehearsal(asked, wanted))


@app.command()
def drills(config: Config = None, state: State = None, as_json: AsJson = False) -> None:
    """Drills so far, and which workflows were never rehearsed."""
    show(ask("drills", config, state), as_json, "show_drills.listed")


@app.command()
def escalation(
    policy: Annotated[str, typer.Argument(help="Only this policy; else each that is in use.")] = "",
    names: Names = True,
    output: Output = None,
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Who is told when it breaks, after how many minutes, and when that was last tested."""
    if output is None:
        show(ask("escalation", config, state, policy=policy, names=names), as_json, "show_escalation.procedure")
        return
    from monitor.cli.rehearse import check_place, write_text

    check_place(output, (".html",))
    write_text(output, {".html": ask("escalation_page", config, state, policy=policy, names=names)["html"]})
    typer.echo(f"The page: {output}")
