"""The shape of what an interface answers, blind to its values, learned over many samples. Pure.

A shape maps paths to what stands there: `$.slots[].start` is a text in 20 of 20 objects. Elements of a list are `[]`,
and keys that are data themselves (ids, dates) are `{}`. Only fields that were named as switches keep their values.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from typing import Any

from probes.words.text import clean

DEEPEST, MOST_PATHS, MOST_VALUES = 24, 2_000, 50_000  # of one document; what goes beyond is not looked at
MOST_KEYS, MOST_ELEMENTS = 300, 5_000  # of one object or list: more keys are data, more elements not looked at
KEY_LENGTH, SWITCH_LENGTH, SWITCH_VALUES = 60, 60, 40
UNSTABLE = 12  # different keys of one object from which they may be data
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,59}\Z")
_ID = re.compile(
    r"[0-9]+\Z|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}\Z|(?=[a-z]*[0-9])[0-9a-f]{8,64}\Z|[0-9]{4}-[0-9]{2}-[0-9]{2}.{0,20}\Z"
    r"|[0-9A-HJKMNP-TV-Z]{26}\Z|[^@ ]{1,64}@[^@ ]{1,190}\Z"
)
_IN = re.compile(r"([0-9]{1,9}) of ([0-9]{1,9})\Z")


@dataclass(slots=True)
class Leaf:
    """What was seen at one path: how often each type, and of a switch its values. `parent` is the object it is in;
    `opened` counts the objects here that were looked into."""

    parent: str
    types: dict[str, int] = field(default_factory=dict)
    values: set[str] = field(default_factory=set)
    opened: int = 0

    @property
    def count(self) -> int:
        """How often it was there."""
        return sum(self.types.values())

    @property
    def is_member(self) -> bool:
        """True for a key of an object, which may be left out; elements and data keys cannot."""
        return self.parent != ""


Tree = dict[str, Leaf]


def observe(document: Any, *, switches: Iterable[str] = (), dynamic: Iterable[str] = ()) -> Tree:
    """The shape of one document, from the top down. `dynamic` are objects whose keys are known to be data.

    An object is opened with all its keys or not at all: what was not looked at is never taken for missing.
    """
    tree, known, watched = Tree(), frozenset(dynamic), frozenset(switches)
    waiting: deque[tuple[str, Any, int]] = deque()

    def see(path: str, parent: str, value: Any, depth: int) -> None:
        leaf = tree.get(path)
        if leaf is None:
            if len(tree) >= MOST_PATHS:
                return
            leaf = tree[path] = Leaf(parent)
        kind = kind_of(value)
        leaf.types[kind] = leaf.types.get(kind, 0) + 1
        if path in watched and kind in ("text", "boolean", "number") and len(leaf.values) < SWITCH_VALUES:
            leaf.values.add(_said(value))
        if kind in ("list", "object") and depth < DEEPEST:
            waiting.append((path, value, depth + 1))

    see("$", "", document, 0)
    left = MOST_VALUES
    while waiting and left > 0:
        path, value, depth = waiting.popleft()
        is_list = isinstance(value, list)
        within = value[: min(left, MOST_ELEMENTS)] if is_list else value
        left -= max(1, len(within))
        if is_list or path in known or len(within) > MOST_KEYS or (within and all(map(_is_id, within))):
            below = f"{path}[]" if is_list else f"{path}{{}}"
            for part in within if is_list else islice(within.values(), MOST_ELEMENTS):
                see(below, "", part, depth)
        else:
            for key, part in within.items():
                see(f"{path}{_step(key)}", path, part, depth)
        tree[path].opened += not is_list
    return tree


def _step(key: str) -> str:
    """A key as a path has it: what is not plain in quotes and harmless, what is long by its beginning and a digest."""
    if _PLAIN.match(key):
        return f".{key}"
    if len(key) > KEY_LENGTH:
        key = f"{key[:KEY_LENGTH]}…{blake2b(key.encode('utf-8', 'replace'), digest_size=6).hexdigest()}"
    return f"[{json.dumps(key, ensure_ascii=not key.isprintable())}]"


def _is_id(key: str) -> bool:
    return len(key) > 2 * KEY_LENGTH or _ID.match(key) is not None


def _said(value: Any) -> str:
    return clean(value if isinstance(value, str) else json.dumps(value), SWITCH_LENGTH)


def kind_of(value: Any) -> str:
    """The type in the words of checks: whole numbers and others are one."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list) else "object" if isinstance(value, dict) else "number"


# learning


