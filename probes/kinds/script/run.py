"""How a Python probe runs: its file is loaded, its function is called, and what it forgot to await is noticed."""

from __future__ import annotations

import importlib.util
import re
import sys
import warnings
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import ModuleType
from typing import Any

from probes.author import Probe
from probes.calls import say_place
from probes.context import Context
from probes.kinds.script.spec import ScriptSpec
from probes.words.errors import ProbeBug

_FORGOTTEN = re.compile(r"coroutine '(?:[^']*\.)?([^'.]+)' was never awaited")
_CREATED = re.compile(r'File "([^"]+)", line (\d+)')


def load(file: str) -> ModuleType:
    """The module in a user's file, its folder last on the path; raises whatever the file raises."""
    path = Path(file)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    name = f"journeys_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ProbeBug(f"{path.name} is no Python file", hint="name it something.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def prepare(spec: ScriptSpec) -> Callable[[Context], Coroutine[Any, Any, None]]:
    """The function that carries it out; raises ProbeBug when the file no longer has it."""
    found = getattr(load(spec.file), spec.function, None)
    if not isinstance(found, Probe):
        raise ProbeBug(f"{Path(spec.file).name} has no probe called {spec.function}", hint="reload the configuration")
    return watched(found)


def watched(probe: Probe) -> Callable[[Context], Coroutine[Any, Any, None]]:
    """The probe's function; a coroutine that it forgot to await becomes its bug."""

    async def run(ctx: Context) -> None:
        depth = sys.get_coroutine_origin_tracking_depth()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            sys.set_coroutine_origin_tracking_depth(1)
            try:
                await probe.script(ctx)
            finally:
                sys.set_coroutine_origin_tracking_depth(depth)
        for warning in caught:
            _report(warning, ctx)

    return run


def _report(warning: warnings.WarningMessage, ctx: Context) -> None:
    said = str(warning.message)
    forgotten = _FORGOTTEN.search(said)
    if forgotten is None:
        ctx.note(f"{warning.category.__name__}: {said}")
        return
    created = _CREATED.search(said)
    where = f" at {say_place((created[1], int(created[2])))}" if created else ""
    name = forgotten[1]
    ctx.complain(f"{name}(…){where} was never awaited; write await {name}(…)")
