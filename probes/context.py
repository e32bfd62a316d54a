"""What a probe is handed: a thin face over the journal and the tools. It holds no logic of its own."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn, ParamSpec, Unpack
from urllib.parse import quote

from probes.bench import Bench, Length, Wait, timeouts
from probes.calls import Call, Place, StepScope, place, say_place
from probes.cases import Case, conclude
from probes.checks import Absent, Subject
from probes.checks.number import amount
from probes.checks.say import plain, say
from probes.dates import day_of, shift_date, shift_time
from probes.faces import Asking, Conversation, HttpFace, Message
from probes.foreseen import note_life, note_limits
from probes.groups import Group
from probes.hearing import write_down
from probes.journal import Journal
from probes.judging import Judging
from probes.partner import PartnerFace
from probes.records import Stop
from probes.replies import ChatReply, HttpReply, Sighting
from probes.tools import Timeouts, Trouble
from probes.waits import Waits
from probes.words.clock import moment
from probes.words.errors import ProbeBug
from probes.words.failure import Failure

P = ParamSpec("P")


class Context(Waits, Judging):
    """One attempt, as its author sees it."""

    def __init__(
        self,
        journal: Journal,
        bench: Bench,
        *,
        run_id: str,
        attempt: int = 1,
        at: int = 0,
        zone: str = "",
        secrets: Mapping[str, str] | None = None,
        cases: Sequence[str] = (),
        memory: Mapping[str, Any] | None = None,
        partner: str = "",
    ) -> None:
        self._journal = journal
        self._bench = bench
        self._at = self.at = at  # µs since the epoch
        self._zone = zone
        self._secrets = secrets or {}
        self.cases = tuple(cases)
        self.run_id = run_id
        self.attempt = attempt
        self.http = HttpFace(self)
        self.chat = Conversation(self)
        self.partner = PartnerFace(journal, bench, memory or {}, partner)
        self.hidden: list[str] = []  # captured secrets, for the redactor
        self.undo: list[tuple[str, Callable[[], Any]]] = []

    # what it knows

    @property
    def captured(self) -> Mapping[str, Any]:
        """Captured values by name; asking for one that is not there raises."""
        return self._journal.captured

    @property
    def uuid(self) -> str:
        """A random-looking id, the same throughout one attempt and different in every other."""
        digest = hashlib.blake2b(f"{self.run_id}/{self.attempt}".encode(), digest_size=16).digest()
        return str(uuid.UUID(bytes=digest, version=4))

    def date(self, offset: str = "", *, form: str = "") -> str:
        """Today, or `+30d`, `-1w`, `+5wd` (weekdays) from it, as 2026-12-23 or by a strftime `form`."""
        try:
            day = shift_date(day_of(moment(self._at), self._zone), offset)
        except ValueError as error:
            raise ProbeBug(str(error), where=say_place(place())) from None
        return day.strftime(form) if form else day.isoformat()

    def now(self, offset: str = "") -> str:
        """The attempt's start, or `+1h` from it, in UTC: 2026-11-23T09:00:00Z."""
        try:
            at = shift_time(moment(self._at), offset)
        except ValueError as error:
            raise ProbeBug(str(error), where=say_place(place())) from None
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")

    def secret(self, name: str) -> str:
        """The secret of that name; it is kept out of everything that is shown."""
        if name not in self._secrets:
            hint = f'declare it: @probe(…, secrets=["{name}"]), and set it as credential, environment or in .env'
            raise ProbeBug(f"the secret {name} was not handed over", where=say_place(place()), hint=hint)
        return self._secrets[name]

    def path(self, form: str, *values: object) -> str:
        """A path with values put in for each `{}`, percent-encoded: `ctx.path("/bookings/{}", booking)`."""
        if form.count("{}") != len(values):
            hint = 'write ctx.path("/bookings/{}", booking)'
            raise ProbeBug("as many values as there are {} in the path", where=say_place(place()), hint=hint)
        return form.format(*map(self.encode, values))

    # what it does

    def ask(self, text: str, *, timeout: Wait = None, **how: Unpack[Asking]) -> Call[ChatReply]:
        """Ask the workflow's agent one question; the answer is a ChatReply. `tools` are what a model may call, and
        `tool_results` what they answer; a `schema` is the form its answer has to have.
        """
        return self.converse("ctx.ask", [{"role": "user", "content": text}], timeout, place(), how)

    def step(self, name: str, *, budget: Length | None = None, hard: bool = False) -> StepScope:
        """A named part of the run: `async with ctx.step("ask", budget="4s"):`. Over its budget it is slow;
        `hard`, a timeout.
        """
        where = place()
        try:
            limit = float(amount(budget)) if budget is not None else None
        except ValueError as error:
            raise ProbeBug(f"budget: {error}", where=say_place(where)) from None
        scope = StepScope(self._journal, name, budget=limit, hard=hard, where=where)
        self._journal.open.append(scope)
        return scope

    def case(self, name: str, data: Mapping[str, Any], *, budget: float | None = None) -> Case:
        """A case of a golden set: `async with ctx.case("cancel", {...}) as case:`. What fails in it fails the case."""
        return Case(self._journal, name, data, budget=budget)

    def conclude(self, cases: Sequence[Case]) -> None:
        """End a golden set: without a single answer the run fails by what its cases failed by, without a single score
        it says nothing."""
        conclude(self._journal, cases)

    def check(
        self, value: Any, *, soft: bool = False, source: str = "", weight: float = 1.0, must: bool = False
    ) -> Subject:
        """A value to be checked, by matchers that follow. `soft` only degrades; `weight` and `must` are for groups."""
        where = place()
        if isinstance(value, Call):
            value.used = True
            hint = f"write ctx.check(await {value.name}(…))"
            raise ProbeBug(f"{value.name}(…) is checked before it was awaited", where=say_place(where), hint=hint)
        journal = self._journal
        if isinstance(value, HttpReply | ChatReply | Sighting):
            called = value.called if isinstance(value, Sighting) else value.part
            subject = Subject(value.words, journal, source=source or called, unit="reply", soft=soft, place=where)
            subject.reply = value
        elif isinstance(value, Absent):
            subject = Subject(value, journal, source=source or value.what, soft=soft, place=where)
        else:
            subject = self._plain(value, soft, source, where)
        subject.weight, subject.must = weight, must
        journal.open.append(subject)
        return subject

    def _plain(self, value: Any, soft: bool, source: str, where: Place) -> Subject:
        found, unit, reply = self._journal.origin(value)
        subject = Subject(value, self._journal, source=source or found, unit=unit, soft=soft, place=where)
        if unit in ("reply", "status"):
            subject.reply = reply
        return subject

    def any(self, *, soft: bool = False, weight: float = 1.0, must: bool = False) -> Group:
        """Checks of which one has to hold: `with ctx.any(): …`."""
        return Group(self._journal, "any", soft=soft, weight=weight, must=must)

    def all(
        self, *, soft: bool = False, threshold: float | None = None, weight: float = 1.0, must: bool = False
    ) -> Group:
        """Checks that count as one: all have to hold, or with `threshold=0.8` so much of their weights."""
        if threshold is not None and not 0 < threshold <= 1:
            raise ProbeBug(f"{threshold} is no share", where=say_place(place()), hint="write threshold=0.8")
        return Group(self._journal, "all", soft=soft, threshold=threshold, weight=weight, must=must)

    def capture(self, name: str, value: Any, *, secret: bool = False) -> Any:
        """Keep a value under a name, for evidence and for later; absent, it is a failed check. `secret` keeps
        it out of sight.
        """
        if secret and isinstance(value, str):
            self.hidden.append(value)
        self._journal.capture(name, value)
        return value

    def cleanup(self, act: Callable[P, Awaitable[Any] | Any], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Register what puts things back: it runs at the end whatever happened, last in, first out."""
        if isinstance(act, Call):
            act.used = True
            hint = f'write ctx.cleanup({act.name}, "/path") without calling it'
            raise ProbeBug("a clean-up is a function that is called later", where=say_place(place()), hint=hint)
        if not callable(act):
            hint = 'write ctx.cleanup(ctx.http.delete, "/path")'
            raise ProbeBug("a clean-up is a function that is called later", where=say_place(place()), hint=hint)
        name = getattr(act, "__name__", type(act).__name__)
        self.undo.append(
            (f"{name} {args[0]}" if args and isinstance(args[0], str) else name, partial(act, *args, **kwargs))
        )

    def encode(self, value: Any, called: str = "") -> str:
        """A value percent-encoded for an address. One that would lead somewhere else ends the run."""
        text = value if isinstance(value, str) else plain(value)
        if value is None or isinstance(value, dict | list) or text.strip() in ("", ".", ".."):
            said = f"{called or 'a value for an address'} is {say(value)}, which cannot stand in an address"
            self._journal.fail(Failure.CONTRACT_CHANGED, said)
            raise Stop
        return quote(text, safe="", errors="replace")

    def skip(self, why: str) -> NoReturn:
        """End the run here as skipped: nothing is known by it, and it is neither up nor down."""
        self._journal.fail(Failure.SKIPPED, why)
        raise Stop

    def complain(self, bug: str) -> None:
        """Note a mistake of the author's, found by whoever runs the script."""
        self._journal.bugs.append(bug)

    def let_go(self) -> None:
        """At the end: nothing of this attempt refers to itself any more, so that it is gone without the collector.

        In a host that makes hundreds a second, what has to be found by the collector is paid for in pauses.
        """
        self._journal.let_go()
        del self.http, self.chat

    def version(self, text: object) -> None:
        """Say which version of the workflow answered, such as its prompt's: a change of it is an event."""
        self._journal.versions["version"] = str(text)[:200]

    def note(self, text: object) -> None:
        """Keep a line with the evidence."""
        self._journal.texts.append(str(text)[:4_000])

    # for the faces below

    def converse(
        self, name: str, messages: list[Message], timeout: Wait, where: Place, how: Asking
    ) -> Call[ChatReply]:
        """A question on its way: the last of the messages."""
        limits = self._limits(timeout, where)
        call = Call(name, where, partial(self._asked, messages, limits, how))
        self._journal.open.append(call)
        return call

    async def _asked(self, messages: list[Message], limits: Timeouts, how: Asking) -> ChatReply:
        journal, question = self._journal, messages[-1]["content"]
        known = {"uuid": self.uuid, "now": self.now(), "date": self.date()}
        variables = {**known, **journal.captured}
        journal.captured["ask"] = question
        journal.spend(asks=1)  # also what fails is paid for
        try:
            raw = await self._bench.ask(messages, limits, variables, how)
        except Trouble as trouble:
            raise self._stopped(trouble) from None
        reply = ChatReply(raw, journal, "the agent", question)
        write_down(journal, raw, reply)
        return reply

    def request(
        self, method: str, path: str, options: Mapping[str, Any], timeout: Wait, where: Place
    ) -> Call[HttpReply]:
        """A request on its way."""
        limits = self._limits(timeout, where)
        call = Call(f"ctx.http.{method.lower()}", where, partial(self._requested, method, path, options, limits))
        self._journal.open.append(call)
        return call

    async def _requested(self, method: str, path: str, options: Mapping[str, Any], limits: Timeouts) -> HttpReply:
        journal = self._journal
        try:
            raw = await self._bench.http.request(method, path, timeout=limits, **options)
        except Trouble as trouble:
            if trouble.failure is Failure.PROBE_BUG and self._spoiled(options):
                said = f"{method} {path} cannot be sent with what was captured: {trouble.sentence}"
                trouble = Trouble(Failure.CONTRACT_CHANGED, said)
            raise self._stopped(trouble) from None
        reply = HttpReply(raw, journal, f"{method} {path.partition('?')[0]}")
        note_life(journal, reply.url, raw)
        if left := note_limits(journal, raw.headers):
            raw.measure(**left)
        if raw.status >= 400:
            journal.step.silent.append(reply)
        return reply

    def _spoiled(self, options: Mapping[str, Any]) -> bool:
        """True when a captured value that cannot stand in a header does: the target's doing, not the author's."""
        heads = [str(value) for value in (options.get("headers") or {}).values()]
        texts = [value for value in self._journal.captured.values() if isinstance(value, str)]
        return any(not text.isprintable() and text in head for text in texts for head in heads)

    def _limits(self, timeout: Wait, where: Place) -> Timeouts:
        try:
            return timeouts(self._bench.base, timeout)
        except ValueError as error:
            raise ProbeBug(f"timeout: {error}", where=say_place(where)) from None
