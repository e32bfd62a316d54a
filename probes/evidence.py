"""The evidence of an attempt: its journal as plain data, without secrets, cut to what is worth keeping."""

from __future__ import annotations

import json
from typing import Any

from probes.checks import Note
from probes.checks.say import say
from probes.journal import Journal
from probes.records import CleanUp, Step
from probes.words.secret import Redactor
from probes.words.text import clean

LARGEST = 64_000  # bytes of the whole, as JSON
REQUESTS = 30  # of one step
CHECKS = 60  # of one step
TEXT = 400  # characters of a check's expectation or value
NOTES = 50


def evidence(journal: Journal, redactor: Redactor) -> dict[str, Any]:
    """Steps with their requests and checks, clean-ups and notes; times are µs, `at` counts from the attempt's start."""
    record: dict[str, Any] = {
        "steps": [_step(step, journal.started) for step in (*journal.steps, *journal.unreached())],
        "cleanups": [_clean_up(each, journal.started) for each in journal.clean_ups],
        "notes": [clean(text, 1_000, lines=True) for text in (*journal.bugs[:10], *journal.texts[:NOTES])],
    }
    return _fitted(redactor.value(record))


def _step(step: Step, started: float) -> dict[str, Any]:
    return {
        "name": clean(step.name, 120),
        "at": max(0, int((step.began - started) * 1e6)) if step.reached else 0,
        "took": max(step.took, 0),
        "budget": round(step.budget * 1e6) if step.budget is not None else None,
        "ok": step.ok,
        "reached": step.reached,
        "requests": [exchange.evidence() for exchange in step.exchanges[-REQUESTS:]],
        "checks": [_check(note, step.name) for note in step.notes[:CHECKS]],
        "captured": {name: say(value, 200) for name, value in step.captured.items()},
    }


def _check(note: Note, step: str) -> dict[str, Any]:
    source = note.source or "the value"
    return {
        "name": note.name,
        "ok": note.ok,
        "soft": note.soft,
        "expected": clean(note.expected, TEXT),
        "actual": clean(note.actual, TEXT),
        "source": clean(f"{source} in step {step}" if step else source, 200),
        "says": clean(note.says, TEXT),
    }


def _clean_up(each: CleanUp, started: float) -> dict[str, Any]:
    return {
        "name": clean(each.name, 120),
        "at": max(0, int((each.began - started) * 1e6)),
        "took": max(each.took, 0),
        "ok": each.ok,
        "skipped": clean(each.skipped, 200),
        "trouble": clean(each.trouble, 300),
        "requests": [exchange.evidence() for exchange in each.exchanges[-REQUESTS:]],
    }


def _fitted(record: dict[str, Any]) -> dict[str, Any]:
    """The record within LARGEST: first the bodies of what went well are shortened, then every body, then they go."""
    for keep, all_steps in ((None, False), (200, False), (200, True), (0, True)):
        if keep is not None:
            _shorten(record, keep, all_steps=all_steps)
        if len(json.dumps(record, ensure_ascii=False).encode()) <= LARGEST:
            return record
    for step in record["steps"]:
        step["requests"] = step["requests"][-3:]
        step["checks"] = [check for check in step["checks"] if not check["ok"]][:10]
    record["notes"] = record["notes"][:5]
    return record


def _shorten(record: dict[str, Any], keep: int, *, all_steps: bool) -> None:
    for part in (*record["steps"], *record["cleanups"]):
        if part["ok"] or all_steps:
            for request in part["requests"]:
                for name in ("request", "response"):
                    if isinstance(request.get(name), str):
                        request[name] = clean(request[name], keep, lines=True) if keep else ""
                if keep == 0:
                    request["headers"] = request["request_headers"] = {}
