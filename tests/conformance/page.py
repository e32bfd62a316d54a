"""docs/failures.md: what `make conformance` saw, section by section."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

from bench.figure import Figure

PAGE = Path(__file__).parents[2] / "docs" / "failures.md"
HEAD = """\
# Every fault, in every dialect

What showup calls each thing that can go wrong between it and a model, whom it blames, and how long it takes to tell.
Each row was broken on purpose in the [kit](kit.md), watched by an ordinary probe in a real probe host, and weighed
beside what the provider's canary saw. `make conformance` does it again, and `python -m tests.conformance --write`
makes this page.
"""
# Modules with `figures(page)`: what each measures, and the section it adds to the page.
SOURCES = ("tests.conformance.faults", "tests.conformance.hostile_figures", "tests.conformance.statistics")


class Page:
    """The page while it is made."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._elsewhere: list[tuple[Path, str, str]] = []

    def add(self, title: str, text: str) -> None:
        """Add a section."""
        self._parts.append(f"## {title}\n\n{text.strip()}\n")

    def put(self, path: Path, mark: str, text: str) -> None:
        """Put a text on another page as well, between its marks."""
        self._elsewhere.append((path, mark, text))

    def write(self, path: Path = PAGE) -> None:
        """Write it whole, and what stands elsewhere."""
        path.write_text("\n".join([HEAD, *self._parts]))
        self.write_elsewhere()

    def write_elsewhere(self) -> None:
        """Write what stands on other pages alone."""
        for other, mark, text in self._elsewhere:
            head, begin, rest = other.read_text().partition(f"<!-- {mark} -->\n")
            _, end, tail = rest.partition("<!-- end -->")
            other.write_text(f"{head}{begin}{text.strip()}\n{end}{tail}")


Source = Callable[[Page], Iterator[Figure]]


def source(name: str) -> Source:
    """What a module of SOURCES measures."""
    found: Source = import_module(name).figures
    return found


def cell(text: str) -> str:
    """Text in a cell of a table: nothing in it ends the cell or is markup."""
    for letter in "\\|<>`*_[]":
        text = text.replace(letter, "\\" + letter)
    return text


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A table; cells are markup already."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def seconds(value: float) -> str:
    """A time in a table: what took no time at all is no better than what took a tenth of a second."""
    return f"{value:.1f} s" if value >= 0.1 else "< 0.1 s"
