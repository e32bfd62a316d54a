"""A user's own checks on the words of an answer, made outside an attempt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from probes.checks.base import Note
from probes.checks.subject import Subject
from probes.checks.written import Check, plan


class _Heard:
    """Keeps what came of checks."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def note(self, note: Note) -> None:
        self.notes.append(note)


def rules(written: Sequence[Mapping[str, Any]]) -> Callable[[str], list[str]]:
    """A function that says, in words, which of these checks an answer does not hold."""
    plans = [plan(Check.model_validate(dict(one))) for one in written]

    def judge(text: str) -> list[str]:
        heard = _Heard()
        for one in plans:
            for match in one.matches:
                subject = Subject(text, heard, source="the answer")
                looked = subject.not_ if match.negated else subject
                given = [match.args] if match.args is not None else list(match.raw)
                getattr(looked, match.method)(*given)
        return [note.says for note in heard.notes if not note.ok]

    return judge
