"""Tokens that open one thing each: made of this installation's key, so that nothing secret stands in a configuration.

Whoever holds one may do the one act it was made for: acknowledge, report for a job, call back for one, flag an
answer.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from uuid import UUID

FILE = "ack.key"


def key_in(folder: Path) -> bytes:
    """The key of this installation's tokens, made at its first use; only its owner can read it."""
    place = folder / FILE
    try:
        return bytes.fromhex(place.read_text("ascii"))
    except (FileNotFoundError, ValueError):
        folder.mkdir(parents=True, exist_ok=True)
        made = secrets.token_bytes(32)
        end = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(end, "w", encoding="ascii") as file:
            file.write(made.hex())
        return made


def proof(key: bytes, act: str, what: str) -> bytes:
    """The 32 bytes that prove a token for this act on this thing was made by us."""
    return hmac.new(key, f"{act}|{what}".encode(), sha256).digest()


def ack_token(key: bytes, incident: str, number: int, person: str) -> str:
    """The token by which this person acknowledges this round of an incident."""
    return proof(key, "ack", f"{incident}|{number}|{person}").hex()[:40]


def ping_token(key: bytes, probe: str) -> str:
    """The token of a job, in the shape of a UUID, as clients of the healthchecks convention expect it."""
    return str(UUID(bytes=proof(key, "ping", probe)[:16]))


def ping_key(key: bytes) -> str:
    """The one key under which every job reports by its name."""
    return proof(key, "ping key", "").hex()[:32]


def flag_token(key: bytes, subject: str) -> str:
    """The token by which answers of a workflow in one environment are flagged."""
    return proof(key, "flag", subject).hex()[:40]


def oncall_token(key: bytes, what: str) -> str:
    """The token by which a calendar program reads the duties of a rotation or a person."""
    return proof(key, "on call", what).hex()[:40]


def report_token(key: bytes, subject: str) -> str:
    """The token by which a customer of a workflow reports that something is wrong."""
    return proof(key, "report", subject).hex()[:40]


def event_token(key: bytes, number: int) -> str:
    """The token by which a presenter sees how an event goes."""
    return proof(key, "event", str(number)).hex()[:40]


def hook_token(key: bytes, probe: str) -> str:
    """The token by which a workflow calls back for a probe."""
    return proof(key, "hook", probe).hex()[:40]


class Known:
    """What each token opens, looked up by its digest and compared in constant time: how long a look-up takes tells
    nothing of a token."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._opens = {sha256(token.encode()).digest(): (token.encode(), what) for token, what in pairs}

    def opens(self, given: str) -> str | None:
        """What this token was made for, None for nothing."""
        said = given.encode("utf-8", "replace")
        token, what = self._opens.get(sha256(said).digest(), (b"", ""))
        return what if token and hmac.compare_digest(token, said) else None
