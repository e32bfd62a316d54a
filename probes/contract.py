"""What differs between the shape of an answer and the one that was learned, and how bad that is for who reads it. Pure.

Breaking is what readers stumble over: a field that was always there is gone, another type, null where it never was, a
new value of a switch. A field that was there now and then and is not any more is a warning; what is new is news.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from probes.shape import MOST_PATHS, Known, Leaf, Tree, parent_of
from probes.words.names import nearest

FEW = 20  # objects; what was there in fewer may have been there by chance
SURE = 0.001  # the chance that a field which is there now and then was left out so often by chance


class Severity(StrEnum):
    """How bad a difference is for whoever reads the answers."""

    BREAKING = "breaking"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was learned."""

    severity: Severity
    path: str
    what: str

    def said(self) -> str:
        """In words."""
        return f"{self.path} {self.what}" if self.path else self.what


def compare(
    known: Mapping[str, Known], tree: Tree, absent: Mapping[str, int]
) -> tuple[list[Difference], dict[str, int]]:
    """What differs, the worst first, and how many objects in a row went without each field that is only now and then
    there: `absent` before and after. Empty lists and objects that are not there say nothing.
    """
    found: list[Difference] = []
    after: dict[str, int] = {}
    for path, was in known.items():
        leaf = tree.get(path)
        if leaf is not None:
            found += _changed(path, was, leaf)
        found += _missing(path, was, known, tree, absent, after)
    found += [Difference(Severity.INFO, path, f"is new ({_types(tree[path])})") for path in _new(known, tree)]
    return sorted(found, key=lambda one: list(Severity).index(one.severity)), after


def _changed(path: str, was: Known, leaf: Leaf) -> Iterator[Difference]:
    new = sorted(leaf.types.keys() - was.types)
    if new and was.types == {"null"}:
        yield Difference(Severity.INFO, path, f"is {' or '.join(new)}, and was always null before")
    elif new:
        often = sum(leaf.types[kind] for kind in new)
        what = f"is {' or '.join(new)} instead of {' or '.join(sorted(was.types))}"
        what = "is null, which it never was" if new == ["null"] else what
        yield Difference(Severity.BREAKING, path, f"{what} ({often} of {leaf.count})")
    if was.values and (unknown := sorted(leaf.values - was.values)):
        listed = ", ".join(map(json.dumps, unknown[:3]))
        yield Difference(Severity.BREAKING, path, f"has a new value: {listed}")


def _missing(
    path: str, was: Known, known: Mapping[str, Known], tree: Tree, absent: Mapping[str, int], after: dict[str, int]
) -> Iterator[Difference]:
    parent = parent_of(path)
    objects = tree[parent].opened if parent in tree and len(tree) < MOST_PATHS else 0
    there = tree[path].count if path in tree else 0
    if not objects or there >= objects:
        if path in absent and not there:
            after[path] = absent[path]  # nothing was learned of it
        return
    if was.is_required:
        severity = Severity.BREAKING if was.objects >= FEW or not there else Severity.WARNING
        where = "" if there == 0 and objects == 1 else f" from {objects - there} of {objects} objects"
        yield Difference(severity, path, f"is gone{where}{_renamed(path, parent, was, known, tree)}")
        return
    if there:
        return
    after[path] = min(absent.get(path, 0) + objects, 10**6)
    share = was.there / max(1, was.objects)
    if (1 - share) ** after[path] < SURE:
        what = f"has not been there in {after[path]} objects, and was in {was.there} of {was.objects} before"
        yield Difference(Severity.WARNING, path, what)


def _renamed(path: str, parent: str, was: Known, known: Mapping[str, Known], tree: Tree) -> str:
    """Where it may be now: a new key beside it, of the same type and a name like it."""
    near = {
        other.removeprefix(parent): other
        for other, leaf in tree.items()
        if leaf.parent == parent and other not in known and leaf.types.keys() <= was.types
    }
    like = nearest(path.removeprefix(parent), near) if near else None
    return f"; is it {near[like]} now?" if like else ""


def _new(known: Mapping[str, Known], tree: Tree) -> list[str]:
    """Paths that were not learned, without those below one that was not: keys of known objects, most of all."""
    found = []
    for path, leaf in tree.items():
        if path in known:
            continue
        above = leaf.parent or path[:-2]
        if above in known and (leaf.parent or not known[above].types.isdisjoint(("list", "object"))):
            is_first = not leaf.parent and not any(one.startswith(above) and one != above for one in known)
            found += [] if is_first else [path]  # a list that was always empty when it was learned
    return sorted(found)


def _types(leaf: Leaf) -> str:
    return " or ".join(sorted(leaf.types))


