"""`showup golden`: how accurate answers are, case by case, and the baseline that they are held against."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from monitor.cli.asking import ask, show
from monitor.cli.options import AsJson, Config, State, app

BASELINE = "baseline"


@app.command()
def golden(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PROBE] | baseline PROBE", help="A golden set; without it, all of them."),
    ] = None,
    config: Config = None,
    state: State = None,
    again: Annotated[bool, typer.Option("--again", help="Make a baseline anew where there is one.")] = False,
    as_json: AsJson = False,
) -> None:
    """How accurate the answers of golden sets are, and how sure. Or writes down how a set stands as its baseline."""
    given = words or []
    if len(given) == 2 and given[0] == BASELINE:
        show(_baseline(given[1], config, state, again=again), as_json, "show_golden.baseline")
    elif len(given) > 1:
        raise typer.BadParameter("write showup golden [PROBE], or showup golden baseline PROBE")
    elif given:
        show(ask("golden", config, state, probe=given[0]), as_json, "show_golden.whole")
    else:
        show(ask("golden", config, state), as_json, "show_golden.listed")


def _baseline(probe: str, config: Path | None, state: Path | None, *, again: bool) -> dict[str, Any]:
    """Write the baseline beside the configuration, as whoever asks for it: the daemon may not write there."""
    from monitor.config.accuracy import read_baseline, write_baseline
    from probes.words.errors import Refused

    found: dict[str, Any] = ask("golden_verdicts", config, state, probe=probe)
    file, cases = Path(found["file"]), found["cases"]
    if not cases:
        raise Refused(f"no case of {found['probe']} was scored yet", hint="let it run, then make the baseline")
    if file.exists() and not again:
        raise Refused(f"{file} is there already", hint="make it anew on purpose: --again")
    try:
        before = read_baseline(file)
    except ValueError:
        before = {}
    try:
        write_baseline(file, made=found["at"], probe=found["probe"], cases=cases)
    except OSError as error:
        raise Refused(f"{file} cannot be written: {error.strerror}", hint="may you write there?") from None
    changed = sorted(name for name in cases.keys() & before.keys() if cases[name] is not before[name])
    return {**found, "changed": changed}
