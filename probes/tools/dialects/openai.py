"""OpenAI's Chat Completions, and the many servers that speak it more or less."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from probes import classify
from probes.tools import Missing, Trouble
from probes.tools.dialects import Piece, Usage
from probes.words.failure import Failure
from probes.words.text import clean

NAME = "openai"
_LAST = "[DONE]"
_VERSIONED = re.compile(r"/v\d+\Z")
_STATUS = re.compile(r"[45][0-9][0-9]")
_REASONING = re.compile(r"(?:[a-z]+/)?(?:o\d|gpt-[5-9])")  # models that refuse `max_tokens`

# An error's code decides, then its type, then the status: one 429 may be a limit to wait for, another an unpaid bill.
_CODES: Mapping[str, Failure] = {
    "insufficient_quota": Failure.QUOTA,
    "credit_balance_exhausted": Failure.QUOTA,
    "billing_hard_limit_reached": Failure.QUOTA,
    "billing_not_active": Failure.QUOTA,
    "billing_error": Failure.QUOTA,
    "rate_limit_exceeded": Failure.RATE_LIMITED,
    "rate_limit_error": Failure.RATE_LIMITED,
    "requests": Failure.RATE_LIMITED,
    "tokens": Failure.RATE_LIMITED,
    "invalid_api_key": Failure.AUTH,
    "account_deactivated": Failure.AUTH,
    "authentication_error": Failure.AUTH,
    "permission_error": Failure.AUTH,
    "permission_denied": Failure.AUTH,
    "unsupported_country_region_territory": Failure.AUTH,
    "model_not_found": Failure.CONTRACT_CHANGED,
    "context_length_exceeded": Failure.CONTRACT_CHANGED,
    "not_found_error": Failure.CONTRACT_CHANGED,
    "content_filter": Failure.REFUSED,
    "content_policy_violation": Failure.REFUSED,
    "invalid_prompt": Failure.REFUSED,
    "server_error": Failure.PROVIDER_DOWN,
    "internal_server_error": Failure.PROVIDER_DOWN,
    "internal_error": Failure.PROVIDER_DOWN,
    "api_error": Failure.PROVIDER_DOWN,
    "service_unavailable": Failure.PROVIDER_DOWN,
    "overloaded": Failure.PROVIDER_DOWN,
    "overloaded_error": Failure.PROVIDER_DOWN,
    "engine_overloaded": Failure.PROVIDER_DOWN,
    "server_is_overloaded": Failure.PROVIDER_DOWN,
    "slow_down": Failure.PROVIDER_DOWN,
    "timeout": Failure.PROVIDER_DOWN,
}
# A LiteLLM proxy without a database has nowhere to look a key up and answers 400 to every key but its master key.
_UNKNOWN_KEY = (400, "no_db_connection")
_UNKNOWN_KEY_MEANS = " (a LiteLLM proxy without a database says this of a key that it does not know)"
_PROVIDERS = frozenset({Failure.QUOTA, Failure.RATE_LIMITED, Failure.PROVIDER_DOWN, Failure.REFUSED})


def path(url: str) -> str:
    """Where questions are posted: below `/v1`, which the target's url may already name."""
    return "/chat/completions" if _VERSIONED.search(url) else "/v1/chat/completions"


def question(
    messages: Sequence[Mapping[str, Any]], settings: Mapping[str, Any], *, stream: bool = True
) -> dict[str, Any]:
    """The body of a question; `settings` may hold model, system and max_tokens."""
    model = str(settings.get("model") or "")
    system = settings.get("system")
    body: dict[str, Any] = {
        "model": model,
        "messages": [*([{"role": "system", "content": system}] if system else []), *map(dict, messages)],
    }
    if settings.get("max_tokens"):
        name = "max_completion_tokens" if _REASONING.match(model) else "max_tokens"
        body[name] = int(settings["max_tokens"])
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


def read(data: str) -> Piece:
    """One event of the stream. Only the last, `[DONE]`, is not JSON; raises Trouble for an error sent in mid-stream."""
    if data.strip() == _LAST:
        return Piece(last=True)
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError):
        raise Trouble(Failure.GARBAGE, f"an event of the answer is not JSON: {clean(data, 80)}", "total") from None
    if not isinstance(chunk, dict):
        raise Trouble(Failure.GARBAGE, f"an event of the answer is no object: {clean(data, 80)}", "total")
    return _piece(chunk, "delta")


