"""A model provider, and what may be spent on it."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from monitor.config.canary_section import Canary
from monitor.config.forms import Address, Headers, SecretText, Words
from probes.forms import SpendLimits
from probes.words.dialects import DialectName
from probes.words.section import Section
from probes.words.units import Money, Percent


class SpendSection(SpendLimits):
    """What may be spent on a provider by all probes together."""

    usd: Money | None = Field(default=Decimal(1), description="US dollars, counted where its `price` is known.")
    per_minute: int | None = Field(default=60, ge=1, description="Requests in any minute; more wait for their turn.")


class PriceSection(Section):
    """What a provider charges, in US dollars for a million tokens."""

    input: Money = Field(description="US dollars for a million tokens that are sent.")
    output: Money = Field(description="US dollars for a million tokens that are answered.")


class ProviderSection(Section):
    """A model provider that workflows depend on."""

    dialect: DialectName = Field(default="openai", description="The protocol it speaks.")
    url: Address | None = Field(default=None, description="Its address, where it is not the usual one.")
    key: SecretText | None = Field(default=None, description="Its API key, a reference.")
    model: str = Field(default="", description="The model that is used.")
    judge_model: str | None = Field(
        default=None, min_length=1, description="The model that judges answers; pinned, so that it never changes alone."
    )
    embedding_model: str | None = Field(
        default=None, min_length=1, description="The model whose embeddings compare meanings."
    )
    title: str | None = Field(default=None, min_length=1, max_length=60, description="What people call it.")
    headers: Headers = Field(default_factory=dict, description="Headers of every request.")
    ca_file: str | None = Field(default=None, description="Authorities to trust instead of the system's.")
    allow_private: bool = Field(default=False, description="True lets it be in a private network.")
    canary: Canary | None = Field(
        default=None,
        description="The question that shows whether it answers; asked where a workflow depends on it, and it has "
        "a key and a model.",
    )
    policy: str | None = Field(default=None, description="Who is told when it fails; else as `defaults` say.")
    status_page: Address | bool = Field(
        default=False, description="Where it says how it is; `true` is the known address of OpenAI or Anthropic."
    )
    components: Words = Field(default=(), description="Of its status page, the parts that count, by name or id.")
    spend: SpendSection = Field(default=SpendSection(), description="What may be spent on it.")
    price: PriceSection | None = Field(
        default=None, description="What its model costs, in US dollars for a million tokens."
    )
    headroom: Percent = Field(
        default=Decimal(20), description="The share of rate limits that should be left; less is a warning, 0% never."
    )
