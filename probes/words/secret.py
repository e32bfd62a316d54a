"""Secrets by name, and their removal from everything that is kept or shown."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

REFERENCE = re.compile(r"\$\{secret:([A-Za-z_][A-Za-z0-9_]*)\}")
HIDDEN = "[secret]"
_SHORTEST = 4  # characters; a shorter secret would blank out ordinary words

# What is a secret by its looks, though nobody told us of it: a target in trouble shows its own keys, in an error page
# or a dump of its environment. The shapes are those that their providers document and that scanners look for. Each is
# tried only where its mark stands in the text, and begins with letters that are looked for at once: what may not stand
# before them is asked behind them. None takes longer than in proportion to the text. What a group holds stays, and a
# document remains one.
_NAMED = r"(?:['\"]\s?(?:=>|:)\s?['\"]|\s?(?:=>|[=:])\s?['\"]?)"
_VALUE = r"(?!:)(?=[^\s'\"\d]{0,30}\d)[^\s'\"\\,;<>{}\[\]]{12,500}"
_SHAPES = tuple(
    (mark, re.compile(shape))
    for mark, shape in (
        ("sk-", r"sk-(?<![\w-]sk-)(?=[A-Za-z_-]{0,60}\d)[A-Za-z0-9_-]{20,300}"),  # OpenAI, Anthropic, LiteLLM
        ("AKIA", r"AKIA(?<![\w-]....)[A-Z0-9]{16}(?!\w)"),  # AWS
        ("ASIA", r"ASIA(?<![\w-]....)[A-Z0-9]{16}(?!\w)"),
        ("gh", r"gh[oprsu]_(?<![\w-]....)[A-Za-z0-9]{30,255}"),  # GitHub
        ("github_pat_", r"github_pat_[A-Za-z0-9_]{30,255}"),
        ("glpat-", r"glpat-[A-Za-z0-9_-]{20,255}"),  # GitLab
        ("xox", r"xox[a-z]-(?<![\w-].....)[A-Za-z0-9-]{10,300}"),  # Slack
        ("xapp-", r"xapp-[A-Za-z0-9-]{20,300}"),
        ("AIza", r"AIza(?<![\w-]....)[A-Za-z0-9_-]{35}"),  # Google
        ("k_live_", r"[sr]k_live_(?<![\w-]........)[A-Za-z0-9]{16,255}"),  # Stripe
        ("k_test_", r"[sr]k_test_(?<![\w-]........)[A-Za-z0-9]{16,255}"),
        ("whsec_", r"whsec_[A-Za-z0-9+/=]{24,255}"),
        ("hf_", r"hf_(?<![\w-]...)[A-Za-z0-9]{30,255}"),  # Hugging Face
        ("SG.", r"SG\.(?<![\w-]...)[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}"),  # SendGrid
        ("eyJ", r"eyJ(?<![\w-]...)[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,2000}"),  # JWT
        ("PRIVATE KEY", r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:\\[nr]|[^-'\"\\]){0,8000}"),
        ("@", r"(://[^\s/:@'\"<>]{0,64}:)[^\s/@'\"<>]{3,200}(?=@)"),  # the password in an address
        ("earer ", r"([Bb]earer )(?=[A-Za-z._~+/=-]{0,200}\d)[A-Za-z0-9._~+/=-]{16,4000}"),
        # NAME=value of an environment; with a digit in it, as "OPENAI_API_KEY: environment variable not set" is none
        *((name, f"({name}{_NAMED}){_VALUE}") for name in ("_KEY", "SECRET", "_TOKEN", "PASSWORD")),
    )
)


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
    """Removes secrets from text: those it knows, in the shapes in which they travel, and what looks like one.

    Printing it shows nothing.
    """

    known: re.Pattern[str] | None = None

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
        """`text` without any secret."""
        for pattern in self._patterns(text):
            text = pattern.sub(_hidden, text)
        return text

    def start(self, text: str, enough: int) -> str:
        """At least the first `enough` characters without any secret, looking no further than needed."""
        for pattern in self._patterns(text):
            text = _start(pattern, text, enough)
        return text

    def value(self, value: Any) -> Any:
        """A JSON-like value with each string redacted, keys too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(part) for part in value]
        return value

    def _patterns(self, text: str) -> Iterator[re.Pattern[str]]:
        """Those that may be found in it."""
        if self.known is not None:
            yield self.known
        yield from (shape for mark, shape in _SHAPES if mark in text)

    def __repr__(self) -> str:
        return "Redactor(…)"


def _hidden(found: re.Match[str]) -> str:
    return f"{found[1]}{HIDDEN}" if found.re.groups else HIDDEN


def _start(pattern: re.Pattern[str], text: str, enough: int) -> str:
    parts: list[str] = []
    size = last = 0
    for found in pattern.finditer(text):
        parts += [text[last : found.start()], hidden := _hidden(found)]
        size += found.start() - last + len(hidden)
        last = found.end()
        if size >= enough:
            return "".join(parts)
    return "".join(parts) + text[last:]


NOTHING = Redactor()
