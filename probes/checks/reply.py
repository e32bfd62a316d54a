"""Checks that fit only a whole reply: its status."""

from __future__ import annotations

import re
from typing import Any, Protocol

from probes.checks.base import Base, Misfit, Verdict, matcher
from probes.words.failure import Failure

_CLASS = re.compile(r"[1-5](?:xx|\d\d)\Z")


class _Codes(str):
    """A status as it is written: `200` or `2xx`."""

    __slots__ = ()

    @property
    def shown(self) -> str:
        return str(self)


def _codes(*codes: int | str) -> tuple[_Codes, ...]:
    for code in codes:
        number = isinstance(code, int) and not isinstance(code, bool)
        fits = 100 <= int(code) <= 599 if number else isinstance(code, str) and _CLASS.match(code)
        if not fits:
            raise ValueError(f"{code!r} is no status; write 200, [200, 201] or 2xx")
    if not codes:
        raise ValueError("name at least one status")
    return tuple(_Codes(code) for code in codes)


def fits_status(status: int, codes: tuple[str, ...]) -> bool:
    """True when `status` is one of the codes, `2xx` standing for its hundred."""
    text = str(status)
    return any(code == text or (code[1:] == "xx" and code[0] == text[0]) for code in codes)


class Whole(Protocol):
    """What a whole reply tells about itself besides its text."""

    @property
    def code(self) -> int: ...
    def see_status(self) -> None: ...
    def status_failure(self) -> Failure: ...


class ReplyChecks(Base):
    """Checks of a whole reply."""

    __slots__ = ("reply",)

    reply: Any  # a Whole as far as it goes: a request has a status; None for other values

    @matcher("has the status {}", "have the status {}", prepare=_codes)
    def status(self, *codes: int | str) -> bool | Verdict:
        """The HTTP status is one of these; `2xx` stands for the hundred. Without it, one below 400 is asked for."""
        if not hasattr(self.reply, "see_status"):
            raise Misfit("which has no status; check the reply of a request itself")
        whole: Whole = self.reply
        whole.see_status()
        fits = fits_status(whole.code, codes)  # type: ignore[arg-type]  # `prepare` made them text
        return Verdict(fits, str(whole.code), None if fits else whole.status_failure())
