"""Which model answered: the one that was asked for, a snapshot of it, or another."""

from __future__ import annotations

import re
from collections.abc import Sequence

_DATED = re.compile(r"[-@:](?:20\d{2}-?\d{2}-?\d{2}|\d{3,4})(?:-v\d+(?::\d+)?)?\Z")
_BEFORE = re.compile(r"(?:[a-z]{2,6}\.)?(?:anthropic|amazon|meta|mistral|cohere|openai)\.")  # as Bedrock names them
_FAMILIES = """gpt chatgpt codex claude gemini gemma llama mistral mixtral ministral codestral magistral qwen qwq
    deepseek phi grok command nova kimi glm granite minimax sonar jamba olmo falcon yi"""
_FAMILY = re.compile(rf"(?:{'|'.join(_FAMILIES.split())})(?![a-z])|o\d")


def base(name: str) -> str:
    """A model's name without its vendor, date and `latest`: gpt-5-mini for openai/gpt-5-mini-2026-01-15."""
    plain = _BEFORE.sub("", name.strip().lower().rpartition("/")[2], count=1)
    plain = plain.removesuffix(":latest").removesuffix("-latest")
    return _DATED.sub("", plain)


def is_same(asked: str, served: str) -> bool:
    """True when `served` is the model asked for or a snapshot of it; one asked for by its date is only itself."""
    if base(asked) != base(served):
        return False
    ours, theirs = asked.strip().lower().rpartition("/")[2], served.strip().lower().rpartition("/")[2]
    pinned, dated = _DATED.search(ours), _DATED.search(theirs)
    return pinned is None or dated is None or pinned[0] == dated[0]


def is_one_of(names: Sequence[str], served: str) -> bool:
    """True when one of these names means the model that answered."""
    return any(is_same(name, served) for name in names)


def is_known(name: str) -> bool:
    """True for a name that looks like a vendor's, not like an alias of a gateway's own."""
    return _FAMILY.match(base(name)) is not None
