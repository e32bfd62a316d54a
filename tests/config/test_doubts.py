"""What is allowed and leads elsewhere than it seems: said as warnings, and only where it does."""

from __future__ import annotations

import pytest

from monitor.config.load import load_text

WORKFLOWS = """
workflows:
  w:
    url: https://x.example
    depends_on: [openai]
    chat: {dialect: openai%s}
    probes: {p: {ask: Hi, check: [{contains: a}]%s}}
"""
KEYED = 'key: "${secret:K}", '
PRICED = "price: {input: 1, output: 2}, "


def warned(provider: str, *, chat: str = ", model: m", probe: str = "") -> list[str]:
    """The warnings of one provider, one workflow and one probe, without their places."""
    text = f"providers: {{openai: {{{provider}}}}}" + WORKFLOWS % (chat, probe)
    return [line.partition(": ")[2] for line in load_text(text, secrets={"K": "sk-12345678"}).warnings]


def test_a_provider_that_is_whole_has_no_warning() -> None:
    assert warned(KEYED + PRICED + "model: m, spend: {usd: 1}", probe=", spend: {usd: 0.1}") == []


@pytest.mark.parametrize(
    ("provider", "write"),
    [
        (KEYED + "headroom: 20%", "add model: NAME for a canary, or canary: false"),
        ("model: m", 'add key: "${secret:NAME}" for a canary, or canary: false'),
        ("dialect: openai", 'add model: NAME and key: "${secret:NAME}" for a canary, or canary: false'),
    ],
)
def test_a_provider_that_nobody_asks_is_said_to_be_so(provider: str, write: str) -> None:
    assert warned(provider) == [f"nobody asks openai whether it answers, so no page can name it; {write}"]


@pytest.mark.parametrize("provider", ["model: m, canary: false", "dialect: ollama, model: m"])
def test_one_that_needs_no_key_or_is_left_out_on_purpose_is_not(provider: str) -> None:
    assert warned(provider) == []


def test_money_that_nobody_can_count_limits_nothing_and_is_said_to() -> None:
    (line,) = warned(KEYED + "model: m, spend: {usd: 1}")
    unknown = "what openai costs is not known, so its limit in USD limits nothing"
    assert line == f"{unknown}; add price: {{input: …, output: …}}"
    (line,) = warned(KEYED + "model: m", probe=", spend: {usd: 0.1}")
    assert line.startswith("what p costs is not known") and "under providers.openai" in line
    assert warned(KEYED + "model: m", probe=", spend: {usd: 0.1}, costs: {usd: 0.01}") == []


def test_a_model_without_a_name_is_asked_for_with_a_warning() -> None:
    (line,) = warned(KEYED + PRICED + "model: m", chat="")
    assert line == "no model is asked for; add model: NAME unless its server has one alone"


PEOPLE = """
people:
  ana: {name: Ana, slack: U012AB3CD, phone: ["ntfy:${secret:ANA}", "pushover:${secret:BOTH}"]}
  bo: {name: Bo, slack: %s, phone: ["ntfy:${secret:%s}"]}
"""


def test_two_people_with_one_phone_or_one_slack_id_are_said_to_be_so() -> None:
    def of(slack: str, phone: str) -> list[str]:
        text = PEOPLE % (slack, phone) + WORKFLOWS % (", model: m", "")
        secrets = {"ANA": "ana-1234", "BO": "bo-12345", "BOTH": "both-123"}
        text = f"providers: {{openai: {{{KEYED}{PRICED}model: m}}}}{text}"
        found = load_text(text, secrets=secrets | {"K": "sk-12345678"}).warnings
        return [line.partition(": ")[2] for line in found if "bo has" in line]

    end = "of ana, so telling one after the other tells the same one twice; give each their own"
    assert of("U045EF6GH", "BO") == []
    assert of("U045EF6GH", "ANA") == [f"bo has the phone {end}"]
    assert of("U012AB3CD", "BO") == [f"bo has the slack {end}"]
