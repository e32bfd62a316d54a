"""A look that need not be the last: what it found wrong is taken back when there is time for another."""

from __future__ import annotations

from probes.journal import Journal
from probes.records import Finding
from probes.words.failure import FACTS

_FIRST, _LAST = 3, 6  # requests of a wait that are kept as evidence


class Trial:
    """What one look adds to the journal; made before it, asked after it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._step = step = journal.step
        self._findings, self._notes, self._silent = len(journal.findings), len(step.notes), len(step.silent)
        self._opened = len(journal.open)
        self._broken, self._stopped = step.broken, journal.stopped
        self._checked = journal.checked

    def wrong(self) -> Finding | None:
        """What keeps it from having been the last: a failure, a check that did not hold, a status of 400 and more."""
        journal, step = self._journal, self._step
        for reply in step.silent[self._silent :]:
            if not reply.status_seen:
                cause = reply.cause()
                return Finding(cause.failure, f"{reply.called} {cause.sentence}", step.name)
        hard = [found for found in journal.findings[self._findings :] if not found.soft]
        return next((found for found in hard if FACTS[found.failure].state != "degraded"), None)

    @property
    def broke(self) -> bool:
        """True when it ended in a failure that no check found."""
        return self._step.broken and not self._broken

    def take_back(self) -> None:
        """Forget what it found."""
        journal, step = self._journal, self._step
        del journal.findings[self._findings :], step.notes[self._notes :]
        self._calm()
        journal.checked = self._checked

    def keep_as_evidence(self) -> None:
        """Keep its checks as they came out; what they mean is said by whoever ends the wait."""
        del self._journal.findings[self._findings :]
        self._calm()

    def _calm(self) -> None:
        journal, step = self._journal, self._step
        del step.silent[self._silent :]
        step.broken, journal.stopped = self._broken, self._stopped
        journal.open[self._opened :] = [thing for thing in journal.open[self._opened :] if not thing.used]

    def thin(self, since: int) -> None:
        """Of the requests since the wait began only the first and the last stay."""
        made = self._step.exchanges
        if len(made) - since > _FIRST + _LAST:
            del made[since + _FIRST : len(made) - _LAST]

    @property
    def requests(self) -> int:
        """How many requests its step has seen."""
        return len(self._step.exchanges)
