"""What providers say of themselves on their status pages: beside an incident, never instead of what was seen.

Pages are looked at in a probe host, as everything from outside is; a look that fails is no information.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog

from monitor.config.catalog import Catalog, Provider
from monitor.engine.confirm import Level
from monitor.engine.track import Track
from probes.frames import Request
from probes.words.errors import StoreError
from probes.words.moments import iso_moment
from probes.words.text import clean
from probes.words.units import MINUTE

if TYPE_CHECKING:
    from monitor.engine.parts import Parts

log = structlog.get_logger("showup.providers")

EVERY, EVERY_IN_TROUBLE = 3 * MINUTE, MINUTE  # µs between two looks at a page
OLD = 15 * MINUTE  # µs; what was said longer ago is not said any more
TICK = 2.0  # seconds between two thoughts about it
TIMEOUT = 10.0  # seconds for all that is looked at of a page
PATHS = ("/api/v2/summary.json", "/summary.json", "/api/v1/summary", "/index.json")
ALSO: Mapping[str, tuple[str, ...]] = {
    "status.anthropic.com": ("status.claude.com",),
    "status.openai.com": (),
}
"""Where known pages moved to: redirects go nowhere else."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a page said at `at` (µs): `state` is operational, trouble, maintenance or unknown."""

    at: int
    state: str
    text: str


class Said:
    """Looks at the status pages of a catalog and remembers what they say. `number` numbers attempts, as the runs do."""

    def __init__(self, parts: Parts, *, number: Callable[[], int]) -> None:
        self._parts, self._clock, self._number = parts, parts.clock, number
        self._providers: Mapping[str, Provider] = {}
        self._tracks: Callable[[], Iterable[Track]] = tuple
        self._asked: dict[str, int] = {}
        self._words: dict[str, Word] = {}
        self._told: dict[str, str] = {}  # by subject, what stands beside its open incident

    def follow(self, catalog: Catalog, tracks: Callable[[], Iterable[Track]]) -> None:
        """Follow the pages of a catalog."""
        self._tracks = tracks
        self._providers = {name: one for name, one in catalog.providers.items() if one.status_page}
        self._words = {name: word for name, word in self._words.items() if name in self._providers}

    def of(self, provider: str, now: int) -> dict[str, Any] | None:
        """What a provider says, for the status screen; None when nothing of late is known."""
        word = self._words.get(provider)
        if word is None or now - word.at > OLD:
            return None
        return {"state": word.state, "text": word.text, "page": self._providers[provider].status_page}

    def trouble(self, provider: str) -> str:
        """The sentence that belongs beside an incident, "" when the provider says nothing of the kind."""
        word = self._words.get(provider)
        if word is None or self._clock.now() - word.at > OLD or word.state not in ("trouble", "maintenance"):
            return ""
        return word.text

    async def run(self) -> None:
        """Look at what is due, until cancelled."""
        while True:
            await asyncio.sleep(TICK)
            try:
                await self.look()
            except StoreError as error:
                log.warning("what a provider says could not be noted", reason=str(error))

    async def look(self) -> None:
        """Ask the pages that are due, and write what they say beside the incidents that name their provider."""
        now = self._clock.now()
        due = [one for name, one in self._providers.items() if now >= self._asked.get(name, 0) + self._pause(name)]
        for provider in due:
            self._asked[provider.key] = now
        await asyncio.gather(*(self._ask(provider) for provider in due))
        wanted = {
            subject: text
            for name in self._providers
            if (text := self.trouble(name))
            for subject in self._touched(name)
        }
        for subject, text in wanted.items():
            if self._told.get(subject) != text:
                await self._parts.store.write(
                    partial(self._parts.desk.annotate, subject=subject, text=text, now=self._clock.now())
                )
        self._told = wanted

    def _pause(self, provider: str) -> int:
        return EVERY_IN_TROUBLE if any(self._touched(provider)) else EVERY

    async def _ask(self, provider: Provider) -> None:
        job = job_of(provider)
        body = json.dumps(job, sort_keys=True).encode()
        now = self._clock.now()
        request = Request(
            number=self._number(),
            job_id=blake2b(body, digest_size=12).hexdigest(),
            run_id="status-page",
            attempt=1,
            at=now,
            sent=int(self._clock.mono() * 1e6),
            timeout=TIMEOUT,
            cleanup=0.1,
        )
        reply = await self._parts.hosts.attempt(request, job=job, script=False)
        found = reply.learned.get("provider_status")
        if isinstance(found, dict):
            self._words[provider.key] = word_of(provider, found, at=self._clock.now())

    def _touched(self, provider: str) -> list[str]:
        """The subjects of open incidents that name this provider."""
        subjects = [
            track.probe.subject
            for track in self._tracks()
            if track.progress.open is Level.FAIL and provider in (track.probe.canary_of, track.left_to)
        ]
        return list(dict.fromkeys(subjects))


def job_of(provider: Provider) -> dict[str, Any]:
    """The job that looks at a provider's page: an address that names a document is taken at its word."""
    parts = urlsplit(provider.status_page)
    exact = parts.path.endswith(".json")
    base = f"{parts.scheme}://{parts.netloc}"
    paths = [parts.path] if exact else [f"{parts.path.rstrip('/')}{path}" for path in PATHS]
    host = parts.hostname or ""
    target: dict[str, Any] = {"url": base, "allow": [*ALSO.get(host, ()), *([f"www.{host}"] if "." in host else [])]}
    if provider.settings.get("allow_private"):
        target["allow_private"] = True
    spec = {"paths": paths, "components": list(provider.components)}
    return {"kind": "provider-status", "workflow": f"provider:{provider.key}", "environment": "production",
            "probe": "status-page", "spec": spec, "target": target}  # fmt: skip


def word_of(provider: Provider, found: Mapping[str, Any], *, at: int) -> Word:
    """What a page says, in a sentence; everything in it is the page's own, cleaned by the host and again here."""
    state = str(found.get("state", "unknown"))
    parts = [f"{one.get('said')} of {one.get('name')}" for one in _dicts(found.get("parts")) if one.get("said")]
    incidents = _dicts(found.get("incidents"))
    what = ", ".join(parts[:3]) or str(found.get("said") or "")
    if incidents:
        first = incidents[0]
        what = f"{what}: {first.get('name')}" if what else str(first.get("name"))
        what += _since(str(first.get("since") or ""))
    link = next((str(one["url"]) for one in incidents if one.get("url")), provider.status_page)
    lacks = found.get("missing")
    missing = ", ".join(map(str, lacks)) if isinstance(lacks, list) else ""
    if state == "operational":
        what = "all is well"
    elif state == "unknown":
        what = f"no word of {missing}" if missing else "nothing that can be read"
    return Word(at, clean(state, 20), clean(f"{provider.title} says: {what} ({link})", 280))


def _since(text: str) -> str:
    began = iso_moment(text)  # a page writes it in the time zone of its owner
    if began is None or not 1970 < began.year < 9999:
        return ""
    return f", since {began.astimezone(UTC):%H:%M} UTC"


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
