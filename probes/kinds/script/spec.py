"""The keys of a Python probe: what `@probe(…)` may say."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from probes.forms import Names
from probes.spec import Spec


class ScriptSpec(Spec):
    """A probe that is a Python function. `names` are the steps that its source shows, for what was not reached."""

    kind: Literal["script"] = "script"
    file: str = Field("", description="The file of the function.")
    function: str = Field("", description="The function's name.")
    secrets: Names = Field((), description="The secrets it reads with ctx.secret(name).")
    judges: Names = Field((), description="The providers whose models judge for it: ctx.judge(reply, by=name, ...).")
    step_names: Names = Field((), description="The names of its steps.")

    def secret_names(self) -> set[str]:
        """The names of the secrets that the script declares, or that its source shows."""
        return {*self.secrets, *super().secret_names()}
