"""A mail as checks ask it: what is in its bytes, however it is encoded, and whoever wrote it."""

from __future__ import annotations

import email
from contextlib import suppress
from email.header import decode_header, make_header
from email.message import Message

from probes.tools.looking import Seen
from probes.words.text import clean

PARTS = 30  # parts of a message within each other; the time to read them grows with their square
_HEADERS = 100
_HEADER = 4_000  # characters of one


def read_message(raw: bytes, *, url: str, number: int) -> Seen:
    """Its text, its headers, and as JSON subject, from, to, date, text, attachments."""
    try:
        if raw.lower().count(b"boundary=") > PARTS:
            raise ValueError("too many parts")
        message = email.message_from_bytes(raw)
        headers = {name.lower(): _decoded(str(value)) for name, value in message.items()[:_HEADERS]}
        text, attached = _parts(message)
    except (ValueError, LookupError, RecursionError, AttributeError, TypeError):
        headers, text, attached = {}, raw.decode("utf-8", "replace"), []
    named = {name: headers.get(name, "") for name in ("subject", "from", "to", "date")}
    document = {**named, "text": text, "attachments": attached}
    return Seen(text, url=url, document=document, headers=headers, values={"uid": float(number)})


def _parts(message: Message) -> tuple[str, list[str]]:
    """(the text of a message, the names of what is attached to it)."""
    plain, marked_up, attached = list[str](), list[str](), list[str]()
    for part in message.walk():
        if part.is_multipart():
            continue
        name = part.get_filename()
        if name or part.get_content_disposition() == "attachment":
            attached.append(clean(_decoded(str(name or "")), 200))
            continue
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes) and part.get_content_maintype() == "text":
            body = _text(payload, part.get_content_charset() or "utf-8")
            (marked_up if part.get_content_subtype() == "html" else plain).append(body)
    return "\n".join(plain or marked_up), attached[:50]


def _text(payload: bytes, charset: str) -> str:
    try:
        return payload.decode(charset, "replace")
    except LookupError:
        return payload.decode("utf-8", "replace")


def _decoded(value: str) -> str:
    """A header's value with its encoded words read, on one line."""
    value = value[:_HEADER]
    with suppress(ValueError, LookupError):
        value = str(make_header(decode_header(value)))
    return " ".join(value.split())