def merged(trees: Sequence[Tree]) -> Tree:
    """Everything that was seen, with keys that are data found by how unsteady they are."""
    whole = Tree()
    for tree in trees:
        for path, leaf in tree.items():
            _add(whole, path, leaf)
    for path in sorted((path for path in whole if _is_unsteady(whole, path)), key=len):
        whole = _collapsed(whole, path)
    return whole


def _add(tree: Tree, path: str, leaf: Leaf) -> None:
    mine = tree.setdefault(path, Leaf(leaf.parent))
    for kind, count in leaf.types.items():
        mine.types[kind] = mine.types.get(kind, 0) + count
    mine.values |= leaf.values
    mine.opened += leaf.opened


def _is_unsteady(tree: Tree, path: str) -> bool:
    """True when an object has many keys of one type, and none of them in half of its appearances."""
    mine = [leaf for leaf in tree.values() if leaf.parent == path]
    objects = tree[path].opened
    kinds = {kind for leaf in mine for kind in leaf.types}
    return len(mine) >= UNSTABLE and len(kinds) == 1 and all(2 * leaf.count < objects for leaf in mine)


def _collapsed(tree: Tree, at: str) -> Tree:
    keys = [path for path, leaf in tree.items() if leaf.parent == at]
    found = Tree()
    for path, leaf in tree.items():
        key = next((key for key in keys if path == key or path.startswith((f"{key}.", f"{key}[", f"{key}{{"))), None)
        if key is None:
            _add(found, path, leaf)
            continue
        moved = f"{at}{{}}{path[len(key) :]}"
        parent = "" if path == key else leaf.parent.replace(key, f"{at}{{}}", 1)
        _add(found, moved, Leaf(parent, leaf.types, leaf.values, leaf.opened))
    return found


def dump(tree: Tree) -> dict[str, dict[str, Any]]:
    """A tree as a baseline has it: sorted, a line a path."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(tree):
        leaf = tree[path]
        line: dict[str, Any] = {"is": " or ".join(sorted(leaf.types))}
        if leaf.is_member:
            line["in"] = f"{leaf.count} of {tree[leaf.parent].opened}"
        if leaf.values:
            line["one_of"] = sorted(leaf.values)
        found[path] = line
    return found


def packed(tree: Tree) -> dict[str, Any]:
    """A tree as it travels from a host: a list for each path."""
    return {path: [leaf.parent, leaf.types, sorted(leaf.values), leaf.opened] for path, leaf in tree.items()}


def unpacked(data: Mapping[str, Any]) -> Tree:
    """The tree that travelled."""
    return {path: Leaf(parent, dict(kinds), set(seen), opened) for path, (parent, kinds, seen, opened) in data.items()}


@dataclass(frozen=True, slots=True)
class Known:
    """What a baseline knows of one path: its types, in how many of how many objects it was, and a switch's values."""

    types: frozenset[str]
    there: int
    objects: int
    values: frozenset[str]

    @property
    def is_required(self) -> bool:
        """True when it was never left out."""
        return self.there >= self.objects


def load(shape: Mapping[str, Any]) -> dict[str, Known]:
    """The paths of a baseline; raises ValueError for what is none."""
    found: dict[str, Known] = {}
    for path, line in shape.items():
        if not isinstance(line, Mapping) or not isinstance(line.get("is"), str) or not path.startswith("$"):
            raise ValueError(f"{clean(str(path), 60)} is not a line of a shape")
        counts = _IN.match(str(line.get("in", "1 of 1")))
        values = line.get("one_of", [])
        if counts is None or not isinstance(values, list):
            raise ValueError(f"{clean(str(path), 60)} is not a line of a shape")
        known = frozenset(str(line["is"]).split(" or "))
        found[path] = Known(known, int(counts[1]), int(counts[2]), frozenset(map(str, values)))
    return found


def parent_of(path: str) -> str:
    """The object that a key is in, "" for the whole, elements of lists and keys that are data."""
    if path.endswith(("[]", "{}")) or path == "$":
        return ""
    if path.endswith('"]'):
        return path[: path.rindex('["')] if '["' in path else ""
    return path.rpartition(".")[0]


def dynamic_in(known: Iterable[str]) -> frozenset[str]:
    """The objects of a baseline whose keys are data."""
    return frozenset(path[: path.index("{}", start)] for path in known for start in _starts(path))


def _starts(path: str) -> Iterator[int]:
    at = path.find("{}")
    while at >= 0:
        yield at
        at = path.find("{}", at + 2)
