"""What an error means: by the provider's code, then its type, then what it says, then the status.

One 429 may be a limit to wait for, another an unpaid bill, a third a provider without room. The codes are those of
OpenAI, Anthropic, Ollama, vLLM and the LiteLLM proxy in one table: a server that speaks one's dialect often passes on
another's words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from probes import classify
from probes.tools import Missing, Trouble
from probes.tools.limits import limits
from probes.words.failure import Failure
from probes.words.text import clean

_QUOTA = """insufficient_quota credit_balance_exhausted billing_hard_limit_reached billing_not_active billing_error
    payment_required enforced_spend_limit_reached contract_spend_limit_reached budget_exceeded access_terminated"""
_RATE = "rate_limit_exceeded rate_limit_error ramp_limit_exceeded requests tokens too_many_requests throttling_error"
_AUTH = """invalid_api_key account_deactivated authentication_error permission_error permission_denied auth_error
    unsupported_country_region_territory ip_not_authorized invalid_organization invalid_authentication"""
_GONE = "model_not_found not_found_error deployment_not_found model_not_available invalid_model"
_LONG = "context_length_exceeded string_above_max_length request_too_large contextwindowexceedederror"
_REFUSED = "content_filter content_policy_violation invalid_prompt contentpolicyviolationerror"
_FULL = """overloaded overloaded_error engine_overloaded engine_overloaded_error server_is_overloaded slow_down
    model_overloaded service_unavailable capacity_exceeded"""
_DOWN = "server_error internal_server_error internal_error api_error timeout timeout_error vector_store_timeout"

# Kinds finer than failures, as each has a sentence of its own.
_KINDS: Mapping[str, tuple[Failure, str]] = {
    "quota": (Failure.QUOTA, "says that the quota is used up"),
    "rate": (Failure.RATE_LIMITED, "limits requests"),
    "auth": (Failure.AUTH, "refuses access"),
    "gone": (Failure.CONTRACT_CHANGED, "does not have the model"),
    "long": (Failure.CONTRACT_CHANGED, "finds the question longer than the model takes"),
    "refused": (Failure.REFUSED, "refused the question"),
    "full": (Failure.PROVIDER_DOWN, "is overloaded"),
    "down": (Failure.PROVIDER_DOWN, ""),
}
_CODES: Mapping[str, str] = {
    code: kind
    for kind, codes in {
        "quota": _QUOTA,
        "rate": _RATE,
        "auth": _AUTH,
        "gone": _GONE,
        "long": _LONG,
        "refused": _REFUSED,
        "full": _FULL,
        "down": _DOWN,
    }.items()
    for code in codes.split()
}
# What is said where no code tells; lower case, with the statuses (200: in mid-stream) in which it is believed.
_LIMITING = frozenset({200, 400, 402, 403, 429})
_WORDS: Sequence[tuple[frozenset[int], str, tuple[str, ...]]] = (
    (_LIMITING, "quota", ("quota", "usage limit", "credit balance", "spend limit", "budget", "billing", "payment")),
    (frozenset({200}), "rate", ("rate limit", "too many requests")),
    (frozenset({200, 400, 413}), "long", ("context length", "context window", "prompt is too long", "context size")),
    (frozenset({200, 429, 500, 502, 503}), "full", ("overloaded", "server busy", "at capacity", "no capacity")),
    (frozenset({200}), "rate", ("rate limit", "too many requests")),
    (frozenset({200, 400, 404}), "gone", ("model not found", "model does not exist", "invalid model name")),
)
_NO_MODEL = re.compile(r"\bmodel:? [`'\"]?[^\s`'\"]{1,120}[`'\"]? (?:was )?(?:not found|does not exist|is not found)")
_WORD = re.compile(r"\b[a-z]{1,30}(?:_[a-z]{1,30}){1,5}\b")  # a code within a text, where an error is text alone
_NO_SUCH_PATH = frozenset({"not found", "404 page not found"})
# A LiteLLM proxy counts against limits of its own, which no provider can lift, and passes on the provider's.
_OWN_LIMIT = (
    "litellm rate limit handler",
    "crossed tpm / rpm",
    "limit resets at:",
    "over user-defined ratelimit",
    "no deployments available",
    "exceededbudget",
    "budget has been exceeded",
)
_PASSED_ON = re.compile(r"litellm\.\w+error: .{0,200}exception - ", re.DOTALL)
# What it calls throttling may be an unpaid bill: the provider's own words are passed on behind its name for it.
_UNPAID = ("insufficient_quota", "exceeded your current quota", "check your plan and billing")
# Without a database it has nowhere to look a key up and answers 400 to every key but its master key.
_UNKNOWN_KEY = "no_db_connection"
_UNKNOWN_KEY_MEANS = " (a LiteLLM proxy without a database says this of a key that it does not know)"
_STATUS = re.compile(r"[45][0-9][0-9]")
_LONGEST_WAIT = 3_600.0
_PROVIDERS = frozenset({Failure.QUOTA, Failure.RATE_LIMITED, Failure.PROVIDER_DOWN, Failure.REFUSED})


def error_in(document: Any, *, refused: bool = False) -> tuple[list[object], object] | None:
    """(its names for itself, the finest first; what it says) of the error in a document, None where there is none.

    An error is an object or plain text, may lie at the top, or, in what was `refused`, under FastAPI's `detail`.
    """
    if not isinstance(document, dict):
        return None
    found = document.get("error")
    if found in (None, "", False, Missing) and refused:
        found = document.get("detail")
    if isinstance(found, dict) and isinstance(found.get("error"), dict):
        found = found["error"]
    if found in (None, "", False, Missing):
        if document.get("object") != "error" and document.get("type") != "error" and not refused:
            return None
        found = document if isinstance(document.get("message"), str) else None
    if isinstance(found, dict):
        details = found.get("details")
        finest = details.get("error_code") if isinstance(details, dict) else None
        return [finest, found.get("code"), found.get("type")], found.get("message") or found.get("error")
    return None if found is None else ([], found)


def of_document(
    document: Any, *, status: int, headers: Mapping[str, str], witness: str, model: str = ""
) -> Trouble:
    """What an answer of status 400 and more means, with its document or Missing."""
    error = error_in(document, refused=True)
    if error is None:
        return bare(status, headers, witness)
    return trouble(*error, status=status, headers=headers, witness=witness, model=model)


def bare(status: int, headers: Mapping[str, str], witness: str) -> Trouble:
    """What an answer of status 400 and more means that says nothing in its dialect."""
    if status == 529:
        return Trouble(Failure.PROVIDER_DOWN, "is overloaded (529)", "", wait(headers), witness)
    cause = classify.of_status(status, headers) or classify.Cause(Failure.CONTRACT_CHANGED, f"answered {status}")
    after = cause.retry_after if cause.retry_after is not None else wait(headers)
    return Trouble(cause.failure, cause.sentence, cause.phase, after, witness if cause.failure in _PROVIDERS else "")


def trouble(
    codes: Sequence[object],
    message: object,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    witness: str = "",
    model: str = "",
) -> Trouble:
    """The trouble an error means. `codes` are the names it gives itself, the finest first; status 200: mid-stream."""
    names = [name for name in codes if isinstance(name, str) and name and name != "None"]
    said = clean(str(message or ""), 200)
    lowered = said.lower()
    real = next((number for code in codes if (number := _status(code)) is not None), None) or status
    known = (_CODES[name.lower()] for name in (*names, *_WORD.findall(lowered)) if name.lower() in _CODES)
    kind = next(known, "") or _by_words(lowered, real)
    if kind == "rate" and any(words in lowered for words in _UNPAID):
        kind = "quota"
    unknown_key = _UNKNOWN_KEY in names and real == 400
    failure, sentence = _KINDS.get(kind) or (Failure.AUTH if unknown_key else _by_status(real), "")
    if kind == "gone" and status == 404 and lowered in _NO_SUCH_PATH:
        sentence = "has nothing at this path"
    elif kind == "gone" and model:
        sentence = f"does not have the model {clean(model, 80)}"
    own = failure in (Failure.RATE_LIMITED, Failure.QUOTA) and any(words in lowered for words in _OWN_LIMIT)
    after = wait(headers or {}) if failure in _PROVIDERS else None
    if failure is Failure.RATE_LIMITED and after:
        sentence += f" and asks to wait {after:g} s"
    if status < 400:
        sentence = "broke off with an error in the answer" + (f": it {sentence}" if sentence else "")
    word = min(names, key=lambda name: name.isdecimal(), default="")  # "429" says less than a word does
    word = "" if said and word and sentence.endswith(word) else word  # "is overloaded: overloaded: …"
    detail = clean(": ".join(filter(None, (word, said))), 260) or "it does not say why"
    detail += _whose(own, lowered, failure) + (_UNKNOWN_KEY_MEANS if unknown_key else "")
    asked = witness if failure in _PROVIDERS and not own else ""
    return Trouble(failure, f"{sentence or 'answered with an error'}: {detail}", "", after, asked)


def wait(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, an hour at most: as `Retry-After` asks, else until the limit that is used up is whole again."""
    asked = classify.retry_after(headers)
    if asked is not None:
        return asked
    resets = [limit.reset for limit in limits(headers).values() if limit.remaining <= 0 and limit.reset]
    return min(max(resets), _LONGEST_WAIT) if resets else None


def _whose(own: bool, lowered: str, failure: Failure) -> str:
    if own:
        return " (a limit of the LiteLLM proxy's own, not of the model's provider)"
    if failure in (Failure.RATE_LIMITED, Failure.QUOTA) and _PASSED_ON.search(lowered):
        return " (the model provider's limit, passed on by a LiteLLM proxy)"
    return ""


def _by_words(lowered: str, status: int) -> str:
    if status in (200, 400, 404) and _NO_MODEL.search(lowered):
        return "gone"
    hints = (kind for believed, kind, words in _WORDS if status in believed and any(word in lowered for word in words))
    return next(hints, "")


def _status(code: object) -> int | None:
    """An error's code where it is a status: a gateway writes "429" into a stream that began with 200."""
    if isinstance(code, str) and _STATUS.fullmatch(code):
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) and 400 <= code <= 599 else None


def _by_status(status: int) -> Failure:
    if status < 400 or status >= 500:
        return Failure.PROVIDER_DOWN  # an error in the shape of a provider's, of the server's own making
    cause = classify.of_status(status)
    return cause.failure if cause else Failure.CONTRACT_CHANGED
