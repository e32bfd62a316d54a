"""The face of an attempt for probes that look at what a workflow depends on: `ctx.partner`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from probes.checks import Note, Rule, Said
from probes.records import Stop, rule
from probes.tools import Trouble
from probes.tools.notices import Notice, notice_in
from probes.words.failure import Failure
from probes.words.text import clean

if TYPE_CHECKING:
    from probes.bench import Bench
    from probes.journal import Journal
    from probes.replies import HttpReply
    from probes.tools.certificate import Look
    from probes.tools.dns import Records

MOST_NOTICES = 10  # of one attempt


class PartnerFace:
    """Verdicts in words of a kind's own, what is learned on the way, what is remembered from run to run."""

    __slots__ = ("_bench", "_journal", "_name", "memory")

    def __init__(self, journal: Journal, bench: Bench, memory: Mapping[str, Any], name: str = "") -> None:
        self._journal, self._bench, self._name = journal, bench, name
        self.memory = memory  # what the attempt before left

    @property
    def url(self) -> str:
        """The address of the workflow."""
        return self._bench.target.url

    @property
    def name(self) -> str:
        """Whose system it is, as the probe says, else its host."""
        return self._name or self._bench.target.host

    def holds(self, name: str, holds: str, *, source: str = "") -> None:
        """Note something that is as it should be: `source holds`."""
        self._journal.note(Note(_rule(name, holds), (), ok=True, source=source))

    def fails(
        self, name: str, failure: Failure, said: str, *, holds: str, source: str = "", soft: bool = False
    ) -> None:
        """Note something that is not as it should be: `said` is the whole sentence."""
        self._journal.note(
            Told(_rule(name, holds), (), ok=False, got=Said(said), source=source, soft=soft, failure=failure)
        )

    def bug(self, said: str) -> None:
        """What is wrong with the probe itself."""
        self._journal.bugs.append(said)

    def unscored(self, said: str) -> None:
        """Nothing can be said either way."""
        self._journal.fail(Failure.UNSCORED, said)

    def note(self, text: str) -> None:
        """Keep a line with the evidence."""
        self._journal.texts.append(text[:4_000])

    def learn(self, name: str, found: Mapping[str, Any]) -> None:
        """Something for the keeper to know, beside what was learned under this name already."""
        self._journal.learned.setdefault(name, {}).update(found)

    def recall(self, name: str) -> Any:
        """What this attempt, or else the one before, left under a name; None for nothing."""
        return self._journal.learned.get("memory", self.memory).get(name)

    def remember(self, **left: Any) -> None:
        """Leave something for the attempt after this one; the rest of what was remembered stays."""
        self._journal.learned["memory"] = {**self._journal.learned.get("memory", self.memory), **left}

    def version(self, name: str, text: str) -> None:
        """What it is now: a change of it stands on the timeline."""
        self._journal.versions[name] = clean(text, 200)

    def detail(self, *, witness: str = "", retry_after: float | None = None) -> None:
        """What else belongs to the newest failure: what was seen beside it, and how long it asks to wait."""
        if self._journal.findings:
            newest = self._journal.findings[-1]
            self._journal.findings[-1] = replace(newest, witness=witness, retry_after=retry_after)

    def measure(self, **numbers: float) -> None:
        """Keep measured numbers."""
        self._journal.measured(numbers)

    def hops(self) -> list[str]:
        """The redirects of this step so far, as `301 host`."""
        exchanges = self._journal.step.exchanges
        hops = [one for one in exchanges if one.status in (301, 302, 303, 307, 308)]
        return [f"{one.status} {urlsplit(one.url).hostname or ''}" for one in hops]

    def notice(self, reply: HttpReply, called: str) -> Notice:
        """What an answer announces of its interface's end; it is learned, and forgotten when it is taken back."""
        found = notice_in(reply.headers)
        known = self.recall("notices")
        known = known if isinstance(known, list) else []
        learned = self._journal.learned.get("notices", {})
        if (found.sunset or called in known) and len(learned) < MOST_NOTICES:
            self.learn("notices", {called: found.sunset})
            there = {*known, called} if found.sunset else {*known} - {called}
            self.remember(notices=sorted(there)[:MOST_NOTICES])
        return found

    async def look(self, host: str, port: int) -> list[Look]:
        """A TLS handshake with every address of a host; a name that leads nowhere ends the run."""
        from probes.tools.certificate import look

        try:
            return await look(self._bench.target, self._bench.http.resolver, host, port)
        except Trouble as trouble:
            raise self._stopped(trouble) from None

    async def records(self, name: str, kind: str, server: str) -> Records:
        """What a name server says of a name; "" is this machine's own way to look names up. No answer ends the run."""
        from probes.tools.dns import look_up

        try:
            return await look_up(self._bench.target, self._bench.http.resolver, name, kind, server)
        except Trouble as trouble:
            raise self._stopped(trouble) from None

    async def reach(self, host: str, address: str, port: int) -> Trouble | None:
        """None when an address takes a connection."""
        from probes.tools.certificate import reach

        return await reach(self._bench.target, host, address, port)

    def _stopped(self, trouble: Trouble) -> Stop:
        self._journal.fail(trouble.failure, trouble.sentence, phase=trouble.phase, witness=trouble.witness)
        return Stop()


def _rule(name: str, holds: str) -> Rule:
    """A rule whose words stand as they are: what a target says may hold braces."""
    plain = clean(holds, 300).replace("{", "{{").replace("}", "}}")
    return rule(name, plain, plain)


class Told(Note):
    """A check whose failure is a sentence of its own."""

    __slots__ = ()

    @property
    def says(self) -> str:
        """The sentence."""
        return f"{self.source} {self.expected}" if self.ok else self.actual
