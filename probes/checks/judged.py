"""Checks that another model is asked about: off unless written, never the only check, never able to raise a verdict.

A judge says whether an answer follows a rule (`llm-rubric`), agrees with facts (`factuality`) or stays within a context
(`faithfulness`); `similar` compares meanings by embeddings. Who judges is pinned: a provider and a model.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import ConfigDict, Field, model_validator

from probes.checks.document import Least
from probes.checks.say import say
from probes.words.section import Section

Words = Annotated[str, Field(min_length=1, max_length=8_000)]


class Judged(Section):
    """What they have in common."""

    model_config = ConfigDict(populate_by_name=False, validate_default=False)

    key: ClassVar[str]
    by: str = Field(description="The provider that is asked, as it is called under `providers`.")
    model: str | None = Field(
        None, min_length=1, description="Its model, if not the provider's `judge_model` or `embedding_model`."
    )

    @property
    def rule(self) -> str:
        """The rule as the judge is told it."""
        raise NotImplementedError

    @property
    def shown(self) -> str:
        """The rule in a sentence."""
        raise NotImplementedError

    @property
    def samples(self) -> tuple[tuple[str, bool], ...]:
        """(answer, whether it is right) of what guards the judge."""
        return ()


class Rubric(Judged):
    """A rule of the author's own, guarded by an answer that follows it and one that does not."""

    key: ClassVar[str] = "llm-rubric"
    rubric: Words = Field(description="What a right answer does, in a sentence or two.")
    good: Words = Field(description="An answer that follows it: a judge that refuses this one is broken.")
    bad: Words = Field(description="An answer that does not: a judge that lets this one pass is broken.")

    @property
    def rule(self) -> str:
        """The rubric itself."""
        return self.rubric

    @property
    def shown(self) -> str:
        """`meets the rubric "…"` without its verb."""
        return f"the rubric {say(self.rubric)}"

    @property
    def samples(self) -> tuple[tuple[str, bool], ...]:
        """The known-good and the known-bad answer."""
        return (self.bad, False), (self.good, True)

    @model_validator(mode="after")
    def _two_samples(self) -> Self:
        if self.good.strip() == self.bad.strip():
            raise ValueError("good and bad are the same; write an answer that follows the rule, and one that does not")
        return self


class Factuality(Judged):
    """Agreement with what is known to be true."""

    key: ClassVar[str] = "factuality"
    expected: Words = Field(description="What is true.")
    good: Words | None = Field(None, description="An answer that agrees; else what is true itself.")
    bad: Words = Field(description="An answer that does not agree: a judge that lets this one pass is broken.")

    @property
    def rule(self) -> str:
        """The preset rule with the facts."""
        return (
            "The answer agrees with these facts: it contradicts none of them, and where it speaks of the same thing it "
            f"gives what they say. Other words, order or detail are fine.\n\nFacts:\n{self.expected}"
        )

    @property
    def shown(self) -> str:
        """What it should agree with."""
        return f"the facts {say(self.expected)}"

    @property
    def samples(self) -> tuple[tuple[str, bool], ...]:
        """What is wrong, and what is true."""
        return (self.bad, False), (self.good or self.expected, True)


class Faithfulness(Judged):
    """Nothing that its context does not support."""

    key: ClassVar[str] = "faithfulness"
    context: Words = Field(description="What the answer may rest on.")
    good: Words | None = Field(None, description="An answer that it supports; else the context itself.")
    bad: Words = Field(description="An answer that it does not support: a judge that lets this one pass is broken.")

    @property
    def rule(self) -> str:
        """The preset rule with the context."""
        return (
            "Every claim of the answer is supported by this context. A claim that the context does not support breaks "
            f"the rule, even where it is true; saying that one does not know does not.\n\nContext:\n{self.context}"
        )

    @property
    def shown(self) -> str:
        """What it should stay within."""
        return f"the context {say(self.context)}"

    @property
    def samples(self) -> tuple[tuple[str, bool], ...]:
        """What it does not support, and what it does."""
        return (self.bad, False), (self.good or self.context, True)


class Similar(Judged):
    """Likeness of meaning, as far as embeddings tell."""

    key: ClassVar[str] = "similar"
    to: Words = Field(description="The text it should be like.")
    at_least: Least = Field(0.8, alias="at-least", description="The least cosine of the two embeddings; 80%.")

    @property
    def rule(self) -> str:
        """The text itself."""
        return self.to

    @property
    def shown(self) -> str:
        """What it should be like."""
        return f"{say(self.to)}, to {self.at_least * 100:g}%"


KINDS: dict[str, type[Judged]] = {kind.key: kind for kind in (Rubric, Factuality, Faithfulness, Similar)}
PHRASES = {
    "llm-rubric": ("meets {}", "meet {}"),
    "factuality": ("agrees with {}", "agree with {}"),
    "faithfulness": ("stays within {}", "stay within {}"),
    "similar": ("is similar to {}", "be similar to {}"),
}
_OWN = {"rubric": "llm-rubric", "expected": "factuality", "context": "faithfulness", "to": "similar"}


def judged(given: dict[str, Any]) -> Judged:
    """The check that keywords describe, told by which of rubric, expected, context and to is among them; raises
    ValueError.
    """
    named = [key for name, key in _OWN.items() if given.get(name) is not None]
    if len(named) != 1:
        raise ValueError("say what is judged by one of rubric=, expected=, context= or to=")
    kept = {name.replace("at_least", "at-least"): value for name, value in given.items() if value is not None}
    return KINDS[named[0]].model_validate(kept)
