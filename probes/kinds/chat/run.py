"""How a chat probe runs: one question, or turns that share a conversation."""

from __future__ import annotations

from probes.kinds.chat.spec import ChatSpec
from probes.kinds.interpret import Script, script


def prepare(spec: ChatSpec) -> Script:
    """The function that carries it out."""
    return script(spec.steps, talk=spec.turns is not None)
