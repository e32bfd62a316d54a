"""What every command does that asks the daemon: the question, who asks, and the answer in words or as JSON."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any


def ask(name: str, config: Path | None, state: Path | None, **given: Any) -> Any:
    """What the daemon's service of this name answers; without a daemon it is answered here."""
    from monitor.client import call

    return call(name, config=config, folder=state, **given)


def who(by: str) -> str:
    """Who does it: as it was said, else the login name."""
    import getpass

    return by or getpass.getuser()


def show(found: Any, as_json: bool, draw: str) -> None:
    """An answer for programs, or as `draw` says in a module of drawings: `show.status`, `show_flags.listed`."""
    if as_json:
        draw = "show.as_json"
    module, _, name = draw.partition(".")
    getattr(import_module(f"monitor.cli.{module}"), name)(found)
