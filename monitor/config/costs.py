"""What a run costs: what its author says, else what its steps show, else what its questions come to at a price.

A token counts as four characters of what is sent, as in English text. An answer counts as the most that was asked for
(`max_tokens`), or as 500 tokens. A price is never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from monitor.config.catalog import Costs
from monitor.config.sections import PriceSection, ProviderSection
from probes.spec import Spec

CHARACTERS = 4  # of text are a token, about
ANSWER = 500  # tokens of an answer that nobody limits
_MILLION = 1_000_000  # tokens, which a price is for


def costs_of(spec: Spec, chat: Mapping[str, Any], providers: Mapping[str, ProviderSection]) -> Costs:
    """A run's costs. `chat` is how the workflow is talked to, `providers` are those it depends on, by name."""
    said = spec.costs.said() if spec.costs is not None else {}
    provider = paid(chat, providers)
    guessed: dict[str, float] = {}
    if spec.talks and chat.get("dialect") and "tokens" not in said:
        guessed = _guess(spec.talks, chat, providers[provider].price if provider else None)
    return Costs({**guessed, **spec.counted(), **said}, frozenset(guessed.keys() - said.keys()), provider)


def paid(chat: Mapping[str, Any], providers: Mapping[str, ProviderSection]) -> str:
    """The provider that is paid for a question, "" when that is not plain.

    Of those that a workflow depends on: where it speaks a dialect, the one with its model; else the only one.
    """
    dialect, model = chat.get("dialect"), chat.get("model")
    if not dialect:
        return next(iter(providers)) if len(providers) == 1 else ""
    speaking = {name: one.model for name, one in providers.items() if one.dialect == dialect}
    exact = [name for name, its in speaking.items() if its == model]
    fits = exact or [name for name, its in speaking.items() if not its or not model]
    return fits[0] if len(fits) == 1 else ""


def _guess(talks: Sequence[Sequence[str]], chat: Mapping[str, Any], price: PriceSection | None) -> dict[str, float]:
    answer = int(chat.get("max_tokens") or ANSWER)
    before = tokens_of(str(chat.get("system") or ""))
    sent = sum(_sent(talk, before, answer) for talk in talks)
    answered = answer * sum(map(len, talks))
    found = {"tokens": float(sent + answered)}
    if price is not None:
        found["usd"] = float((sent * price.input + answered * price.output) / Decimal(_MILLION))
    return found


def _sent(talk: Sequence[str], before: int, answer: int) -> int:
    """The tokens that a conversation sends: every turn repeats all that was said before it."""
    sent, said = 0, before
    for question in talk:
        said += tokens_of(question)
        sent += said
        said += answer
    return sent


def tokens_of(text: str) -> int:
    """How many tokens a text has, about."""
    return -(-len(text) // CHARACTERS)
