"""What stands where nothing was found: a failed check when it is checked, and the end of the run when it is used as
if it were there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from probes.words.failure import Failure


class Absent:
    """A value that is not there: `what` was looked for, `why` it is missing, and the `failure` this means.

    It is false and equals nothing. Any other use than checking it stops the run, and the missing value is its reason:
    it never turns into text, so it never reaches an address, a question or a comparison.
    """

    __slots__ = ("_use", "failure", "what", "why")

    def __init__(
        self,
        what: str,
        why: str = "nothing",
        *,
        failure: Failure = Failure.CONTRACT_CHANGED,
        use: Callable[[Absent], NoReturn] | None = None,
    ) -> None:
        self.what = what
        self.why = why
        self.failure = failure
        self._use = use

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return f"Absent({self.what!r}: {self.why})"

    def _used(self, *_: object) -> NoReturn:
        if self._use is not None:
            self._use(self)
        raise LookupError(f"{self.what} is absent: {self.why}")

    __str__ = __getitem__ = __iter__ = __len__ = __contains__ = __call__ = _used
    __int__ = __float__ = __index__ = __lt__ = __le__ = __gt__ = __ge__ = _used
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _used

    def __format__(self, form: str) -> str:
        self._used()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what Python itself asks about (copying, protocols) is no use of the value
            raise AttributeError(name)
        self._used()
