"""What a workflow has asked besides its probes, checked: the actions that people press, and the count of real items.
Each leads where the workflow's requests may go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from monitor.config.catalog import Action, Items
from monitor.config.merged import Merged
from monitor.config.sections import WorkflowSection
from probes.addresses import Reach, literal, reach
from probes.target import host_name, locate
from probes.words.errors import Problem, Refused
from probes.words.names import is_key, slug


def actions_of(section: WorkflowSection) -> dict[str, Action]:
    """What people may press, by name."""
    return {
        name: Action(one.title, one.post, one.body, one.headers, one.confirm) for name, one in section.actions.items()
    }


def items_of(section: WorkflowSection) -> Items | None:
    """Where real items are counted, None for nowhere."""
    one = section.items
    return None if one is None else Items(one.get, one.at, one.called, one.headers)


def problems(
    merged: Merged, path: tuple[str, ...], section: WorkflowSection, urls: Mapping[str, str]
) -> Iterator[Problem]:
    """What is wrong with them. `urls` are the addresses of the workflow's environments."""
    known = {host_name(str(name)) for name in section.allow} | set(_hosts(urls))
    for name, one in section.actions.items():
        at = (*path, "actions", name)
        if not is_key(name):
            yield merged.problem(at, f"{name!r} cannot be a name", f"write {slug(name)}", key=True)
        if not one.title.strip():
            yield merged.problem(
                (*at, "title"), "the button would have no words", "write title: Send callers to the desk"
            )
        yield from _leads(merged, (*at, "post"), one.post, known)
    if section.items is not None:
        yield from _leads(merged, (*path, "items", "get"), section.items.get, known)


def _leads(merged: Merged, at: tuple[str, ...], url: str, known: AbstractSet[str]) -> Iterator[Problem]:
    host = locate(url).host
    if literal(host) is not None and reach(host) is Reach.NEVER:
        yield merged.problem(at, f"nothing is ever sent to {host}", "write the address of a service")
    elif host not in known:
        yield merged.problem(at, f"{host} is not where this workflow leads", f"add allow: [{host}] to the workflow")


def _hosts(urls: Mapping[str, str]) -> Iterator[str]:
    for url in urls.values():
        try:
            yield locate(url).host
        except Refused:  # of a job that reports by itself, or told elsewhere
            continue
