"""AWS Signature Version 4: how a request to S3, or to a server that speaks like it, proves who sends it."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from urllib.parse import quote

_UNRESERVED = "-_.~"
ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """Who signs, and for what; printing it shows nothing. `token` is the session token of temporary ones."""

    key: str
    secret: str
    region: str
    service: str = "s3"
    token: str = ""

    def __repr__(self) -> str:
        return "Credentials(…)"


def digest(content: bytes) -> str:
    """What `x-amz-content-sha256` says of a body."""
    return sha256(content).hexdigest()


def encode_path(path: str) -> str:
    """A key as it stands in an address and in what is signed: each segment encoded once."""
    return quote(path, safe="/" + _UNRESERVED)


def encode_query(pairs: Iterable[tuple[str, str]]) -> str:
    """A query in the order and the encoding in which it is signed."""
    encoded = ((quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED)) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def canonical(method: str, path: str, query: str, headers: Mapping[str, str], payload: str) -> tuple[str, str]:
    """(the request as it is signed, the names of the headers that are). `path` and `query` are encoded already."""
    lowered = sorted((name.lower(), " ".join(value.split())) for name, value in headers.items())
    names = ";".join(name for name, _ in lowered)
    lines = "".join(f"{name}:{value}\n" for name, value in lowered)
    return "\n".join((method, path or "/", query, lines, names, payload)), names


def signature(who: Credentials, at: str, request: str) -> str:
    """The signature of a canonical request at `at` (20130524T000000Z)."""
    day = at[:8]
    scope = f"{day}/{who.region}/{who.service}/aws4_request"
    text = "\n".join((ALGORITHM, at, scope, sha256(request.encode()).hexdigest()))
    key = f"AWS4{who.secret}".encode()
    for part in (day, who.region, who.service, "aws4_request"):
        key = hmac.new(key, part.encode(), sha256).digest()
    return hmac.new(key, text.encode(), sha256).hexdigest()


def signed(
    who: Credentials, method: str, path: str, query: str, headers: Mapping[str, str], payload: str, *, at: datetime
) -> dict[str, str]:
    """The headers to send: the given ones, the date, the session token, and `Authorization` over all of them.

    `headers` has `Host`; `path` and `query` are as `encode_path` and `encode_query` make them; `payload` is the
    digest of the body.
    """
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    given = {**headers, "x-amz-date": stamp}
    if who.token:
        given["x-amz-security-token"] = who.token
    request, names = canonical(method, path, query, given, payload)
    scope = f"{stamp[:8]}/{who.region}/{who.service}/aws4_request"
    proof = signature(who, stamp, request)
    given["Authorization"] = f"{ALGORITHM} Credential={who.key}/{scope},SignedHeaders={names},Signature={proof}"
    return given
