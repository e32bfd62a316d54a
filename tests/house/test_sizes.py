"""Files and functions stay of a size that one reads in one go, and each file says what it is for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.ground import ROOT, sources

FILE_LINES = 350
FUNCTION_LINES = 60


def _written_by_hand() -> list[Path]:
    """All but migrations, which alembic writes and nobody edits."""
    return [path for path in sources() if path.parts[-3:-1] != ("migrations", "versions")]


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_there_is_something_to_look_at() -> None:
    assert {path.parts[0] for path in sources()} == {"monitor", "probes", "alerts", "templates"}


def test_every_file_says_what_it_is_for() -> None:
    trees = {path: ast.parse((ROOT / path).read_text()) for path in sources()}
    # A file without a statement only marks its folder as a package.
    assert [str(path) for path, tree in trees.items() if tree.body and not ast.get_docstring(tree)] == []


def test_no_file_outgrows_its_purpose() -> None:
    lines = {str(path): len((ROOT / path).read_text().splitlines()) for path in _written_by_hand()}
    assert {path: count for path, count in lines.items() if count >= FILE_LINES} == {}


def test_no_function_outgrows_a_screen() -> None:
    long = []
    for path in _written_by_hand():
        for function in _functions(ast.parse((ROOT / path).read_text())):
            count = (function.end_lineno or function.lineno) - function.lineno + 1
            if count >= FUNCTION_LINES:
                long.append(f"{path}:{function.lineno}: {function.name} has {count} lines")
    assert long == []
