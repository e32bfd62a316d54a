"""What was appended and is not yet committed: bounded, in order, and given back when a commit fails."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from monitor.store.rows import Rows

MOST_ROWS = 200_000  # about 60 MB; ten minutes of 333 runs a second
MOST_EVIDENCE = 500  # records; at 64 KB each they are the first thing given up


class Backlog:
    """A queue of appends. When it is over its bounds, the oldest evidence goes first, then the oldest appends; both
    are counted."""

    def __init__(self, *, rows: int = MOST_ROWS, evidence: int = MOST_EVIDENCE) -> None:
        self._appends: deque[Rows] = deque()
        self._most_rows = rows
        self._most_evidence = evidence
        self.rows = 0
        self.evidence = 0
        self.dropped = 0

    def __len__(self) -> int:
        """How many appends wait."""
        return len(self._appends)

    def add(self, rows: Rows) -> None:
        """Put rows at the end."""
        self._appends.append(rows)
        self._count(rows, 1)
        self._trim()

    def take(self, most: int) -> list[Rows]:
        """Up to `most` appends, oldest first; they wait no longer."""
        taken = [self._appends.popleft() for _ in range(min(most, len(self._appends)))]
        for rows in taken:
            self._count(rows, -1)
        return taken

    def put_back(self, appends: Iterable[Rows]) -> None:
        """Return what was taken and could not be committed, before all that came since."""
        for rows in reversed(list(appends)):
            self._appends.appendleft(rows)
            self._count(rows, 1)
        self._trim()

    def _count(self, rows: Rows, sign: int) -> None:
        self.rows += sign * len(rows)
        self.evidence += sign * len(rows.evidence)

    def _trim(self) -> None:
        if self.evidence > self._most_evidence:
            self._strip()
        while self.rows > self._most_rows:
            oldest = self._appends.popleft()
            self._count(oldest, -1)
            self.dropped += len(oldest)

    def _strip(self) -> None:
        """Give up the evidence of the oldest appends, a quarter more than needed so that this is rare."""
        spare = self.evidence - self._most_evidence * 3 // 4
        for place, rows in enumerate(self._appends):
            if spare <= 0:
                return
            if rows.evidence:
                spare -= len(rows.evidence)
                self.dropped += len(rows.evidence)
                self._count(rows, -1)
                kept = replace(rows, evidence=())
                self._appends[place] = kept
                self._count(kept, 1)
