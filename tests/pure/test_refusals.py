"""What providers' errors mean: a wait, an unpaid bill and a provider without room, though all three are 429."""

from __future__ import annotations

from typing import Any

import pytest

from probes.tools import Missing
from probes.tools.dialects import dialect
from probes.words.failure import Failure

OWN_LIMIT = (
    "LiteLLM Rate Limit Handler for rate limit type = key. Crossed TPM / RPM / Max Parallel Request Limit. "
    "current rpm: 1, rpm limit: 1"
)
OWN_LIMIT_NEW = (
    "Rate limit exceeded for api_key: 88dc. Limit type: requests. Current limit: 1, Remaining: 0. "
    "Limit resets at: 2026-11-26 02:20:26 UTC"
)
UNPAID = "litellm.RateLimitError: RateLimitError: OpenAIException - You exceeded your current quota, check your plan"
PASSED_ON = "litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached for gpt-5-mini"


def openai(**error: Any) -> dict[str, Any]:
    """An error in OpenAI's shape."""
    return {"error": error}


def anthropic(kind: str, message: str = "", **more: Any) -> dict[str, Any]:
    """An error in Anthropic's shape."""
    return {"type": "error", "error": {"type": kind, "message": message, **more}, "request_id": "req_1"}


@pytest.mark.parametrize(
    ("name", "status", "document", "failure", "says"),
    [
        ("openai", 429, openai(code="rate_limit_exceeded", type="tokens"), Failure.RATE_LIMITED, "limits requests"),
        ("openai", 429, openai(code="insufficient_quota"), Failure.QUOTA, "says that the quota is used up"),
        ("openai", 429, openai(code="credit_balance_exhausted"), Failure.QUOTA, "quota"),
        ("openai", 429, openai(code="engine_overloaded"), Failure.PROVIDER_DOWN, "is overloaded"),
        ("openai", 503, openai(code="slow_down", type="server_error"), Failure.PROVIDER_DOWN, "is overloaded"),
        ("openai-responses", 503, openai(code="server_is_overloaded"), Failure.PROVIDER_DOWN, "is overloaded"),
        ("openai", 404, openai(code="model_not_found"), Failure.CONTRACT_CHANGED, "does not have the model gpt-9"),
        ("openai", 400, openai(code="context_length_exceeded"), Failure.CONTRACT_CHANGED, "longer than"),
        ("openai", 401, openai(code="invalid_api_key"), Failure.AUTH, "refuses access"),
        ("openai", 403, openai(code="unsupported_country_region_territory"), Failure.AUTH, "refuses access"),
        ("openai", 429, {"detail": "Too Many Requests"}, Failure.RATE_LIMITED, "Too Many Requests"),
        ("openai", 400, {"error": "maximum context length is 4096 tokens"}, Failure.CONTRACT_CHANGED, "longer than"),
        ("openai", 429, {"error": "slow (engine_overloaded)"}, Failure.PROVIDER_DOWN, "is overloaded"),
        ("openai", 429, openai(message=OWN_LIMIT, type="None", code="429"), Failure.RATE_LIMITED, "proxy's own"),
        ("openai", 429, openai(message=OWN_LIMIT_NEW, code="429"), Failure.RATE_LIMITED, "proxy's own"),
        ("openai", 429, openai(message=PASSED_ON, code="429"), Failure.RATE_LIMITED, "passed on by a LiteLLM"),
        ("openai", 429, openai(message=UNPAID, type="throttling_error", code="429"), Failure.QUOTA, "passed on by a"),
        ("openai", 400, openai(message="Budget has been exceeded! Current cost: 2", type="budget_exceeded"),
         Failure.QUOTA, "proxy's own"),
        ("openai", 400, openai(message="Invalid model name passed in model=gpt-9", code="400"),
         Failure.CONTRACT_CHANGED, "does not have the model gpt-9"),
        ("anthropic", 429, anthropic("rate_limit_error"), Failure.RATE_LIMITED, "limits requests"),
        ("anthropic", 429, anthropic("rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}),
         Failure.QUOTA, "enforced_spend_limit_reached"),
        ("anthropic", 429, anthropic("rate_limit_error", details={"error_code": "contract_spend_limit_reached"}),
         Failure.QUOTA, "quota"),
        ("anthropic", 429, anthropic("rate_limit_error", details={"error_code": "ramp_limit_exceeded"}),
         Failure.RATE_LIMITED, "ramp_limit_exceeded"),
        ("anthropic", 400, anthropic("invalid_request_error", "Your credit balance is too low to access the API"),
         Failure.QUOTA, "quota"),
        ("anthropic", 400, anthropic("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
         Failure.CONTRACT_CHANGED, "longer than the model takes"),
        ("anthropic", 402, anthropic("billing_error"), Failure.QUOTA, "quota"),
        ("anthropic", 403, anthropic("permission_error"), Failure.AUTH, "refuses access"),
        ("anthropic", 404, anthropic("not_found_error", "model: gpt-9"), Failure.CONTRACT_CHANGED, "the model gpt-9"),
        ("anthropic", 404, anthropic("not_found_error", "Not Found"), Failure.CONTRACT_CHANGED, "nothing at this path"),
        ("anthropic", 500, anthropic("api_error"), Failure.PROVIDER_DOWN, "api_error"),
        ("anthropic", 504, anthropic("timeout_error"), Failure.PROVIDER_DOWN, "timeout_error"),
        ("anthropic", 529, anthropic("overloaded_error", "Overloaded"), Failure.PROVIDER_DOWN, "is overloaded"),
        ("anthropic", 529, Missing, Failure.PROVIDER_DOWN, "is overloaded (529)"),
        ("ollama", 404, {"error": "model 'gpt-9' not found"}, Failure.CONTRACT_CHANGED, "the model gpt-9"),
        ("ollama", 503, {"error": "server busy, please try again."}, Failure.PROVIDER_DOWN, "is overloaded"),
        ("ollama", 500, {"error": "llama runner process has terminated"}, Failure.PROVIDER_DOWN, "llama runner"),
        ("ollama", 429, {"error": "you have reached your weekly usage limit"}, Failure.QUOTA, "quota"),
        ("ollama", 502, Missing, Failure.APP_ERROR, "502"),
    ],
)  # fmt: skip
def test_what_an_error_means(name: str, status: int, document: Any, failure: Failure, says: str) -> None:
    found = dialect(name).refused(status, {}, document, "gpt-9")
    assert (found.failure, says in found.sentence) == (failure, True), found.sentence


def test_a_code_that_says_what_the_sentence_says_is_not_repeated() -> None:
    found = dialect("openai").refused(503, {}, openai(code="overloaded", message="Try again later."))
    assert found.sentence == "is overloaded: Try again later."
    bare = dialect("openai").refused(503, {}, openai(code="overloaded"))
    assert bare.sentence == "is overloaded: overloaded"


def limited(remaining: str, reset: str) -> dict[str, str]:
    """OpenAI's headers."""
    parts = {"limit": "9", "remaining": remaining, "reset": reset}
    return {f"x-ratelimit-{part}-tokens": value for part, value in parts.items()}


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        (limited("0", "6m0s"), 360.0),
        (limited("0", "120ms"), 0.12),
        (limited("5", "6m0s"), None),
        ({"anthropic-ratelimit-requests-limit": "50", "anthropic-ratelimit-requests-remaining": "0",
          "anthropic-ratelimit-requests-reset": "2026-11-26T02:20:40Z", "date": "Thu, 26 Nov 2026 02:20:00 GMT"}, 40.0),
        ({"retry-after": "999999"}, 3_600.0),
        ({}, None),
    ],
)  # fmt: skip
def test_how_long_to_wait(headers: dict[str, str], wait: float | None) -> None:
    assert dialect("openai").refused(429, headers, openai(code="rate_limit_exceeded")).retry_after == wait


def test_nobody_is_asked_about_a_proxys_own_limit() -> None:
    own = dialect("openai").refused(429, {}, openai(message=OWN_LIMIT, code="429"))
    passed = dialect("openai").refused(429, {}, openai(message=PASSED_ON, code="429"))
    assert (own.witness, passed.witness) == ("", "openai")