def whole(document: Any) -> Piece:
    """An answer that came in one document."""
    if not isinstance(document, dict):
        raise Trouble(Failure.GARBAGE, "the answer is not a JSON object")
    if not _error(document) and not isinstance(document.get("choices"), list):
        raise Trouble(Failure.CONTRACT_CHANGED, "the answer has no choices: this is not a chat completion")
    return _piece(document, "message")


def refused(status: int, headers: Mapping[str, str], document: Any) -> Trouble:
    """What an answer of status 400 and more means."""
    error = _error(document) if isinstance(document, dict) else None
    if error is None:
        bare = classify.of_status(status, headers) or classify.Cause(Failure.CONTRACT_CHANGED, f"answered {status}")
        witness = NAME if bare.failure in _PROVIDERS else ""
        return Trouble(bare.failure, bare.sentence, bare.phase, bare.retry_after, witness)
    return _trouble(error, status, classify.retry_after(headers))


def _piece(chunk: Mapping[str, Any], part: str) -> Piece:
    if (error := _error(chunk)) is not None:
        raise _trouble(error, 200, None)
    choices = chunk.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    said = choice.get(part) or choice.get("message")
    said = said if isinstance(said, dict) else {}
    return Piece(
        text=_text(said.get("content")),
        hidden=bool(said.get("reasoning") or said.get("reasoning_content")),
        refusal=_text(said.get("refusal")),
        tool=bool(said.get("tool_calls") or said.get("function_call")),
        finish=_text(choice.get("finish_reason")),  # some servers send "" where null is meant
        usage=_usage(chunk.get("usage")),
        model=_text(chunk.get("model")),
        fingerprint=_text(chunk.get("system_fingerprint")),
        last=chunk.get("object") == "chat.completion",  # a whole answer, though it was sent as if it were a stream
    )


def _text(value: Any) -> str:
    if isinstance(value, list):  # content in parts, as some servers send it
        return "".join(_text(part.get("text")) for part in value if isinstance(part, dict))
    return value if isinstance(value, str) else ""


def _usage(found: Any) -> Usage | None:
    if not isinstance(found, dict):
        return None
    out, inn = found.get("completion_tokens_details"), found.get("prompt_tokens_details")
    return Usage(
        _count(found.get("prompt_tokens")),
        _count(found.get("completion_tokens")),
        _count(out.get("reasoning_tokens")) if isinstance(out, dict) else None,
        _count(inn.get("cached_tokens")) if isinstance(inn, dict) else None,
    )


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else None


def _error(chunk: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The error in a document, as an object whatever its shape, or None."""
    error = chunk.get("error")
    if isinstance(error, dict):
        return error
    if error not in (None, "", False, Missing):
        return {"message": str(error)}
    return chunk if chunk.get("object") == "error" else None


def _trouble(error: Mapping[str, Any], status: int, wait: float | None) -> Trouble:
    code, kind = error.get("code"), error.get("type")
    message = clean(str(error.get("message") or ""), 200)
    failure = _CODES.get(str(code).lower()) or _CODES.get(str(kind).lower())
    unknown_key = (status, kind) == _UNKNOWN_KEY
    if failure is None:
        failure = Failure.AUTH if unknown_key else _by_status(_status(code) or status, message)
    words = [word for word in (code, kind) if isinstance(word, str) and word]
    name = min(words, key=lambda word: word.isdecimal(), default="")  # "429" says less than a word does
    said = clean(": ".join(filter(None, (name, message))), 260) or "it does not say why"
    begin = "answered with an error" if status >= 400 else "broke off with an error in the answer"
    said += _UNKNOWN_KEY_MEANS if unknown_key else ""
    return Trouble(failure, f"{begin}: {said}", "", wait, NAME if failure in _PROVIDERS else "")


def _status(code: Any) -> int | None:
    """An error's code where it is a status: a gateway writes "429" into a stream that began with 200."""
    if isinstance(code, str) and _STATUS.fullmatch(code):
        code = int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _by_status(status: int, message: str) -> Failure:
    if status == 429 and "quota" in message.lower():
        return Failure.QUOTA
    if status < 400 or status >= 500:
        return Failure.PROVIDER_DOWN  # an error in the shape of a provider's, of the server's own making
    cause = classify.of_status(status)
    return cause.failure if cause else Failure.CONTRACT_CHANGED
