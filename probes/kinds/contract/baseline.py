"""The baseline of a contract: what was learned of each step, as it stands in its file beside the configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from probes.contract import Difference, Severity
from probes.shape import Known, Tree, dump, dynamic_in, load, merged, unpacked
from probes.words.text import clean

FORMAT = 1
LARGEST = 1_000_000  # bytes of a baseline's file
HEADERS = frozenset({"link", "x-total-count", "x-total", "x-total-pages", "x-page", "x-per-page", "x-next-page",
                     "content-range", "accept-ranges"})  # fmt: skip
"""Headers of paging: who reads page after page stops at the first without them."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is known of one step's answers, beside their `shape`."""

    status: frozenset[int]
    type: str
    headers: frozenset[str]
    hops: tuple[str, ...]
    deprecated: bool
    digest: str = ""
    shape: Mapping[str, Known] = field(default_factory=dict)

    @property
    def dynamic(self) -> frozenset[str]:
        """The objects whose keys are data."""
        return dynamic_in(self.shape)

    @classmethod
    def load(cls, data: Any) -> Step:
        """From a baseline; raises ValueError."""
        if not isinstance(data, Mapping):
            raise ValueError("a step is not a mapping")
        status, headers, hops = (data.get(name, []) for name in ("status", "headers", "redirects"))
        if not all(isinstance(part, list) for part in (status, headers, hops)):
            raise ValueError("status, headers and redirects are lists")
        if not all(type(code) is int for code in status) or not isinstance(data.get("shape", {}), Mapping):
            raise ValueError("a status is a number, and a shape a mapping")
        return cls(
            frozenset(status), str(data.get("type", "")), frozenset(map(str, headers)), tuple(map(str, hops)),
            bool(data.get("deprecated", False)), str(data.get("digest", "")), load(data.get("shape", {})),
        )  # fmt: skip

    def dump(self) -> dict[str, Any]:
        """As a baseline has it, without the shape; what says nothing is left out."""
        found: dict[str, Any] = {"status": sorted(self.status), "type": self.type}
        more = {"headers": sorted(self.headers), "redirects": list(self.hops), "deprecated": self.deprecated}
        return found | {name: part for name, part in {**more, "digest": self.digest}.items() if part}

    def differences(self, now: Step) -> Iterator[Difference]:
        """What differs beside the shape."""
        if new := sorted(now.status - self.status):
            known = " or ".join(map(str, sorted(self.status)))
            yield Difference(Severity.BREAKING, "", f"the status is {new[0]} instead of {known}")
        if now.type != self.type:
            said = f"the content type is {now.type or 'not said'} instead of {self.type or 'not said'}"
            yield Difference(Severity.BREAKING, "", clean(said, 200))
        for name in sorted(self.headers - now.headers):
            yield Difference(Severity.BREAKING, "", f"the header {name} is gone")
        if now.hops != self.hops:
            said = f"it redirects by {', '.join(now.hops) or 'none'} instead of {', '.join(self.hops) or 'none'}"
            yield Difference(Severity.WARNING, "", clean(said, 200))
        if now.deprecated and not self.deprecated:
            yield Difference(Severity.WARNING, "", "it is announced as deprecated")
        if self.digest and now.digest != self.digest:
            yield Difference(Severity.INFO, "", "its description is another")


@dataclass(frozen=True, slots=True)
class Baseline:
    """All steps, the day they were learned, and from how many samples."""

    steps: Mapping[str, Step]
    learned: str = ""
    samples: int = 0

    @classmethod
    def load(cls, data: Any) -> Baseline:
        """From what stands in its file; raises ValueError saying what is wrong."""
        found = data.get("steps") if isinstance(data, Mapping) and data.get("contract") == FORMAT else None
        if not isinstance(found, Mapping):
            raise ValueError(f"it is no contract of format {FORMAT}")
        steps = {str(name): Step.load(step) for name, step in found.items()}
        samples = data.get("samples")
        return cls(steps, str(data.get("learned", "")), samples if isinstance(samples, int) else 0)


def learn(samples: Sequence[Mapping[str, Any]], *, day: str) -> dict[str, Any]:
    """A baseline out of what samples showed (`learned["contract"]` of their replies), as it goes into its file.

    A header counts when it was always there; of redirects and descriptions the newest.
    """
    steps: dict[str, Any] = {}
    for name in dict.fromkeys(step for sample in samples for step in sample):
        seen = [sample[name] for sample in samples if name in sample]
        known = [Step.load({**one, "shape": {}}) for one in seen]
        trees: list[Tree] = [unpacked(one.get("shape", {})) for one in seen]
        last = known[-1]
        whole = Step(
            frozenset().union(*(one.status for one in known)), last.type,
            frozenset.intersection(*(one.headers for one in known)), last.hops,
            any(one.deprecated for one in known), last.digest,
        )  # fmt: skip
        steps[name] = {**whole.dump(), "shape": dump(merged(trees))}
    return {"contract": FORMAT, "learned": day, "samples": len(samples), "steps": steps}


def written(data: Mapping[str, Any]) -> str:
    """The text of a baseline's file: sorted, one path a line, so that a difference in git is a difference in shape."""
    lines = ["{"]
    head = [f"  {json.dumps(name)}: {json.dumps(data[name])}" for name in ("contract", "learned", "samples")]
    steps = [_written(name, step) for name, step in sorted(data["steps"].items())]
    lines.append(",\n".join([*head, '  "steps": {\n' + ",\n".join(steps) + "\n  }"]))
    return "\n".join([*lines, "}"]) + "\n"


def _written(name: str, step: Mapping[str, Any]) -> str:
    parts = [f"      {json.dumps(key)}: {json.dumps(step[key])}" for key in step if key != "shape"]
    shape = step.get("shape", {})
    paths = [f"        {json.dumps(path, ensure_ascii=False)}: {json.dumps(shape[path], ensure_ascii=False)}"
             for path in sorted(shape)]  # fmt: skip
    parts.append('      "shape": {' + ("\n" + ",\n".join(paths) + "\n      }" if paths else "}"))
    return f"    {json.dumps(name)}: {{\n" + ",\n".join(parts) + "\n    }"
