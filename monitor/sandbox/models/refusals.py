"""How a provider refuses: for each fault that stands for a refusal, its status, its code and its words, by dialect."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.sandbox.faults import Fault


class ModelRefused(Exception):
    """The provider refuses; `code` is its own name for why, `detail` a finer one where it has one."""

    def __init__(self, status: int, code: str, message: str, *, wait: float = 0.0, detail: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.wait, self.detail = status, code, message, wait, detail


Refusals = Mapping[str, tuple[int, str, str]]  # kind of fault -> status, code, message

# OpenAI's words; a dialect has its own for what it says differently.
REFUSALS: Refusals = {
    "unauthorized": (401, "invalid_api_key", "Incorrect API key provided."),
    "forbidden": (403, "unsupported_country_region_territory", "Country, region, or territory not supported."),
    "no-credit": (429, "insufficient_quota", "You exceeded your current quota, check your plan and billing details."),
    "payment-required": (402, "payment_required", "Payment is required to go on."),
    "model-missing": (404, "model_not_found", "The model does not exist or you do not have access to it."),
    "overloaded": (503, "overloaded", "The engine is currently overloaded, please try again later."),
    "engine-overloaded": (429, "engine_overloaded", "The engine is currently overloaded, please try again later."),
    "server-error": (500, "server_error", "The server had an error while processing your request."),
    "rate-limited": (429, "rate_limit_exceeded", "Rate limit reached for requests."),
}
ANTHROPIC: Refusals = {
    "unauthorized": (401, "authentication_error", "invalid x-api-key"),
    "forbidden": (403, "permission_error", "Your API key does not have permission to use the specified resource."),
    "no-credit": (429, "rate_limit_error", "Your organization has reached its monthly spend limit."),
    "payment-required": (402, "billing_error", "There is a problem with your billing; update your payment details."),
    "model-missing": (404, "not_found_error", "model: gone-model"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "engine-overloaded": (529, "overloaded_error", "Overloaded"),
    "server-error": (500, "api_error", "Internal server error"),
    "rate-limited": (429, "rate_limit_error", "This request would exceed your organization's rate limit."),
}
ANTHROPIC_DETAILS = {"no-credit": "enforced_spend_limit_reached"}  # only this tells an unpaid bill from a busy minute
OLLAMA: Refusals = {
    "unauthorized": (401, "", "unauthorized"),
    "forbidden": (403, "", "this model requires a subscription, upgrade for access: https://ollama.com/upgrade"),
    "no-credit": (429, "", "you have reached your weekly usage limit, please upgrade to continue"),
    "payment-required": (402, "", "payment required, please update your payment details"),
    "model-missing": (404, "", "model 'gone-model' not found"),
    "overloaded": (503, "", "server busy, please try again.  maximum pending requests exceeded"),
    "engine-overloaded": (503, "", "server busy, please try again.  maximum pending requests exceeded"),
    "server-error": (500, "", "llama runner process has terminated: signal: killed"),
    "rate-limited": (429, "", "too many requests"),
}


def make_refusal(fault: Fault | None, words: Refusals = REFUSALS, *, detail: str = "") -> ModelRefused | None:
    """The refusal a fault stands for in a dialect's words, if it stands for one."""
    if fault is None or fault.kind not in words:
        return None
    status, code, message = words[fault.kind]
    return ModelRefused(fault.status or status, code, fault.text or message, wait=fault.lasts(0.0), detail=detail)
