"""Judges and prices on their way to a host: the providers that judge a probe's answers, and what its questions cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from monitor.config.check import Checked
from monitor.config.costs import of_judges
from monitor.config.merged import Merged
from monitor.config.provider_section import ProviderSection
from probes.checks.found import Found, Place, checks_in, judged_in, measured_in
from probes.checks.judged import Judged, Similar
from probes.checks.written import standing
from probes.kinds.script.spec import ScriptSpec
from probes.spec import Spec
from probes.words.errors import Problem
from probes.words.names import nearest

if TYPE_CHECKING:
    from monitor.config.build import Built, Written

Verdicts = Sequence[tuple[Place, Judged]]
_HANDED = frozenset({"dialect", "url", "key", "headers", "ca_file", "allow_private", "judge_model", "embedding_model"})


def judges(merged: Merged, checked: Checked, probes: Iterable[Written]) -> list[Problem]:
    """Every probe brings along the providers that judge for it; what is wrong with them."""
    problems = list[Problem]()
    providers: Mapping[str, ProviderSection] = checked.all("providers")
    for probe in probes:
        found = list(checks_in(probe.spec))
        probe.costly = next((where for where, name in measured_in(found) if name == "cost"), None)
        verdicts = list(judged_in(found))
        wanted = {judged.by for _, judged in verdicts}
        if isinstance(probe.spec, ScriptSpec):
            wanted |= set(probe.spec.judges)
            problems += _nobodies(merged, probe, checked, probe.spec.judges)
        problems += _wrong(merged, probe, checked, verdicts) + list(_unfounded(merged, probe, found))
        probe.judging = of_judges(_asked(probe.spec, verdicts, providers), providers)
        if handed := {name: _handed(providers[name]) for name in sorted(wanted) if name in providers}:
            probe.brings = {**probe.brings, "judges": handed}
    return problems


def _nobodies(merged: Merged, probe: Written, checked: Checked, names: Iterable[str]) -> Iterator[Problem]:
    for name in names:
        if name not in checked.all("providers") and (found := _nobody(merged, probe, checked, name)) is not None:
            yield found


def _asked(spec: Spec, verdicts: Verdicts, providers: Mapping[str, ProviderSection]) -> Iterator[tuple[str, str]]:
    """(provider, rule) of every verdict that one run asks for, as far as that is known before it."""
    yield from ((judged.by, judged.rule) for _, judged in verdicts if judged.by in providers)
    if isinstance(spec, ScriptSpec):
        yield from ((name, "") for name in spec.judges if name in providers)


def _handed(provider: ProviderSection) -> dict[str, Any]:
    return provider.model_dump(mode="json", include=set(_HANDED), exclude_none=True, exclude_defaults=True)


def _wrong(merged: Merged, probe: Written, checked: Checked, verdicts: Verdicts) -> list[Problem]:
    providers: Mapping[str, ProviderSection] = checked.all("providers")
    problems = list[Problem]()
    for where, judged in verdicts:
        if probe.spec.kind == "golden":
            what = f"{judged.key} has no place in a golden set, which scores its answers itself"
            problems.append(probe.problem(merged, what, "write it in a probe of its own", at=where))
        elif judged.by not in providers:
            if (missing := _nobody(merged, probe, checked, judged.by, at=(*where, "by"))) is not None:
                problems.append(missing)
        elif wrong := _unfit(judged, providers[judged.by]):
            problems.append(probe.problem(merged, *wrong, at=where))
    return problems


def _unfounded(merged: Merged, probe: Written, found: Found) -> Iterator[Problem]:
    """Checks of one step that cannot stand as they are, in kinds that do not look at it themselves."""
    for where, checks in found:
        try:
            standing(checks)
        except ValueError as error:
            what, _, write = str(error).partition("; ")
            yield probe.problem(merged, what, write, at=where)


def _nobody(
    merged: Merged, probe: Written, checked: Checked, name: str, *, at: tuple[str | int, ...] = ()
) -> Problem | None:
    if checked.exists("providers", name):  # it is written down and did not hold: that is told
        return None
    near = nearest(name, checked.all("providers"))
    write = f"did you mean {near}?" if near else f"write providers: {{{name}: {{key: ..., judge_model: ...}}}}"
    return probe.problem(merged, f"there is no provider {name!r} to judge", write, at=at)


def _unfit(judged: Judged, provider: ProviderSection) -> tuple[str, str] | None:
    """What is wrong with a judge, and what to write."""
    if isinstance(judged, Similar):
        if provider.dialect == "anthropic":
            return f"{judged.by} has no embeddings", "name another provider, such as an OpenAI-compatible one"
        if not (judged.model or provider.embedding_model):
            return "no model is named that embeds", f"add embedding_model: under providers.{judged.by}, or model: here"
    elif not (judged.model or provider.judge_model):
        return "no model is named that judges", f"add judge_model: under providers.{judged.by}, or model: here"
    return None


# -- prices


def asks_cost(probe: Written) -> bool:
    """True when a check looks at what a question cost; a script may at any time."""
    return probe.costly is not None or isinstance(probe.spec, ScriptSpec)


def priceless(merged: Merged, built: Built) -> list[Problem]:
    """Probes that check a cost which nobody can know."""
    problems = dict[Problem, None]()
    for key, probe in built.probes.items():
        written = built.origins.get(key)
        if written is not None and written.costly is not None and "price" not in probe.job:
            provider = probe.costs.provider
            write = (
                f"add price: {{input: 0.25, output: 2.00}} under providers.{provider}"
                if provider
                else "name one provider under depends_on: of the workflow, with its price:"
            )
            problems[written.problem(merged, "what a question costs is not known", write, at=written.costly)] = None
    return list(problems)
