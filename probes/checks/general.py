"""Checks that fit any value: equality, membership, presence, kind."""

from __future__ import annotations

from typing import Any

from probes.checks.absent import Absent
from probes.checks.base import Base, Verdict, matcher

KINDS = {"text": str, "number": (int, float), "boolean": bool, "list": list, "object": dict, "null": type(None)}


def same(left: Any, right: Any) -> bool:
    """Equality as JSON means it: 1 is 1.0, but neither `true` nor "1"."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def kind_of(value: Any) -> str:
    """`text`, `number`, `boolean`, `list`, `object` or `null`."""
    if isinstance(value, bool):
        return "boolean"
    return next((name for name, kind in KINDS.items() if isinstance(value, kind)), type(value).__name__)  # type: ignore[arg-type]


def a_kind(value: Any) -> str:
    """The kind with its article: `a text`, `an object`."""
    kind = kind_of(value)
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}" if kind != "null" else kind


def _a_kind(name: str) -> tuple[str]:
    if name not in KINDS:
        raise ValueError(f"not a kind of value: {name}; write {', '.join(KINDS)}")
    return (name,)


class GeneralChecks(Base):
    """Checks that fit any value."""

    __slots__ = ()

    @matcher("equals {}", "equal {}")
    def equals(self, value: Any) -> bool | Verdict:
        """The value is exactly this one; text and numbers are never equal, space around a whole reply does
        not count.
        """
        mine = self.value
        if self.unit == "reply" and isinstance(value, str):
            return bool(mine.strip() == value.strip())
        if same(mine, value):
            return True
        # `"5"` and `5` look alike in a sentence, so the kind is said when that is the difference.
        if not self.unit and kind_of(mine) != kind_of(value):
            from probes.checks.say import say

            return Verdict(False, f"{say(mine)} ({kind_of(mine)}, not {kind_of(value)})")
        return False

    @matcher("is one of {}", "be one of {}")
    def one_of(self, *values: Any) -> bool:
        """The value is one of these."""
        return any(same(self.value, value) for value in values)

    @matcher("exists", "exist")
    def exists(self) -> bool | Verdict:
        """Something is there, `null` included; `not-exists` asks that nothing is."""
        return Verdict(False, self.value.why, self.value.failure) if isinstance(self.value, Absent) else True

    @matcher("is of the kind {}", "be of the kind {}", prepare=_a_kind)
    def is_a(self, kind: str) -> bool | Verdict:
        """The value is of this kind: text, number, boolean, list, object or null."""
        from probes.words.failure import Failure

        found = kind_of(self.value)
        return found == kind or Verdict(False, failure=Failure.CONTRACT_CHANGED)
