"""What an answer of an agent or model tells beside its words: measured numbers, versions, tokens, limits and doubts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.foreseen import note_life
from probes.journal import Journal

if TYPE_CHECKING:
    from probes.replies import ChatReply
    from probes.tools.chat_answer import ChatAnswer

_OF_REQUESTS = frozenset({"status", "size"})
_VERSION = 200  # characters


def write_down(journal: Journal, raw: ChatAnswer, reply: ChatReply) -> None:
    """Keep it all in the journal; a doubt degrades the run and stops nothing."""
    note_life(journal, reply.url, raw.answer)
    if raw.limits:
        told = {
            name: {"limit": limit.limit, "remaining": limit.remaining, "reset": limit.reset}
            for name, limit in raw.limits.items()
        }
        journal.learned.setdefault("limits", {})[reply.host] = told
    values = raw.values
    journal.measured({name: number for name, number in values.items() if name not in _OF_REQUESTS})
    for name in ("model", "fingerprint"):
        if found := getattr(raw, name, ""):
            journal.versions[name] = str(found)[:_VERSION]
    counted = {name: values[name] for name in ("tokens_in", "tokens_out") if name in values}
    if counted:
        journal.spend(counted=1, **counted)
    for doubt in raw.doubts:
        journal.doubt(doubt.failure, doubt.sentence, witness=doubt.witness)
