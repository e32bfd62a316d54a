"""How a model is talked to, as it is written: every dialect, and what cannot work said with its fix."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from monitor.config.load import load_text
from probes.words.dialects import DIALECT_NAMES
from probes.words.errors import ConfigError

FILE = """
workflows:
  w:
    url: http://127.0.0.1:9
    chat: {%s}
    probes: {p: {ask: hi, %s check: [{contains: x}]}}
"""


def target(chat: str, probe: str = "") -> dict[str, Any]:
    """The chat that a host is handed."""
    found: dict[str, Any] = load_text(FILE % (chat, probe)).workflows["w"].environments["production"].target["chat"]
    return found


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_every_dialect_may_be_spoken(name: str) -> None:
    assert target(f"dialect: {name}, model: m") == {"dialect": name, "model": "m"}


def test_what_a_host_is_handed_has_the_names_of_the_file() -> None:
    chat = target(
        "dialect: ollama, model: m, schema: {type: object}, tools: {book: {parameters: {day: string}}}, "
        "options: {seed: 7}, fallback: [n], known_as: [o], needs_end: false"
    )
    assert chat["schema"] == {"type": "object"}
    assert chat["tools"]["book"]["parameters"] == {"day": "string"}
    assert (chat["options"], chat["fallback"], chat["needs_end"]) == ({"seed": 7}, ["n"], False)


@pytest.mark.parametrize(
    ("chat", "probe", "says"),
    [
        ("dialect: gpt, model: m", "", "write openai, openai-responses, anthropic or ollama"),
        ("dialect: openai, post: /chat, send: x", "", "chat needs one of these"),
        ("dialect: openai, options: {max_tokens: 5}", "", "max_tokens is no option; write max_tokens: beside options:"),
        ("dialect: openai, options: {messages: []}", "", "messages is no option; write ask: in a probe"),
        ("dialect: openai, schema: {type: objekt}", "", "not a JSON Schema"),
        ("dialect: openai, tools: {b ook: {}}", "", "cannot be a tool's name"),
        ("dialect: openai, tools: {book: {parameters: {day: dat}}}", "", "write day: string, or its JSON Schema"),
        ("post: /chat, send: '${ask}', fallback: [m]", "", "fallback is for a dialect"),
        ("post: /chat, send: x, calls: trace", "", "JSONPath"),
        ("dialect: openai, calls: $.trace", "", "calls is for an endpoint of its own"),
        ("post: /chat, send: '${ask}', schema: {type: object}", "", "schema is for a dialect"),
        ("post: /chat, send: '${ask}'", "tools: {book: {}},", "tools is for a model, and w is asked at an endpoint"),
        ("post: /chat, send: '${ask}'", "schema: {type: object},", "schema is for a model"),
    ],
)
def test_what_cannot_work_is_said_with_its_fix(chat: str, probe: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(FILE % (chat, probe))
    assert says in str(caught.value), caught.value


def test_what_the_page_on_chat_shows_can_be_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "chat.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(blocks) >= 3
    for block in blocks:
        assert load_text(block, secrets={"OPENAI": "sk-1", "ANTHROPIC": "sk-2"}).probes
