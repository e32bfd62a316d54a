"""The bucket server: path-style S3, version 2 of its listing, version 4 of its signature."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

from aiohttp import web
from markupsafe import Markup

from monitor.sandbox.markup import page
from monitor.sandbox.server import Server
from probes.tools.sigv4 import Credentials, canonical, digest, signature

BUCKET = "sandbox"
REGION = "eu-central-1"
PAGE = 1_000  # objects of one listing
_PROOF = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, ?"
    r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})"
)
_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]>'
    "<ListBucketResult>&d;&d;</ListBucketResult>"
)


@dataclass(slots=True)
class Kept:
    """One object."""

    data: bytes
    at: int
    kind: str = "application/octet-stream"
    metadata: dict[str, str] = field(default_factory=dict)


class BucketServer(Server):
    """`objects` is what the bucket `sandbox` holds, by key; `tokens()` has the key that may use it."""

    name: ClassVar[str] = "bucket"
    kinds: ClassVar[dict[str, str]] = {
        "endless": "every page of a listing says that there is another",
        "bomb": "the listing is XML that explodes",
        "garbage": "the listing is no XML",
        "denied": "the key may not do it",
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.who = Credentials("AKSANDBOX" + secrets.token_hex(4).upper(), secrets.token_urlsafe(24), REGION)
        self.objects: dict[str, Kept] = {}

    def tokens(self) -> dict[str, str]:
        """The access key and where it may be used."""
        return {"bucket": BUCKET, "region": REGION, "key": self.who.key, "secret": self.who.secret}

    def put(self, key: str, data: bytes | str, **metadata: str) -> None:
        """Keep an object."""
        self.objects[key] = Kept(data.encode() if isinstance(data, str) else data, self.now(), metadata=metadata)
        self.keep("kept", body={"key": key, "bytes": len(self.objects[key].data)})

    def routes(self) -> Iterable[web.RouteDef]:
        """The bucket, its objects, and the human view."""
        return [
            web.get("/", self._show),
            web.get("/{bucket}", self._list),
            web.route("*", "/{bucket}/{key:.+}", self._object),
        ]

    def label(self, request: web.Request) -> str | None:
        """`list`, `get`, `put`, `delete`; the human view has no faults."""
        if request.path == "/":
            return None
        return "list" if request.path.count("/") == 1 else request.method.lower()

    async def refuse(self, request: web.Request, label: str) -> web.StreamResponse | None:
        """Who does not sign as S3 asks for it is refused, with S3's words for it."""
        if self.meet(label, among=("denied",)) is not None:
            return _error(403, "AccessDenied", "Access Denied")
        found = _PROOF.match(request.headers.get("Authorization", ""))
        if found is None:
            return _error(403, "AccessDenied", "send Authorization: AWS4-HMAC-SHA256 …")
        key, day, region, names, proof = found.groups()
        if not hmac.compare_digest(key, self.who.key):
            return _error(403, "InvalidAccessKeyId", "there is no such key")
        stamp, payload = request.headers.get("x-amz-date", ""), request.headers.get("x-amz-content-sha256", "")
        if payload != digest(await request.read()):
            return _error(400, "XAmzContentSHA256Mismatch", "the body is not what was signed")
        if region != REGION or not stamp.startswith(day):
            return _error(400, "AuthorizationHeaderMalformed", f"the region is {REGION}")
        headers = {name: request.headers.get(name, "") for name in names.split(";")}
        if "host" not in headers or "x-amz-date" not in headers:
            return _error(403, "AccessDenied", "host and date have to be signed")
        path, _, query = request.raw_path.partition("?")
        asked, _ = canonical(request.method, path, query, headers, payload)
        if not hmac.compare_digest(signature(self.who, stamp, asked), proof):
            return _error(403, "SignatureDoesNotMatch", "the signature is another one")
        return None if request.match_info.get("bucket") == BUCKET else _error(404, "NoSuchBucket", "no such bucket")

    async def _list(self, request: web.Request) -> web.StreamResponse:
        if self.meet("list", among=("bomb",)) is not None:
            return web.Response(text=_BOMB, content_type="application/xml")
        if self.meet("list", among=("garbage",)) is not None:
            return web.Response(body=b"<ListBucketResult><Contents>\xff\xfe", content_type="application/xml")
        endless = self.meet("list", among=("endless",)) is not None
        query = dict(parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True))
        prefix, after = query.get("prefix", ""), query.get("continuation-token", "")
        size = min(PAGE, int(query.get("max-keys", PAGE)))
        keys = [key for key in sorted(self.objects) if key.startswith(prefix) and key > after]
        shown, more = keys[:size], len(keys) > size or endless
        token = (shown[-1] if shown else after + "x") if more else ""
        found = "".join(self._entry(key) for key in shown)
        text = (
            '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{BUCKET}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(shown)}</KeyCount>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>"
            + (f"<NextContinuationToken>{escape(token)}</NextContinuationToken>" if more else "")
            + f"{found}</ListBucketResult>"
        )
        return web.Response(text=text, content_type="application/xml")

    def _entry(self, key: str) -> str:
        kept = self.objects[key]
        return (
            f"<Contents><Key>{escape(key)}</Key><LastModified>{self.iso(kept.at)}</LastModified>"
            f"<ETag>&quot;{digest(kept.data)[:32]}&quot;</ETag><Size>{len(kept.data)}</Size></Contents>"
        )

    async def _object(self, request: web.Request) -> web.StreamResponse:
        key = unquote(request.raw_path.partition("?")[0]).removeprefix(f"/{BUCKET}/")
        if request.method == "PUT":
            named = {n.lower()[11:]: v for n, v in request.headers.items() if n.lower().startswith("x-amz-meta-")}
            self.objects[key] = Kept(await request.read(), self.now(), request.content_type, named)
            return web.Response()
        if request.method == "DELETE":
            self.objects.pop(key, None)
            return web.Response(status=204)
        kept = self.objects.get(key)
        if kept is None:
            return _error(404, "NoSuchKey", "no such key")
        more = {f"x-amz-meta-{name}": value for name, value in kept.metadata.items()}
        return web.Response(body=kept.data, content_type=kept.kind, headers=more)

    async def _show(self, _request: web.Request) -> web.StreamResponse:
        rows = Markup("").join(
            Markup("<tr><td>{}</td><td>{}</td><td>{}</td></tr>").format(key, len(kept.data), self.iso(kept.at))
            for key, kept in list(self.objects.items())[-200:]
        )
        return page("Bucket", Markup("<h1>Bucket {}</h1><table>{}</table>").format(BUCKET, rows), refresh=3)


def _error(status: int, code: str, said: str) -> web.Response:
    text = f"<Error><Code>{code}</Code><Message>{escape(said)}</Message></Error>"
    return web.Response(text=text, status=status, content_type="application/xml")
