"""Secrets by name, and their removal from everything that is kept or shown."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

REFERENCE = re.compile(r"\$\{secret:([A-Za-z_][A-Za-z0-9_]*)\}")
HIDDEN = "[secret]"
_SHORTEST = 4  # characters; a shorter secret would blank out ordinary words


def names_in(value: Any) -> set[str]:
    """The secret names that a string, list or mapping refers to, at any depth."""
    if isinstance(value, str):
        return set(REFERENCE.findall(value))
    if isinstance(value, Mapping):
        return set().union(*(names_in(part) for pair in value.items() for part in pair)) if value else set()
    if isinstance(value, list | tuple):
        return set().union(*(names_in(part) for part in value)) if value else set()
    return set()


def fill(value: Any, secrets: Mapping[str, str]) -> Any:
    """The same value with every `${secret:NAME}` put in; raises KeyError with the missing name."""
    if isinstance(value, str):
        return REFERENCE.sub(lambda found: secrets[found[1]], value)
    if isinstance(value, Mapping):
        return {fill(key, secrets): fill(part, secrets) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(fill(part, secrets) for part in value)
    return value


@dataclass(frozen=True, slots=True, repr=False)
class Redactor:
    """Removes known secrets, in the shapes in which they travel, from text; printing it shows nothing."""

    pattern: re.Pattern[str] | None

    @classmethod
    def of(cls, secrets: Iterable[str]) -> Redactor:
        """A redactor for these secret values; values under four characters are left alone."""
        shapes: set[str] = set()
        for secret in secrets:
            if len(secret) < _SHORTEST:
                continue
            shapes |= {secret, quote(secret, safe=""), quote_plus(secret)}
            shapes.add(base64.b64encode(secret.encode()).decode().rstrip("="))
            shapes.add(json.dumps(secret)[1:-1])
        ordered = sorted(shapes, key=len, reverse=True)
        return cls(re.compile("|".join(map(re.escape, ordered))) if ordered else None)

    def text(self, text: str) -> str:
        """`text` without any known secret."""
        return self.pattern.sub(HIDDEN, text) if self.pattern else text

    def value(self, value: Any) -> Any:
        """A JSON-like value with each string redacted, keys too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(part) for part in value]
        return value

    def __repr__(self) -> str:
        return "Redactor(…)"


NOTHING = Redactor(None)
