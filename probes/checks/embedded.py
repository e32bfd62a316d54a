"""JSON within text: what a model wraps into a sentence or a fence."""

from __future__ import annotations

import json
import re
from typing import Any

LOOKED_AT = 200_000  # characters
MOST = 40  # places at which a document is tried to begin
_FENCE = re.compile(r"```(?:json|JSON)?[ \t]*\n(.*?)```", re.DOTALL)
_OPENING = re.compile(r"[{\[]")


def documents_in(text: str) -> list[Any]:
    """The JSON objects and lists in `text`: all of it, those in fences, else wherever one begins."""
    text = text[:LOOKED_AT]
    whole = _read(text)
    if isinstance(whole, dict | list):
        return [whole]
    fenced = [_read(part) for part in _FENCE.findall(text)[:MOST]]
    found = [document for document in fenced if isinstance(document, dict | list)]
    return found or _scattered(text)


def _read(text: str) -> Any:
    try:
        return _JSON.decode(text)
    except (ValueError, RecursionError):
        return None


def _scattered(text: str) -> list[Any]:
    found, end = list[Any](), 0
    for tried, opening in enumerate(_OPENING.finditer(text)):
        if tried >= MOST:
            break
        if opening.start() < end:
            continue
        try:
            document, end = _JSON.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            continue
        if document:
            found.append(document)
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is Python's, not JSON's")


_JSON = json.JSONDecoder(parse_constant=_refuse)
