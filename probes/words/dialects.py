"""The wire formats in which models are talked to, by name: what a configuration may say, and where each usually is."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

DialectName: TypeAlias = Literal["openai", "openai-responses", "anthropic", "ollama"]
DIALECT_NAMES: tuple[str, ...] = get_args(DialectName)
ADDRESSES: Mapping[str, str] = MappingProxyType(
    {
        "openai": "https://api.openai.com/v1",
        "openai-responses": "https://api.openai.com/v1",
        "anthropic": "https://api.anthropic.com/v1",
        "ollama": "http://localhost:11434",
    }
)
"""Where a provider of each is when nothing else is said."""
