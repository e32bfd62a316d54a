"""The judges of one attempt: each a provider's model, asked only where requests to that provider may go."""

from __future__ import annotations

import re
import secrets as randomness
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from probes.checks.judged import Judged, Similar
from probes.jury.prompt import NoVerdict, Opinion, cosine, digest, messages, read_verdict, shortened
from probes.tools import Timeouts, Trouble
from probes.words.dialects import ADDRESSES, below_version
from probes.words.errors import ProbeBug, Refused
from probes.words.failure import Failure
from probes.words.secret import Redactor
from probes.words.text import clean
from probes.words.units import DAY, MINUTE

if TYPE_CHECKING:
    from probes.tools.http import Http

LONGEST = 30.0  # seconds of one verdict
MARGIN = 0.5  # seconds before the attempt's own end at which a judge is given up
LEAST = 1.0  # seconds without which no judge is asked
ANSWER = 1_000  # tokens: reasoning models spend some before they write
VOTES = 2  # of three that say no
BROKEN = 15 * MINUTE  # for so long a judge that failed its guard is not asked again
REMEMBERED = 500  # guards
_FIXED = re.compile(r"(?:[a-z]+/)?(?:o\d|gpt-[5-9])")  # models whose temperature cannot be set

_guards: dict[str, tuple[int, str]] = {}  # by digest: until when (µs), and why it is broken, "" when it is not


class Unscored(Exception):
    """There is no verdict; the message says why."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a jury needs to know of its attempt. `held` says why nothing is judged, "" when it may be.

    `judges` are the providers by name, as the job has them; `secrets` fill them in. `end` is the attempt's deadline in
    monotonic seconds; `at` its start in µs since the epoch.
    """

    judges: Mapping[str, Mapping[str, Any]]
    secrets: Mapping[str, str]
    run_id: str
    attempt: int
    at: int
    end: float
    held: str = ""


