"""One workflow in one environment: where it is, where requests to it may go, and how they introduce themselves."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlsplit

from probes.addresses import Reach, is_loopback, literal, reach
from probes.words.errors import Refused
from probes.words.secret import NOTHING, Redactor, fill
from probes.words.text import clean

_FORBIDDEN = frozenset(map(chr, [*range(0x21), 0x7F, ord("\\")]))  # what parsers of addresses disagree about
HTTPS = 443
_PORTS = {"http": 80, "https": HTTPS}
_WHOLE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|//")
_HOST = re.compile(r"[a-z0-9._:-]{1,253}")
_KEPT = "/?:@!$&'()*+,;=%~#[]\"<>^`{|}"  # only what is not ASCII is encoded: the author's own encoding stands
_OUR_OWN = frozenset({"content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"})
_KEYS = frozenset({"url", "allow", "headers", "auth", "chat", "ca_file", "verify", "allow_private", "params"})


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests may go. `allow` holds host names in lower case, the target's own first.

    `headers` and `credentials` (from `auth`) are sent to the target's own host alone. `secrets` are the values that
    must not be shown, those made from others (Basic credentials) included; `redactor` removes them. `params` are added
    to each request to it.
    """

    url: str
    allow: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict)
    chat: Mapping[str, Any] = field(default_factory=dict)
    ca_file: str = ""
    verify: bool = True
    allow_private: bool = False
    params: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    redactor: Redactor = NOTHING

    @classmethod
    def of(cls, data: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> Target:
        """The target that config data describes, secrets put in; raises Refused with what is wrong.

        Keys: url, allow, headers, auth (bearer: TOKEN | basic: {user, password} | header: {NAME: VALUE}), chat,
        ca_file, verify, allow_private, params.
        """
        secrets = secrets or {}
        if unknown := sorted(set(data) - _KEYS):
            raise Refused(f"a target has no key {unknown[0]!r}; it has {', '.join(sorted(_KEYS))}")
        try:
            filled = fill({key: value for key, value in data.items() if value is not None}, secrets)
        except KeyError as missing:
            raise Refused(f"the secret {missing.args[0]} is not set") from None
        url = str(filled.get("url", "")).rstrip("/")
        own = locate(url).host
        credentials, derived = _credentials(filled.get("auth") or {})
        hidden = (*secrets.values(), *derived)
        return cls(
            url=url,
            allow=tuple(dict.fromkeys([own, *(host_name(str(name)) for name in filled.get("allow") or ())])),
            headers=MappingProxyType(checked_headers(filled.get("headers") or {})),
            credentials=MappingProxyType(checked_headers(credentials)),
            chat=MappingProxyType(dict(filled.get("chat") or {})),
            ca_file=str(filled.get("ca_file") or ""),
            verify=bool(filled.get("verify", True)),
            allow_private=bool(filled.get("allow_private", False)),
            params=MappingProxyType({str(name): str(value) for name, value in (filled.get("params") or {}).items()}),
            secrets=hidden,
            redactor=Redactor.of(hidden),
        )

    @property
    def host(self) -> str:
        """The target's own host."""
        return self.allow[0]

    def join(self, path: str) -> str:
        """The address of `path` under the target, or a whole address whose host is allowed; raises Refused otherwise.

        A path continues the target's own path: `/health` under `https://x.example/app` is `https://x.example/app/health`.
        """
        if _WHOLE.match(path):
            self.check(path)
            return path
        if path and path[0] not in "/?":
            path = "/" + path
        url = self.url + path
        if not _FORBIDDEN.isdisjoint(url):
            raise Refused("the path holds a space, a backslash or a control character; percent-encode it")
        return url

    def check(self, url: str) -> str:
        """The host of a whole address, when requests may go there; raises Refused."""
        host = locate(url).host
        if not self.allows(host):
            never = literal(host) is not None and reach(host) is Reach.NEVER
            hint = "" if never else f"write allow: [{host}] if requests may go there"
            raise Refused(f"{host} is not where this target leads", hint=hint)
        return host

    def allows(self, host: str) -> bool:
        """True when requests may go to a host of this name."""
        return host in self.allow

    def admits(self, host: str, address: str) -> bool:
        """True when `host` may be reached at `address`: one of everyone's, or a private one where config says so."""
        kind = reach(address)
        if kind is Reach.PUBLIC:
            return True
        if kind is Reach.NEVER or not self.allows(host):
            return False
        if self.allow_private or literal(host) is not None:
            return True
        return host == "localhost" and is_loopback(address)

    def private_helps(self, address: str) -> bool:
        """True when `allow_private: true` would admit an address that is not admitted now."""
        return reach(address) is Reach.PRIVATE and not self.allow_private


@dataclass(frozen=True, slots=True)
class Place:
    """An address taken apart once: what was checked is what is connected to. `host` is ASCII, `path` has the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def netloc(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address, without a fragment."""
        return f"{self.scheme}://{self.netloc}{self.path}"


@lru_cache(maxsize=2048)
def locate(url: str) -> Place:
    """The place an http(s) address leads to; raises Refused for anything that two parsers could read in two ways."""
    if not _FORBIDDEN.isdisjoint(url):
        raise Refused("the address holds a space, a backslash or a control character; percent-encode it")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused("the address cannot be read; write https://host.example/path") from None
    if parts.scheme not in _PORTS:
        raise Refused(f"only http and https are probed, not {parts.scheme or 'an address without https://'}")
    if "@" in parts.netloc:
        raise Refused("the address carries a user or password; write them under auth")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    path = path if path.isascii() else quote(path, safe=_KEPT)
    return Place(parts.scheme, host_name(parts.hostname or ""), port or _PORTS[parts.scheme], path)


def place_name(host: str, port: int) -> str:
    """What a certificate is known by: its host, and the port where another than that of HTTPS shows it."""
    if port == HTTPS:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def host_name(text: str) -> str:
    """A host name as it is compared and connected to: ASCII, lower case, no final dot; raises Refused."""
    host = text
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            raise Refused(f"{clean(text, 80)} is not the name of a host") from None
    host = host.lower().rstrip(".")  # only now: other scripts have dots of their own
    if not host or not _HOST.fullmatch(host) or (":" in host and literal(host) is None):
        raise Refused(f"{clean(text, 80)!r} is not the name of a host; write https://host.example/path")
    return host


def checked_headers(headers: Mapping[str, Any]) -> dict[str, str]:
    """Headers that can be sent as they are; raises Refused for line breaks and for those that showup sets itself."""
    checked: dict[str, str] = {}
    for name, value in headers.items():
        name, text = str(name), str(value)
        if (
            not name
            or not name.isascii()
            or not all(letter.isalnum() or letter in "!#$%&'*+-.^_`|~" for letter in name)
        ):
            raise Refused(f"{name!r} is not the name of a header")
        if name.lower() in _OUR_OWN:
            raise Refused(f"the header {name} is set by showup itself")
        if any((letter < " " and letter != "\t") or letter == "\x7f" for letter in text):
            raise Refused(f"the header {name} holds a line break or control character")
        checked[name] = text.strip(" \t")
    return checked


def _credentials(auth: Mapping[str, Any]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The headers that `auth` means, and the secrets in them."""
    auth = {kind: value for kind, value in auth.items() if value is not None}
    if not auth:
        return {}, ()
    if len(auth) != 1 or next(iter(auth)) not in ("bearer", "basic", "header"):
        raise Refused("auth is one of bearer: TOKEN, basic: {user: …, password: …} or header: {NAME: VALUE}")
    if "bearer" in auth:
        token = str(auth["bearer"]).strip()
        return {"Authorization": f"Bearer {token}"}, (token,)
    if "basic" in auth:
        basic = auth["basic"]
        if not isinstance(basic, Mapping) or not {"user", "password"} >= set(basic) or "user" not in basic:
            raise Refused("auth basic is {user: …, password: …}")
        pair = f"{basic['user']}:{basic.get('password', '')}".encode()
        encoded = base64.b64encode(pair).decode()
        return {"Authorization": f"Basic {encoded}"}, (encoded, str(basic.get("password", "")))
    header = auth["header"]
    if not isinstance(header, Mapping):
        raise Refused("auth header is {NAME: VALUE}")
    return {str(name): str(value) for name, value in header.items()}, tuple(map(str, header.values()))
