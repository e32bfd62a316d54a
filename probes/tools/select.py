"""Values out of a JSON reply by JSONPath (RFC 9535)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from probes.tools import Missing

_PLAIN = re.compile(r"\$(?:\.[A-Za-z_][A-Za-z0-9_]*|\[(?:0|[1-9][0-9]{0,8})\])*\Z")
_PART = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[([0-9]+)\]")


def select(document: Any, path: str) -> Any:
    """The value at `path`, or Missing. A path that can name several values (`..`, `*`, slices, filters) gives a list of them.

    Raises ValueError when `path` is no JSONPath.
    """
    return compiled(path)(document)


@lru_cache(maxsize=1024)
def compiled(path: str) -> Callable[[Any], Any]:
    """The function that finds `path` in a document; raises ValueError with what is wrong with the path."""
    if _PLAIN.match(path):
        steps = tuple(name or int(index) for name, index in _PART.findall(path))
        return lambda document: _walk(document, steps)
    from jsonpath import JSONPathEnvironment
    from jsonpath.exceptions import JSONPathError

    try:
        query = JSONPathEnvironment(strict=True).compile(path)
    except (JSONPathError, RecursionError) as error:
        said = str(error).splitlines()[0] if str(error) else "it cannot be read"
        raise ValueError(f"{path!r} is not a JSONPath: {said}") from None
    single = query.singular_query() if hasattr(query, "singular_query") else False

    def find(document: Any) -> Any:
        try:
            found = query.findall(document)
        except (JSONPathError, RecursionError, TypeError):
            return Missing
        return (found[0] if found else Missing) if single else found

    return find


def _walk(document: Any, steps: tuple[str | int, ...]) -> Any:
    for step in steps:
        if isinstance(step, str):
            if not isinstance(document, dict) or step not in document:
                return Missing
        elif not isinstance(document, list) or step >= len(document):
            return Missing
        document = document[step]
    return document


def read_json(body: bytes) -> Any:
    """The document in `body`, or Missing when it is not JSON (or nested beyond reason)."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return Missing
