"""Checks: a subject and its matchers. `reference()` lists them all, for the docs and for editors."""

from __future__ import annotations

from typing import Any

from probes.checks.absent import Absent
from probes.checks.base import RULES, Note, Notes, Ready, Rule, Said, Verdict, matcher
from probes.checks.subject import Subject

__all__ = ["RULES", "Absent", "Note", "Notes", "Ready", "Rule", "Said", "Subject", "Verdict", "matcher", "reference"]


def reference() -> list[dict[str, Any]]:
    """One row a matcher: `key` in YAML, `python` as a script writes it, `family`, and what it asks for."""
    return [
        {
            "key": rule.name,
            "python": f".{rule.method}({'*' if rule.variadic else ''}{', '.join(rule.parameters)})",
            "family": rule.family.removesuffix("Checks").lower(),
            "doc": rule.doc,
        }
        for rule in RULES.values()
    ]