class Jury:
    """Asks judges. `record` gets every exchange, `spent` what each answer of a provider cost (asks, counted,
    tokens_in, tokens_out; `limited` for a 429), `served` the model that said it judged, `tried` how a judge
    ("openai/model for the rubric …") met its samples: why it is broken, "" when it is not.
    """

    def __init__(
        self,
        facts: Facts,
        *,
        record: Callable[[Any], None],
        spent: Callable[[str, Mapping[str, float]], None],
        served: Callable[[str], None],
        tried: Callable[[str, str], None],
    ) -> None:
        self.facts = facts
        self._record, self._spent, self._served, self._tried = record, spent, served, tried

    async def ask(self, judged: Judged, text: str, *, asked: str, hide: Redactor) -> Opinion:
        """The opinion on `text`, freed of secrets; raises Unscored. A no counts when two of three say it."""
        provider = self.facts.judges.get(judged.by)
        if provider is None:
            hint = f'write @probe(…, judges=["{judged.by}"]), and judge_model: under providers.{judged.by}'
            raise ProbeBug(f"the provider {judged.by} was not handed over to judge", hint=hint)
        http = self._http(provider, hide)
        text, asked = hide.text(shortened(text)), hide.text(asked)
        try:
            if isinstance(judged, Similar):
                return await self._compare(http, provider, judged, text)
            await self._guard(http, provider, judged)
            return await self._vote(http, provider, judged, text, asked)
        except Trouble as trouble:
            if trouble.failure is Failure.RATE_LIMITED:
                self._spent(judged.by, {"limited": trouble.retry_after or 0.0})
            raise Unscored(f"{self._name(provider, judged)} gave no verdict: {trouble.sentence}") from None
        except NoVerdict as wrong:
            raise Unscored(f"{self._name(provider, judged)} gave no verdict: {wrong}") from None
        finally:
            await http.aclose()

    async def _vote(
        self, http: Http, provider: Mapping[str, Any], judged: Judged, text: str, asked: str
    ) -> Opinion:
        found: dict[bool, Opinion] = {}
        counts = {True: 0, False: 0}
        for _ in range(3):
            opinion = await self._verdict(http, provider, judged, text, asked)
            found.setdefault(opinion.ok, opinion)
            counts[opinion.ok] += 1
            if counts[False] == VOTES or (opinion.ok and counts[False] == 0) or counts[True] == VOTES:
                break
        return found[counts[False] < VOTES]

    async def _guard(self, http: Http, provider: Mapping[str, Any], judged: Judged) -> None:
        """The judge has to know right from wrong, once a day: its samples are judged first."""
        named = {"url": http.target.url, "model": self._model(provider, judged), "rule": judged.rule}
        key, now = digest(named, judged.samples), self.facts.at
        until, why = _guards.get(key, (0, ""))
        if until <= now:
            why = ""
            for sample, right in judged.samples:
                found = await self._verdict(http, provider, judged, sample, "")
                if found.ok is not right:
                    told = "refused the known-good sample" if right else "let the known-bad sample pass"
                    why = f"it {told} ({found.reason or 'without a reason'})"
                    break
            if len(_guards) >= REMEMBERED:
                _guards.clear()
            _guards[key] = (now + BROKEN if why else (now // DAY + 1) * DAY, why)
        self._tried(f"{judged.by}/{named['model']} for {judged.shown}", why)
        if why:
            raise Unscored(f"{self._name(provider, judged)} is broken: {why}")

    async def _verdict(
        self, http: Http, provider: Mapping[str, Any], judged: Judged, text: str, asked: str
    ) -> Opinion:
        from probes.tools.call import chat

        model = self._model(provider, judged)
        system, talk = messages(judged.rule, text, asked=asked, mark=randomness.token_hex(6))
        settings: dict[str, Any] = {"dialect": provider.get("dialect") or "openai", "model": model, "stream": False}
        settings |= {"system": system, "max_tokens": ANSWER}
        if not _FIXED.match(model):
            settings["options"] = {"temperature": 0}
        self._spent(judged.by, {"asks": 1.0})
        answer = await chat(http, settings, talk, timeout=self._limits())
        counted = {str(name): answer.values[name] for name in ("tokens_in", "tokens_out") if name in answer.values}
        if counted:
            self._spent(judged.by, counted | {"counted": 1.0})
        self._served(str(answer.model or model))
        return read_verdict(answer.text)

    async def _compare(self, http: Http, provider: Mapping[str, Any], judged: Similar, text: str) -> Opinion:
        path = below_version(http.target.url, "/embeddings")
        model = self._model(provider, judged)
        body = {"model": model, "input": [text or " ", judged.to], "encoding_format": "float"}
        self._spent(judged.by, {"asks": 1.0})
        answer = await http.request("POST", path, json=body, timeout=self._limits())
        if answer.status >= 300:
            from probes.tools.dialects import dialect

            raise dialect("openai").refused(answer.status, answer.headers, answer.json(), model)
        used = answer.json("$.usage.prompt_tokens")
        if isinstance(used, int) and not isinstance(used, bool) and used >= 0:
            self._spent(judged.by, {"counted": 1.0, "tokens_in": float(used)})
        found = cosine(*_vectors(answer.json()))
        return Opinion(found >= judged.at_least, max(0.0, found), f"{found * 100:.0f}% alike")

    # -- whom to ask

    def _http(self, provider: Mapping[str, Any], hide: Redactor) -> Http:
        from probes.target import Target
        from probes.tools.http import Http

        where: dict[str, Any] = {"url": provider.get("url") or ADDRESSES[str(provider.get("dialect") or "openai")]}
        where |= {name: provider[name] for name in ("headers", "ca_file", "allow_private") if provider.get(name)}
        if provider.get("key"):
            where["auth"] = {"bearer": provider["key"]}
        try:
            target = Target.of(where, self.facts.secrets)
        except Refused as refused:
            raise ProbeBug(f"the judge cannot be asked: {refused}", hint=refused.hint) from None
        facts = self.facts
        end = facts.end - MARGIN
        return Http(
            target, run_id=facts.run_id, attempt=facts.attempt, redactor=hide, deadline=end, record=self._record
        )

    def _limits(self) -> Timeouts:
        left = self.facts.end - MARGIN - monotonic()
        if left < LEAST:
            raise Unscored("no time was left for the judge; give the probe a longer timeout")
        return Timeouts(total=min(left, LONGEST))

    @staticmethod
    def _model(provider: Mapping[str, Any], judged: Judged) -> str:
        found = judged.model or provider.get("embedding_model" if isinstance(judged, Similar) else "judge_model")
        if not found:
            raise ProbeBug("no model is named that judges", hint=f"write judge_model: under providers.{judged.by}")
        return str(found)

    def _name(self, provider: Mapping[str, Any], judged: Judged) -> str:
        return f"the judge {clean(self._model(provider, judged), 60)}"


def _vectors(document: Any) -> tuple[list[float], list[float]]:
    """The two embeddings in order; raises NoVerdict."""
    listed = document.get("data") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) != 2 or not all(isinstance(one, dict) for one in listed):
        raise NoVerdict("it answered without two embeddings")
    ordered = sorted(listed, key=lambda one: one["index"] if isinstance(one.get("index"), int) else 0)
    vectors = [one.get("embedding") for one in ordered]
    for vector in vectors:
        numbers = isinstance(vector, list) and all(
            isinstance(part, int | float) and not isinstance(part, bool) for part in vector
        )
        if not numbers:
            raise NoVerdict("its embeddings are no lists of numbers")
    return vectors[0], vectors[1]
