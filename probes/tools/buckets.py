"""Objects of a bucket, over the S3 protocol: listed, read, put and deleted, each request signed by ourselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from xml.etree import ElementTree

from probes import classify
from probes.target import locate
from probes.tools import Timeouts, Trouble
from probes.tools.looking import Seen
from probes.tools.sigv4 import Credentials, digest, encode_path, encode_query, signed
from probes.words.failure import Failure
from probes.words.text import clean

if TYPE_CHECKING:
    from probes.tools.answer import Answer
    from probes.tools.http import Http

PAGES = 10  # of a listing in one look
_DENIED = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"})


@dataclass(frozen=True, slots=True)
class Kept:
    """One object of a listing; `at` is ISO 8601, as the server has it."""

    key: str
    size: int
    at: str
    tag: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket under its endpoint, addressed by its path: `https://s3.eu-central-1.amazonaws.com/invoices/…`."""

    http: Http
    name: str
    who: Credentials
    now: Callable[[], datetime]
    headers: Mapping[str, str]

    async def listed(self, prefix: str) -> tuple[list[Kept], bool]:
        """(the objects whose key begins so, whether there are more than were looked at); raises Trouble."""
        found: list[Kept] = []
        token = ""
        for _ in range(PAGES):
            pairs = [("list-type", "2"), ("prefix", prefix), ("max-keys", "1000")]
            pairs += [("continuation-token", token)] if token else []
            answer = await self._ask("GET", "", encode_query(pairs))
            page, token = _read_page(self._name, answer.body)
            found += page
            if not token:
                return found, False
        return found, True

    async def read(self, key: str) -> Seen | None:
        """An object, its beginning where it is large; None when it is gone."""
        answer = await self._ask("GET", key, "", gone=True)
        if answer.status == 404:
            return None
        return Seen(answer.text, url=f"s3://{self.name}/{key}", headers=answer.headers)

    async def put(self, key: str, content: bytes, *, kind: str) -> None:
        """Write an object."""
        await self._ask("PUT", key, "", content=content, more={"Content-Type": kind})

    async def delete(self, key: str) -> None:
        """Delete an object; one that is not there is no trouble."""
        await self._ask("DELETE", key, "", gone=True)

    @property
    def _name(self) -> str:
        return locate(self.http.target.url).netloc

    async def _ask(
        self,
        method: str,
        key: str,
        query: str,
        *,
        content: bytes = b"",
        more: Mapping[str, str] | None = None,
        gone: bool = False,
    ) -> Answer:
        path = encode_path(f"{urlsplit(self.http.target.url).path}/{self.name}" + (f"/{key}" if key else ""))
        payload = digest(content)
        given = {"Host": self._name, "x-amz-content-sha256": payload, **(more or {})}
        if method == "PUT":
            given |= {f"x-amz-meta-{name.lower()}": value for name, value in self.headers.items()}
        headers = signed(self.who, method, path, query, given, payload, at=self.now())
        del headers["Host"]
        whole = f"{urlsplit(self.http.target.url).scheme}://{self._name}{path}" + (f"?{query}" if query else "")
        sent = {**self.headers, **headers}
        answer = await self.http.request(
            method, whole, headers=sent, content=content or None, timeout=Timeouts(), follow=False
        )
        if answer.status >= 300 and not (gone and answer.status == 404):
            raise _refusal(self._name, answer)
        return answer


def _refusal(name: str, answer: Answer) -> Trouble:
    code = clean(answer.text.partition("<Code>")[2].partition("</Code>")[0], 60)
    cause = classify.of_status(answer.status, answer.headers)
    if cause is None:
        said = f"{name} leads elsewhere ({answer.status} {code}); is the region right?"
        return Trouble(Failure.CONTRACT_CHANGED, said)
    failure = Failure.AUTH if code in _DENIED else cause.failure
    return Trouble(failure, f"{name} {cause.sentence}" + (f" ({code})" if code else ""), retry_after=cause.retry_after)


def _read_page(name: str, body: bytes) -> tuple[Sequence[Kept], str]:
    """(the objects of one page, the token of the next one)."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise Trouble(Failure.GARBAGE, f"{name} answered with XML that defines things of its own")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314  # without a DOCTYPE there is nothing to expand
    except (ElementTree.ParseError, ValueError, RecursionError):
        raise Trouble(Failure.GARBAGE, f"the listing of {name} cannot be read") from None
    space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
    found = []
    for each in root.iterfind(f"{space}Contents"):
        texts = {part.tag.removeprefix(space): part.text or "" for part in each}
        size = texts.get("Size", "0")
        number = int(size) if size.isdecimal() and len(size) < 16 else 0
        at, tag = texts.get("LastModified", "")[:40], texts.get("ETag", "")[:200]
        found.append(Kept(texts.get("Key", "")[:1024], number, at, tag))
    more = root.findtext(f"{space}IsTruncated", "false").strip() == "true"
    return found, (root.findtext(f"{space}NextContinuationToken", "") if more else "")[:4_096]
