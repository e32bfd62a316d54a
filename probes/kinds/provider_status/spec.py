"""The keys of a look at a provider's status page."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from probes.forms import Names
from probes.spec import Spec


class ProviderStatusSpec(Spec):
    """A look at a provider's status page, in whichever form it is."""

    kind: Literal["provider-status"] = "provider-status"
    paths: Names = Field((), description="Where to look, in order, until something can be read.")
    components: Names = Field((), description="The parts that count, by name or id; all, without any.")
