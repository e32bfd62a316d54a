"""Matchers about answers and documents: what holds, and what is said when it does not. See test_checks for the form."""

from __future__ import annotations

from typing import Any

WEEK = "Gerne, wir haben am Dienstag um 10 Uhr noch einen Termin frei. Soll ich ihn für Sie buchen?"
SLOT = "Yes, we have an appointment for you on Tuesday at 10. Would you like me to book it?"
INVOICE = {"expected": {"total": 1250.5, "due": "2026-12-01"}, "at-least": "90%"}

ANSWERS: list[tuple[str, tuple[Any, ...], Any, str, Any, str]] = [
    (
        "word_count",
        (2, 4),
        "It's 10:00 now",
        "$.x has 2 to 4 words",
        "Yes.",
        '$.x should have 2 to 4 words, got 1 in "Yes."',
    ),
    (
        "language",
        ("de",),
        WEEK,
        "$.x is in German",
        "This is not what you asked for.",
        '$.x should be in German, got English: "This is not what you asked for."',
    ),
    (
        "is_refusal",
        (),
        "I'm sorry, but I can't help with that.",
        "$.x is a refusal",
        "We are open.",
        '$.x should be a refusal, got "We are open."',
    ),
    (
        "contains_json",
        ({"type": "object", "required": ["id"]},),
        'Here you are:\n```json\n{"id": 1}\n```\nBye.',
        "$.x contains JSON that fits the JSON Schema",
        'It is {"di": 1}.',
        "$.x should contain JSON that fits the JSON Schema, got $: 'id' is a required property",
    ),
    (
        "nearly_equals",
        ("A cleaning is booked", "90%"),
        "a cleaning  is booked.",
        '$.x nearly equals "A cleaning is booked", to 90%',
        "Nothing is booked",
        '$.x should nearly equal "A cleaning is booked", to 90%, got 65% in "Nothing is booked"',
    ),
    (
        "citation_present",
        (["docs.example.com"],),
        "See https://docs.example.com/hours.",
        "$.x cites a source and only docs.example.com",
        "See https://docs.example.com/a and https://evil.example/b.",
        "$.x should cite a source and only docs.example.com, got https://evil.example/b.",
    ),
    (
        "label_in",
        ("booked", "not booked"),
        '"Not-booked".',
        '$.x is one of the labels "booked", "not booked"',
        "The label is booked",
        '$.x should be one of the labels "booked", "not booked", got "The label is booked"',
    ),
    (
        "field_accuracy",
        (INVOICE,),
        {"total": "1.250,50 €", "due": "1 December 2026"},
        "$.x gets at least 90% of 2 fields right",
        '{"total": 120, "due": "2026-12-01"}',
        "$.x should get at least 90% of 2 fields right, got 1 of 2 fields right; $.total: 120 instead of 1250.5",
    ),
]
