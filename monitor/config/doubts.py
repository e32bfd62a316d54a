"""What is allowed, and leads elsewhere than whoever wrote it probably thinks: of models, money and people."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.config.build import Built
from monitor.config.check import Checked
from monitor.config.merged import Merged
from monitor.config.provider_section import ProviderSection
from monitor.config.sections import WorkflowSection

_KEYLESS = frozenset({"ollama"})
_NAMES_ITSELF = frozenset({"openai"})  # servers of this dialect may have one model alone, and need no name for it


def doubts(merged: Merged, checked: Checked, built: Built) -> list[str]:
    """A line for each, with its place and what to write."""
    return [
        *_unasked(merged, checked, built),
        *_uncounted(merged, checked, built),
        *_nameless(merged, checked),
        *_shared(merged, checked),
    ]


def _unasked(merged: Merged, checked: Checked, built: Built) -> Iterator[str]:
    """Providers that workflows depend on and nothing asks: when they are down, no page can say so."""
    wanted = {name for workflow in built.workflows.values() for name in workflow.depends_on}
    wanted |= {name for probe in built.probes.values() for name in probe.depends_on}
    for name in sorted(wanted & checked.all("providers").keys()):
        section: ProviderSection = checked.all("providers")[name]
        lacks = [] if section.model else ["model: NAME"]
        lacks += ['key: "${secret:NAME}"'] if not section.key and section.dialect not in _KEYLESS else []
        if section.canary is None and lacks:
            what = f"nobody asks {name} whether it answers, so no page can name it"
            write = f"add {' and '.join(lacks)} for a canary, or canary: false"
            yield str(merged.problem(("providers", name), what, write, key=True))


def _uncounted(merged: Merged, checked: Checked, built: Built) -> Iterator[str]:
    """Limits in US dollars where nothing says what a token costs."""
    for name, section in checked.all("providers").items():
        if section.price is None and "usd" in section.spend.model_fields_set:
            what = f"what {name} costs is not known, so its limit in USD limits nothing"
            yield str(merged.problem(("providers", name, "spend", "usd"), what, "add price: {input: …, output: …}"))
    told = set[int]()
    for key, probe in built.probes.items():
        origin, provider = built.origins[key], checked.all("providers").get(probe.costs.provider)
        if probe.limits.usd is None or id(origin) in told or (provider is not None and provider.price is not None):
            continue
        told.add(id(origin))
        if "usd" not in probe.costs.amounts:
            what = f"what {probe.name} costs is not known, so its limit in USD limits nothing"
            write = f"add price: {{input: …, output: …}} under providers.{probe.costs.provider or 'NAME'}"
            yield str(origin.problem(merged, what, write, at=("spend", "usd")))


def _shared(merged: Merged, checked: Checked) -> Iterator[str]:
    """People who have one phone or one Slack id between them: whoever is told next is the one who was told already."""
    first: dict[str, str] = {}
    for key, person in checked.all("people").items():
        ways: dict[tuple[str | int, ...], str] = {("phone", number): one.to for number, one in enumerate(person.phone)}
        ways |= {("slack",): f"slack:{person.slack}"} if person.slack else {}
        for at, way in ways.items():
            other = first.setdefault(way, key)
            if other != key:
                what = f"{key} has the {at[0]} of {other}, so telling one after the other tells the same one twice"
                yield str(merged.problem(("people", key, *at), what, "give each their own"))


def _nameless(merged: Merged, checked: Checked) -> Iterator[str]:
    """Models that are asked for without a name."""
    for name, section in checked.all("workflows").items():
        found: WorkflowSection = section
        chat = found.chat
        if chat is not None and chat.dialect is not None and not chat.model:
            own = " unless its server has one alone" if chat.dialect in _NAMES_ITSELF else ""
            yield str(merged.problem(("workflows", name, "chat"), "no model is asked for", f"add model: NAME{own}"))
