"""`showup golden`: how accurate answers are, case by case, and the baseline that they are held against."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

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
    """How accurate the answers of golden sets are, and how sure that is; or write down how a set stands as its
    baseline."""
    from monitor.cli import show, show_golden
    from monitor.client import call

    given = words or []
    if len(given) == 2 and given[0] == BASELINE:
        found: Any = _baseline(given[1], config, state, again=again)
        draw: Callable[[Any], None] = show_golden.baseline
    elif len(given) > 1:
        raise typer.BadParameter("write showup golden [PROBE], or showup golden baseline PROBE")
    else:
        found = call("golden", config=config, folder=state, probe=given[0] if given else "")
        draw = show_golden.whole if given else show_golden.listed
    if as_json:
        show.as_json(found)
    else:
        draw(found)


def _baseline(probe: str, config: Path | None, state: Path | None, *, again: bool) -> dict[str, Any]:
    """Write the baseline beside the configuration, as whoever asks for it: the daemon may not write there."""
    from monitor.client import call
    from monitor.config.accuracy import read_baseline, write_baseline
    from probes.words.errors import Refused

    found: dict[str, Any] = call("golden_verdicts", config=config, folder=state, probe=probe)
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
