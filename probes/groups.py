"""Several checks that count as one."""

from __future__ import annotations

from probes.checks import Note, Said
from probes.journal import SENTENCE, Journal
from probes.records import rule
from probes.words.failure import Failure, first
from probes.words.text import clean


class Group:
    """Several checks that count as one: `any` of them has to hold, or `all`, or of all so much of their weights.

    Whatever `must` hold is never made up for by others.
    """

    def __init__(
        self,
        journal: Journal,
        kind: str,
        *,
        soft: bool = False,
        threshold: float | None = None,
        weight: float = 1.0,
        must: bool = False,
    ) -> None:
        self._journal = journal
        self.kind = kind
        self.soft = soft
        self.threshold = threshold
        self.weight, self.must = weight, must  # in a group around it
        self.notes: list[Note] = []

    def __enter__(self) -> Group:
        self._journal.begin(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._journal.finish(self, broken=error is not None)

    def note(self) -> Note:
        """The group as one check; its failure is the gravest of its members'."""
        failed = sorted((note for note in self.notes if not note.ok), key=lambda note: not note.must)
        ok = bool(self.notes) and self._holds()
        says = "; ".join(note.says for note in failed[:3]) + (f"; and {len(failed) - 3} more" if failed[3:] else "")
        word, joint = ("one", " or ") if self.kind == "any" else ("each", " and ")
        if self.threshold is not None:
            word = f"{self.threshold * 100:g}%"
            says = f"{self._share() * 100:.0f}%: {says}" if self.notes else ""
        members = joint.join(f"{note.source or 'the value'} {note.expected}" for note in self.notes[:3])
        phrase = clean(f"{word} of: {members}", SENTENCE).replace("{", "{{").replace("}", "}}")
        made = rule(self.kind, f"meets {phrase}", f"meet {phrase}")
        failure = first([note.failure for note in failed]) if failed else Failure.WRONG
        source = next((note.source for note in self.notes if note.source), "the reply")
        note = Note(made, (), ok=ok, got=Said(says or "no checks"), source=source, soft=self.soft, failure=failure)
        note.weight, note.must = self.weight, self.must
        return note

    def _holds(self) -> bool:
        if self.kind == "any":
            return any(note.ok for note in self.notes)
        if self.threshold is None:
            return all(note.ok for note in self.notes)
        return self._share() >= self.threshold - 1e-9 and all(note.ok for note in self.notes if note.must)

    def _share(self) -> float:
        """How much of the weights holds."""
        return sum(note.weight for note in self.notes if note.ok) / sum(note.weight for note in self.notes)
