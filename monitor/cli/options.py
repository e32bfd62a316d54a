"""The command itself, and the options that many of its parts share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

GROUPS: Mapping[str, tuple[str, ...]] = {
    "To begin": ("init", "validate", "test", "preflight", "demo", "kit", "drill"),
    "The daemon": ("run", "install", "upgrade", "uninstall", "reload", "doctor"),
    "What is going on": (
        *("status", "runs", "incidents", "incident", "explain", "oncall", "drills", "escalation"),
        *("golden", "flags", "heartbeat", "hooks", "contract", "expiries", "spend"),
    ),
    "What people do": (
        *("ack", "resolve", "check", "act", "override", "swap", "away", "maintenance", "mute", "unmute", "mutes"),
        *("event", "correct", "pause", "flag", "notify", "publish"),
    ),
}


class _Grouped(TyperGroup):
    """Commands under the headings that docs/cli.md has, in its order."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of help."""
        widest = max(map(len, self.commands))
        room = formatter.width - 6 - widest
        for heading, names in GROUPS.items():
            rows = [(f"{name:{widest}}", self.commands[name].get_short_help_str(room)) for name in names]
            with formatter.section(heading):
                formatter.write_dl(rows)


app = typer.Typer(
    cls=_Grouped,
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
