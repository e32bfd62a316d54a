"""Several checks that count as one."""

from __future__ import annotations

from probes.checks import Note, Said
from probes.journal import SENTENCE, Journal
from probes.records import rule
from probes.words.failure import Failure, first
from probes.words.text import clean


class Group:
    """Several checks that count as one: `any` of them has to hold, or `all`."""

    def __init__(self, journal: Journal, kind: str, *, soft: bool = False) -> None:
        self._journal = journal
        self.kind = kind
        self.soft = soft
        self.notes: list[Note] = []

    def __enter__(self) -> Group:
        self._journal.begin(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._journal.finish(self, broken=error is not None)

    def note(self) -> Note:
        """The group as one check; its failure is the gravest of its members'."""
        held = [note.ok for note in self.notes]
        failed = [note for note in self.notes if not note.ok]
        ok = bool(held) and (any(held) if self.kind == "any" else all(held))
        says = "; ".join(note.says for note in failed[:3]) + (f"; and {len(failed) - 3} more" if failed[3:] else "")
        word, joint = ("one", " or ") if self.kind == "any" else ("each", " and ")
        members = joint.join(f"{note.source or 'the value'} {note.expected}" for note in self.notes[:3])
        phrase = clean(f"{word} of: {members}", SENTENCE).replace("{", "{{").replace("}", "}}")
        made = rule(self.kind, f"meets {phrase}", f"meet {phrase}")
        failure = first([note.failure for note in failed]) if failed else Failure.WRONG
        source = next((note.source for note in self.notes if note.source), "the reply")
        return Note(made, (), ok=ok, got=Said(says or "no checks"), source=source, soft=self.soft, failure=failure)
