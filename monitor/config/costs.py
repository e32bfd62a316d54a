"""What a run costs: what its author says, else what its steps show, else what its questions come to at a price.

A token counts as four characters of what is sent, as in English text. An answer counts as the most that was asked for
(`max_tokens`), or as 500 tokens. A price is never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from monitor.config.catalog import Costs
from monitor.config.provider_section import PriceSection, ProviderSection
from probes.spec import Spec

CHARACTERS = 4  # of text are a token, about
ANSWER = 500  # tokens of an answer that nobody limits
PROMPT, VERDICT = 250, 60  # tokens of what a judge is told beside its rule, and of what it says
_MILLION = 1_000_000  # tokens, which a price is for


def costs_of(spec: Spec, chat: Mapping[str, Any], providers: Mapping[str, ProviderSection]) -> Costs:
    """A run's costs. `chat` is how the workflow is talked to, `providers` are those it depends on, by name."""
    said = spec.costs.said() if spec.costs is not None else {}
    provider = paid(chat, providers)
    guessed: dict[str, float] = {}
    if spec.talks and chat.get("dialect") and "tokens" not in said:
        guessed = _guess(spec.talks, chat, providers[provider].price if provider else None)
    return Costs({**guessed, **spec.counted(), **said}, frozenset(guessed.keys() - said.keys()), provider)


def of_judges(
    asked: Iterable[tuple[str, str]], providers: Mapping[str, ProviderSection]
) -> dict[str, dict[str, float]]:
    """What one verdict on each answer costs, by the provider that judges; `asked` are (provider, rule)."""
    found: dict[str, dict[str, float]] = {}
    for name, rule in asked:
        sent, said = PROMPT + tokens_of(rule) + ANSWER, VERDICT
        sums = found.setdefault(name, {"requests": 0.0, "tokens": 0.0})
        sums["requests"] += 1
        sums["tokens"] += sent + said
        if (price := providers[name].price) is not None:
            usd = float((sent * price.input + said * price.output) / Decimal(_MILLION))
            sums["usd"] = sums.get("usd", 0.0) + usd
    return found


def with_judges(costs: Costs, judges: Mapping[str, Mapping[str, float]]) -> Costs:
    """The same with what its judges cost, as part of all of it."""
    if not judges:
        return costs
    judge: dict[str, float] = {}
    for amounts in judges.values():
        for unit, amount in amounts.items():
            judge[unit] = judge.get(unit, 0.0) + amount
    told = {"asks" if unit == "requests" else unit: amount for unit, amount in judge.items()}
    if not costs.amounts.get("asks"):  # its own requests are what it is counted by
        told["asks"] = told["asks"] + costs.amounts.get("requests", 0.0)
    amounts = {**costs.amounts, **{unit: costs.amounts.get(unit, 0.0) + amount for unit, amount in told.items()}}
    return replace(costs, amounts=amounts, estimated=costs.estimated | {*told} - {"asks"}, judge=judge, judges=judges)


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
