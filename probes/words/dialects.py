"""The wire formats in which models are talked to, by name: what a configuration may say, and where each usually is."""

from __future__ import annotations

import re
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
HEADERS: Mapping[str, Mapping[str, str]] = MappingProxyType({"anthropic": {"anthropic-version": "2023-06-01"}})
"""What every request to a provider of each has to say."""
_VERSIONED = re.compile(r"/v\d+\Z")


def below_version(url: str, path: str) -> str:
    """A path as it continues an address, which may name the version already: `/models`, or `/v1/models`."""
    return path if _VERSIONED.search(url) else f"/v1{path}"


def models_path(dialect: str, url: str) -> str:
    """Where a provider lists its models, which costs no tokens and takes the same key."""
    return "/api/tags" if dialect == "ollama" else below_version(url, "/models")
