"""What a script is handed besides values: calls that want to be awaited, steps that want to be entered."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Generator
from pathlib import PurePath
from typing import Any, Generic, NoReturn, TypeVar

from probes.journal import Journal
from probes.words.errors import ProbeBug

T_co = TypeVar("T_co", covariant=True)
Place = tuple[str, int]


def place(depth: int = 2) -> Place:
    """File and line of the author's code, `depth` calls up."""
    frame = sys._getframe(depth)
    return frame.f_code.co_filename, frame.f_lineno


def say_place(where: Place) -> str:
    """`journeys/books.py:12`: the file with its folder, and the line."""
    return f"{'/'.join(PurePath(where[0]).parts[-2:])}:{where[1]}"


class Call(Generic[T_co]):
    """A request or a question on its way: it starts when it is awaited."""

    __slots__ = ("name", "place", "start", "used")

    def __init__(self, name: str, where: Place, start: Callable[[], Coroutine[Any, Any, T_co]]) -> None:
        self.name = name
        self.place = where
        self.used = False
        self.start = start

    def __await__(self) -> Generator[Any, None, T_co]:
        self.used = True
        return self.start().__await__()

    def complaint(self) -> str:
        """What to say when it never started."""
        return f"{self.name}(…) at {say_place(self.place)} was never awaited; write await {self.name}(…)"

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        self.used = True  # the complaint that is raised here is the better one
        raise ProbeBug(
            f"{self.name}(…) has no answer yet, so no .{name}",
            where=say_place(self.place),
            hint=f"write (await {self.name}(…)).{name}",
        )


class StepScope:
    """A step that wants to be entered: `async with ctx.step("ask"):`."""

    __slots__ = ("_budget", "_hard", "_journal", "_name", "place", "used")

    def __init__(self, journal: Journal, name: str, *, budget: float | None, hard: bool, where: Place) -> None:
        self._journal = journal
        self._name = name
        self._budget = budget
        self._hard = hard
        self.place = where
        self.used = False

    async def __aenter__(self) -> StepScope:
        self.used = True
        if (outer := self._journal.within) is not None:
            raise ProbeBug(
                f"step {self._name!r} begins within step {outer!r}",
                where=say_place(self.place),
                hint="let one step end before the next begins",
            )
        self._journal.enter(self._name, budget=self._budget, hard=self._hard)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._journal.leave(broken=error is not None)

    def __enter__(self) -> NoReturn:
        self.used = True
        raise ProbeBug(
            f"step {self._name!r} is entered without async",
            where=say_place(self.place),
            hint=f'write async with ctx.step("{self._name}"):',
        )

    def __exit__(self, *_: object) -> None:
        """Never reached; here so that the mistake is explained rather than raised by Python."""

    def complaint(self) -> str:
        """What to say when it never began."""
        return f'ctx.step("{self._name}") at {say_place(self.place)} was never entered; write async with ctx.step(…):'
