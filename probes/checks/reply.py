"""Checks that fit only a whole reply: its status, why a model stopped."""

from __future__ import annotations

import re
from collections.abc import Callable

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


class ReplyChecks(Base):
    """Checks of a whole reply."""

    __slots__ = ("finished", "on_status", "status_code", "status_failure")

    status_code: int | None
    finished: str | None
    on_status: Callable[[], None] | None
    status_failure: Callable[[], Failure] | None

    @matcher("has the status {}", "have the status {}", prepare=_codes)
    def status(self, *codes: int | str) -> bool | Verdict:
        """The HTTP status is one of these; `2xx` stands for the hundred. Without it, a status below 400 is asked for."""
        if self.on_status:
            self.on_status()
        if self.status_code is None:
            raise Misfit("which has no status; check the reply itself")
        if fits_status(self.status_code, codes):  # type: ignore[arg-type]  # `prepare` made them text
            return True
        failure = self.status_failure() if self.status_failure else Failure.CONTRACT_CHANGED
        return Verdict(False, str(self.status_code), failure)

    @matcher("finished because of {}", "finish because of {}")
    def finish_reason(self, *reasons: str) -> bool | Verdict:
        """The model stopped for one of these reasons: stop, length, tool_calls, content_filter."""
        if self.finished is None:
            raise Misfit("which has no reason to finish; check the answer of an ask")
        return self.finished in reasons or Verdict(False, self.finished or "no reason")
