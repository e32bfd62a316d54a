"""What can be made to go wrong with a sandbox server, and for how many requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase

# Faults that every HTTP server has: they concern the wire and not what is said on it.
WIRE = {
    "rate-limited": "429; `seconds` becomes Retry-After",
    "server-error": "an error of the server's own; `status` says which (500)",
    "hang": "says nothing for `seconds` (600), then does what was asked",
    "slow": "does what was asked, `seconds` (1) later",
    "drop": "the connection dies before anything was done",
    "lost-reply": "what was asked is done, and the connection dies before the answer",
}


class UnknownFault(ValueError):
    """This server has no fault of that name."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its kind, how long (s), for how many requests (None: until cleared), and for which of them.

    `where` is a shell pattern over the names a server gives its requests (`chat.postMessage`, `enqueue`);
    `skip` lets that many matching requests pass first; `status` and `text` are read by the kinds that say so.
    """

    kind: str
    seconds: float | None = None
    times: int | None = None
    where: str = "*"
    skip: int = 0
    status: int | None = None
    text: str | None = None

    def lasts(self, otherwise: float) -> float:
        """Seconds, or `otherwise` when none were named."""
        return otherwise if self.seconds is None else self.seconds


class FaultBox:
    """The faults a server has at the moment, first set first met."""

    def __init__(self, kinds: Iterable[str]) -> None:
        self.kinds = frozenset(kinds)
        self.met: Counter[str] = Counter()  # how many requests met each kind since it was set
        self.repairs = 0  # how often something was repaired: whoever waits because of a fault waits no longer
        self._set: list[Fault] = []

    def __iter__(self) -> Iterator[Fault]:
        return iter(tuple(self._set))

    def __bool__(self) -> bool:
        return bool(self._set)

    def set(
        self,
        fault: Fault | str,
        *,
        seconds: float | None = None,
        times: int | None = None,
        where: str = "*",
        skip: int = 0,
        status: int | None = None,
        text: str | None = None,
    ) -> Fault:
        """Make something go wrong from the next request on; a kind this server does not have is refused by name."""
        if isinstance(fault, str):
            fault = Fault(fault, seconds, times, where, skip, status, text)
        if fault.kind not in self.kinds:
            near = get_close_matches(fault.kind, sorted(self.kinds), n=1)
            hint = f"did you mean {near[0]!r}?" if near else "one of: " + ", ".join(sorted(self.kinds))
            raise UnknownFault(f"no fault is called {fault.kind!r}; {hint}")
        if (fault.times is not None and fault.times < 1) or fault.skip < 0 or fault.lasts(0) < 0:
            raise UnknownFault("a fault happens at least once, and neither `seconds` nor `skip` can be negative")
        if fault.status is not None and not 400 <= fault.status <= 599:
            raise UnknownFault(f"a fault's status is between 400 and 599, not {fault.status}")
        self.met[fault.kind] = 0
        self._set.append(fault)
        return fault

    def clear(self, kind: str | None = None) -> None:
        """Repair everything, or everything of one kind."""
        self._set = [f for f in self._set if kind is not None and f.kind != kind]
        self.repairs += 1

    def next(self, where: str, *, among: Iterable[str] | None = None) -> Fault | None:
        """The fault that the request called `where` meets, used up by one; None when it meets none."""
        wanted = self.kinds if among is None else frozenset(among)
        for place, fault in enumerate(self._set):
            if fault.kind not in wanted or not fnmatchcase(where, fault.where):
                continue
            if fault.skip:
                self._set[place] = replace(fault, skip=fault.skip - 1)
                return None
            if fault.times == 1:
                del self._set[place]
            elif fault.times is not None:
                self._set[place] = replace(fault, times=fault.times - 1)
            self.met[fault.kind] += 1
            return fault
        return None


def parse_fault(text: str) -> Fault:
    """A fault written in one line: `kind[,seconds=2][,times=1][,where=chat.*][,status=503][,skip=3]`."""
    kind, *options = [part.strip() for part in text.split(",")]
    return build_fault({"kind": kind} | dict(option.partition("=")[::2] for option in options))


def build_fault(fields: Mapping[str, object]) -> Fault:
    """A fault from words or JSON; a key or a number that cannot be read is refused by name."""
    readers = {"seconds": float, "times": int, "where": str, "skip": int, "status": int, "text": str}
    unknown = sorted(set(fields) - set(readers) - {"kind"})
    if unknown:
        raise UnknownFault(f"a fault has no {unknown[0]!r}; it has kind, {', '.join(readers)}")
    taken: dict[str, object] = {}
    for name, read in readers.items():
        if fields.get(name) in (None, ""):
            continue
        try:
            taken[name] = read(str(fields[name]))
        except (ValueError, OverflowError):
            raise UnknownFault(f"a fault's {name} cannot be {str(fields[name])[:40]!r}") from None
    return Fault(str(fields.get("kind", "")), **taken)  # type: ignore[arg-type]  # the readers above are the types
