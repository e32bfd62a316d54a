"""What is a secret by its looks is hidden, though nobody told us of it; what only resembles one is not."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.tools.answer import excerpt
from probes.words.secret import HIDDEN, NOTHING, Redactor

# Written in two parts each, so that nobody's scanner takes this file for a leak.
KEYS = {
    "OpenAI": "sk-" + "proj-T4aB9x_Zq1LmN8vKcR2yW7eUo3",
    "Anthropic": "sk-" + "ant-api03-T4aB9xZq1LmN8vKcR2yW7eUo3-AA",
    "AWS": "AKIA" + "Q3EGRIDS7FTEA2XM",
    "GitHub": "ghp_" + "x7Kq2mW9pLr4Tz6Vb8Nc1Yd3Fg5Hj0SaQwEr",
    "GitHub's newer": "github_pat_" + "11ABCDEFG0x7Kq2mW9pLr4_Tz6Vb8Nc1Yd3Fg5Hj0SaQwEr",
    "GitLab": "glpat-" + "x7Kq2mW9pLr4Tz6Vb8Nc",
    "Slack": "xoxb-" + "123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx",
    "Google": "AIza" + "SyD4aB9xZq1LmN8vKcR2yW7eUo3Pf6Gh5Ij",
    "Stripe": "sk_live_" + "51H8x7Kq2mW9pLr4Tz6Vb8Nc",
    "Hugging Face": "hf_" + "x7Kq2mW9pLrTzVbNcYdFgHjSaQwErTyUi",
    "SendGrid": "SG." + "x7Kq2mW9pLr4Tz6Vb8Nc1Y.d3Fg5Hj0SaQwErTyUiOpAsDfGhJkLzXcVbNm",
    "JWT": "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
}


@pytest.mark.parametrize("whose", KEYS)
@pytest.mark.parametrize("around", ["{}", "the key {} is not valid", '{{"key":"{}"}}', "?key={}&more", "<b>{}</b>"])
def test_a_providers_key_is_hidden_wherever_it_stands(whose: str, around: str) -> None:
    shown = NOTHING.text(around.format(KEYS[whose]))
    assert HIDDEN in shown
    assert KEYS[whose][4:] not in shown and KEYS[whose][-10:] not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://app:s3cr3t@db:5432/x is down", "postgres://app:[secret]@db:5432/x is down"),
        ("Authorization: Bearer 9f8e7d6c5b4a39281706", "Authorization: Bearer [secret]"),
        ("OPENAI_API_KEY=9f8e7d6c5b4a39281706\nPORT=80", "OPENAI_API_KEY=[secret]\nPORT=80"),
        ('{"DB_PASSWORD": "correct-horse-1", "x": 1}', '{"DB_PASSWORD": "[secret]", "x": 1}'),
        ("'SESSION_SECRET' => 'abcdefghijk1',", "'SESSION_SECRET' => '[secret]',"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\n-----END RSA", "[secret]-----END RSA"),
    ],
)
def test_what_a_page_of_debugging_shows_is_hidden(text: str, shown: str) -> None:
    assert NOTHING.text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "OPENAI_API_KEY: environment variable not set",
        "missing SECRET: set one",
        "a bearer authentication-is-required answer",
        "https://example.com:8080/@ana/notes",
        "write to ana@example.com: https://example.com",
        '<div class="sk-folding-cube-of-a-spinner">',
        "a risk-free-and-really-long-hyphenated-word",
        "max_tokens: 4096, PASSWORD: required",
        "task-1234567890-1234567890-1234567890",
        "-----BEGIN CERTIFICATE-----\nMIIEpAIBAAKCAQEA7",
        "the answer is eyJhbGciOiJIUzI1NiJ9 and no more",
    ],
)
def test_what_only_resembles_a_secret_is_shown(text: str) -> None:
    assert NOTHING.text(text) == text


@given(st.text(max_size=200), st.sampled_from(sorted(KEYS)), st.text(max_size=200))
def test_an_excerpt_never_ends_within_a_key(before: str, whose: str, after: str) -> None:
    shown = excerpt(f"{before} {KEYS[whose]} {after}", 120, redactors=(Redactor.of(["hunter2hunter2"]),))
    assert KEYS[whose][:14] not in shown


NAMES = ["x", "API_KEY", "A_KEY=", "PASSWORD", "at ://a:b", "SECRET: 'abc1", "-----BEGIN PRIVATE KEY-----", "Bearer 1"]


@given(st.recursive(
    st.none() | st.integers() | st.text(max_size=20) | st.sampled_from(sorted(KEYS.values())),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=6), inner, max_size=3),
    max_leaves=10,
))  # fmt: skip
def test_a_document_remains_one(document: object) -> None:
    json.loads(NOTHING.text(json.dumps(document)))


HOSTILE = ["-eyJ", "-eyJaaaaaaaaaaa.eyJ-", "://a:bbbb", "_KEY=", "Bearer ", "/xoxb-", "SG.aaaaaaaaaaaaaaaaaaaa.", "@://",
           "-----BEGIN PRIVATE KEY-----"]  # fmt: skip


@pytest.mark.parametrize("part", HOSTILE)
def test_no_text_makes_the_search_long(part: str) -> None:
    began = time.process_time()
    NOTHING.text(part * (200_000 // len(part)))
    assert time.process_time() - began < 0.5, "seconds; with a search that goes back and forth it would be minutes"
