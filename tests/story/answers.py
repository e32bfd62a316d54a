"""A watch over a golden set: the story says in which way each case comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from monitor.config.catalog import Catalog
from monitor.config.load import load_text
from probes.frames import Reply, Request
from tests.story.watch import SAYS, SECRETS, Watch

GOLDEN = "intake/production/knows"
CASES = [f"case {number:02}" for number in range(60)]
CONFIG = """
site: {title: Example, url: "https://status.example.com", timezone: UTC}
monitor: {policy: owner}
people:
  ana: {name: Ana, phone: ["ntfy:${secret:ANA}"]}
  bo: {name: Bo, phone: ["ntfy:${secret:BO}"]}
  cy: {name: Cy, phone: ["ntfy:${secret:CY}"]}
policies:
  wake-us: {levels: [{at: 0m, notify: [ana]}], fallback: bo, warnings: [console]}
  owner: {levels: [{at: 0m, notify: [cy]}], fallback: cy, warnings: [console]}
workflows:
  intake:
    title: Intake agent
    url: "https://intake.example.com"
    policy: wake-us
    chat: {post: /chat, send: {message: "${ask}"}, reply: $.reply}
    probes:
      knows:
        every: 5m
        labels: [book, cancel]
KEYS
        cases:
LINES
"""


def configured(keys: str = "", cases: list[str] = CASES) -> Catalog:
    """The catalog with a golden set of these cases, and further keys of the probe."""
    lines = "\n".join(f"          - {{name: {name}, ask: q, expect: book}}" for name in cases)
    more = "\n".join(f"        {line}" for line in keys.splitlines())
    return load_text(CONFIG.replace("KEYS", more).replace("LINES", lines), secrets=SECRETS)


class Answers(Watch):
    """`world` says what a run meets, as in any watch; where it says `.`, `answer(case, at)` says how a case comes out:
    right, wrong or unscored."""

    answer: Callable[[str, int], str] = staticmethod(lambda case, at: "right")

    async def attempt(self, request: Request, *, job: Mapping[str, Any], script: bool) -> Reply:
        probe = f"{job['workflow']}/{job['environment']}/{job['probe']}"
        self.asked.append((probe, request))
        state, failure, sentence, witness = SAYS[self.world(probe, self.clock.now())]
        scores = tuple(self._score(name) for name in request.cases) if failure in (None, "slow") else ()
        spent = {"requests": float(len(request.cases)), "asks": float(len(request.cases))}
        return Reply(
            request.number, state, failure, sentence, witness=witness, took=20_000, scores=scores, spent=spent
        )

    def _score(self, name: str) -> dict[str, Any]:
        verdict = self.answer(name, self.clock.now())
        return {"case": name, "verdict": verdict, "expected": "book", "got": "book" if verdict == "right" else "cancel"}

    @property
    def knows(self) -> Any:
        """The golden probe as the engine follows it."""
        return self.engine.tracks[GOLDEN]
