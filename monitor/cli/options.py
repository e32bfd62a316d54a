"""The command itself, and the options that many of its parts share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Watches AI workflows the way their customers use them, and wakes a named person before a customer notices.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # help in plain words needs none of rich, and answers twice as fast
    context_settings={"help_option_names": ["-h", "--help"]},
)

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The file or folder; else $SHOWUP_CONFIG, ./showup.yaml, /etc/showup."),
]
State = Annotated[
    Path | None, typer.Option("--state", help="The state folder; else $SHOWUP_STATE or ~/.local/state/showup.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
By = Annotated[str, typer.Option("--by", help="Who does it; your login name by default.")]
