"""ShowupError ▸ ConfigError · StoreError ▸ (StoreNewer, StoreLocked, StoreBroken) · DeliveryError · Refused · ProbeBug

An error's docstring is its default message; `hint` says what to do. `Problem` is one line of a config report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probes.words.text import for_log


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in a user's file, with where it is and what to write instead."""

    file: str
    line: int
    column: int
    what: str
    write: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: "
        # what the file says is quoted here, and may hold anything
        return place + for_log(self.what) + (f"; {for_log(self.write)}" if self.write else "")


class ShowupError(Exception):
    """Something went wrong."""

    hint = ""

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").splitlines()[0])
        if hint:
            self.hint = hint


class ConfigError(ShowupError):
    """The configuration has problems; all of them are listed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)))


class StoreError(ShowupError):
    """The store refused or failed."""


class StoreLocked(StoreError):
    """Another showup has this database open."""


class StoreNewer(StoreError):
    """The database was written by a newer showup."""


class StoreBroken(StoreError):
    """The store cannot be written."""


class DeliveryError(ShowupError):
    """A message could not be delivered. `permanent` tells that trying again cannot help; `unknown` that it may have
    arrived."""

    def __init__(
        self, message: str, *, permanent: bool = False, unknown: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.unknown = unknown
        self.retry_after = retry_after


class Refused(ShowupError):
    """The request was understood and is not allowed."""


class ProbeBug(ShowupError):
    """The probe itself is broken. `where` is file:line of the author's code."""

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.where = where
