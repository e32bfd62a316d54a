"""A form with files, as multipart/form-data (RFC 7578)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

_QUOTED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})  # as browsers write them (WHATWG)


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a form: the field it stands in, what it is called, what is in it."""

    field: str
    name: str
    content: bytes
    kind: str = "application/octet-stream"


def multipart(fields: Iterable[tuple[str, str]], files: Sequence[Upload]) -> tuple[bytes, str]:
    """(body, content type). The boundary follows from the content, so that it never stands in it by chance."""
    parts = [_part(f'name="{_quote(name)}"', "", value.encode()) for name, value in fields]
    for each in files:
        head = f'name="{_quote(each.field)}"; filename="{_quote(each.name)}"'
        parts.append(_part(head, each.kind, each.content))
    boundary = "showup-" + blake2b(b"".join(parts), digest_size=16).hexdigest()
    line = b"--" + boundary.encode()
    body = b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--\r\n"
    return body, f"multipart/form-data; boundary={boundary}"


def _part(disposition: str, kind: str, content: bytes) -> bytes:
    clean = "".join(letter for letter in kind if letter.isprintable())
    head = f"Content-Disposition: form-data; {disposition}\r\n" + (f"Content-Type: {clean}\r\n" if clean else "")
    return head.encode() + b"\r\n" + content


def _quote(text: str) -> str:
    return text.translate(_QUOTED)
