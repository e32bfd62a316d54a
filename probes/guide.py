"""The tables of the guide for authors, made from what the code says: `python -m probes.guide docs/probes.md
docs/checks.md` renews them.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from probes.checks import reference
from probes.checks.document import Wanted
from probes.checks.judged import KINDS as JUDGED
from probes.checks.judged import Judged
from probes.checks.rules import Rules
from probes.checks.written import Check
from probes.kinds.chat.spec import ChatSpec
from probes.kinds.contract.spec import ContractSpec
from probes.kinds.dns.spec import DnsSpec
from probes.kinds.files import FileSection
from probes.kinds.golden.case import GoldenCase
from probes.kinds.golden.spec import GoldenSpec
from probes.kinds.heartbeat.spec import HeartbeatSpec
from probes.kinds.http.spec import HttpSpec
from probes.kinds.job.spec import Drop, JobSpec, Tag
from probes.kinds.job.stages import FieldsSection, FolderSection, MailSection, ObjectSection, RowSection, Stage
from probes.kinds.key.spec import KeySpec
from probes.kinds.steps import Capture, Deed, Step
from probes.kinds.tls.spec import TlsSpec
from probes.spec import Spec
from probes.words.failure import FACTS
from probes.words.units import say_duration

_SUBJECTS = frozenset({"at", "header", "value", "soft", "any_of", "all_of", "threshold", "weight", "must"})
_MARKED = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(map(_cell, row)) for row in rows)]
    return "".join(f"| {line} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def checks() -> str:
    """Every matcher."""
    return table(
        ("in YAML", "in Python", "holds when"),
        ((f"`{row['key']}`", f"`{row['python']}`", row["doc"]) for row in reference()),
    )


def keys(model: type[BaseModel], *, without: Iterable[str] = ()) -> str:
    """The keys of a section with what they mean."""
    left_out = set(without)
    rows = [
        (f"`{field.alias or name}`", field.description or "")
        for name, field in model.model_fields.items()
        if not field.exclude and name not in left_out
    ]
    return table(("key", "meaning"), rows)


def judged() -> str:
    """The checks that another model is asked about, with their keys."""
    shared = set(Judged.model_fields)
    rows = [("each", f"`{name}`", field.description or "") for name, field in Judged.model_fields.items()]
    for key, kind in JUDGED.items():
        own = {name: field for name, field in kind.model_fields.items() if name not in shared}
        rows += [(f"`{key}`", f"`{field.alias or name}`", field.description or "") for name, field in own.items()]
    return table(("check", "key", "meaning"), rows)


def probe_keys() -> str:
    """The keys of every probe with their defaults."""
    rows = (
        (f"`{name}`", field.description or "", _default(field.default)) for name, field in Spec.model_fields.items()
    )
    return table(("key", "meaning", "default"), rows)


def _default(value: Any) -> str:
    if isinstance(value, timedelta):
        return f"`{say_duration(value)}`"
    if isinstance(value, tuple):
        return f"`{value[0]}`"
    return "" if value in (None, "") else f"`{json.dumps(value).strip(chr(34))}`"


def failures() -> str:
    """The failures a probe can come to."""
    rows = (
        (f"`{failure}`", facts.state, "yes" if facts.retried else "no", facts.sentence)
        for failure, facts in FACTS.items()
    )
    return table(("failure", "the workflow is", "tried again", "meaning"), rows)


TABLES: Mapping[str, Callable[[], str]] = {
    "checks": checks,
    "subjects": lambda: keys(Check, without={name for name in Check.model_fields if name not in _SUBJECTS}),
    "probe-keys": probe_keys,
    "step-keys": lambda: keys(Step),
    "only-http": lambda: keys(HttpSpec, without={*Spec.model_fields, *Deed.model_fields}),
    "only-chat": lambda: keys(ChatSpec, without={*Spec.model_fields, *Deed.model_fields}),
    "only-contract": lambda: keys(ContractSpec, without={*Spec.model_fields, *Deed.model_fields, "cleanup"}),
    "only-golden": lambda: keys(GoldenSpec, without={*Spec.model_fields, *Deed.model_fields}),
    "cases": lambda: keys(GoldenCase),
    "only-job": lambda: keys(JobSpec, without={*Spec.model_fields}),
    "stage-keys": lambda: keys(Stage),
    "files": lambda: keys(FileSection),
    "drop": lambda: keys(Drop),
    "mail": lambda: keys(MailSection),
    "row": lambda: keys(RowSection),
    "object": lambda: keys(ObjectSection),
    "folder": lambda: keys(FolderSection),
    "job-fields": lambda: keys(FieldsSection, without=Rules.model_fields),
    "tag": lambda: keys(Tag),
    "only-tls": lambda: keys(TlsSpec, without=Spec.model_fields),
    "only-key": lambda: keys(KeySpec, without=Spec.model_fields),
    "only-dns": lambda: keys(DnsSpec, without=Spec.model_fields),
    "judged": judged,
    "fields": lambda: keys(Wanted),
    "only-heartbeat": lambda: keys(HeartbeatSpec, without={*Spec.model_fields} - {"cron", "timezone"}),
    "captures": lambda: keys(Capture),
    "failures": failures,
}


def updated(text: str, tables: Mapping[str, Callable[[], str]] = TABLES) -> str:
    """The text with every marked table made anew; raises KeyError for a table that there is not."""
    return _MARKED.sub(lambda found: f"{found[1]}{tables[found[2]]()}{found[3]}", text)


def renew(files: Sequence[str], tables: Mapping[str, Callable[[], str]] = TABLES) -> None:
    """Renew the tables in these files."""
    for name in files:
        path = Path(name)
        path.write_text(updated(path.read_text(encoding="utf-8"), tables), encoding="utf-8")


if __name__ == "__main__":
    renew(sys.argv[1:])
