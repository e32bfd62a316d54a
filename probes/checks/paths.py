"""JSONPath (RFC 9535) with the answer `absent` as a value: what is not there is a failed check, never an exception."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from probes.checks.absent import Absent
from probes.checks.patterns import bounded

__all__ = ["Absent", "compile_path"]

# `$`, then names and whole numbers: what nearly all paths are, walked in a microsecond without the library.
_PLAIN = re.compile(r"\$(?:\.[A-Za-z_][A-Za-z0-9_]*|\[(?:0|[1-9][0-9]{0,8})\])*\Z")
_PIECE = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[([0-9]+)\]")
LONGEST = 1_000  # characters of a path


@lru_cache(maxsize=1024)
def compile_path(path: str) -> Callable[[Any], Any]:
    """A function from a document to what stands at `path`; raises ValueError when it is no JSONPath.

    A path that can match one place gives its value or Absent; one that can match several gives a list, which may be
    empty.
    """
    if len(path) > LONGEST:
        raise ValueError(f"a JSONPath has at most {LONGEST} characters")
    if not path.startswith("$"):
        raise ValueError(f"not a JSONPath: it does not begin with $; write $.{path or 'name'}")
    if _PLAIN.match(path):
        keys = tuple(name or int(index) for name, index in _PIECE.findall(path))
        return lambda document: _walk(document, keys, path)
    return _library_path(path)


def _walk(document: Any, keys: tuple[str | int, ...], path: str) -> Any:
    found = document
    for key in keys:
        if isinstance(key, str):
            if not isinstance(found, dict) or key not in found:
                return Absent(path)
        elif not isinstance(found, list) or key >= len(found):
            return Absent(path)
        found = found[key]
    return found


def _library_path(path: str) -> Callable[[Any], Any]:
    import jsonpath

    try:
        query = jsonpath.JSONPathEnvironment(strict=True).compile(path)
    except (jsonpath.JSONPathError, RecursionError) as error:
        said = (str(error).splitlines() or ["it cannot be read"])[0]
        raise ValueError(f"not a JSONPath: {said}; write $.name, $.list[0] or $.list[*].name") from None
    if not isinstance(query, jsonpath.JSONPath):
        raise ValueError("one JSONPath at a time; write a check for each")
    plan, single = query, query.singular_query()

    def look(document: Any) -> Any:
        if not isinstance(document, dict | list):
            return Absent(path) if single else []
        try:  # match() and search() of a filter are patterns too, and no pattern may hang
            found = bounded(lambda _: plan.findall(document), what=f"the path {path}")
        except (jsonpath.JSONPathError, RecursionError, TypeError):
            return Absent(path, "a document this path cannot be looked up in")
        if not single:
            return found
        return found[0] if found else Absent(path)

    return look
