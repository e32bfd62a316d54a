"""Go or no-go: what came of several runs of a probe, whoever made them."""

from __future__ import annotations

from dataclasses import dataclass

PASSING = frozenset({"up", "degraded"})


@dataclass(slots=True)
class Tried:
    """What came of a probe's runs in a preflight; `slowest` in µs."""

    probe: str
    passed: int = 0
    made: int = 0
    slowest: int = 0
    why: str = ""
    soft: str = ""

    @property
    def go(self) -> bool:
        """True when every run passed: what nobody could look at is no-go, too."""
        return self.made > 0 and self.passed == self.made

    def count(self, state: str, failure: str, sentence: str, *, took: int) -> None:
        """One more run."""
        self.made += 1
        self.passed += state in PASSING
        self.slowest = max(self.slowest, took)
        said = f"{failure}: {sentence}"
        if state not in PASSING:
            self.why = self.why or said
        elif state == "degraded":
            self.soft = self.soft or said
