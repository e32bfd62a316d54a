"""Status pages as they are served: Statuspage, incident.io, Instatus, Better Stack, read leniently. Pure.

Fields are missing, renamed and of other kinds than documented; what cannot be read is left out. The answer is small and
cleaned, whatever the page holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from probes.words.text import clean

MOST = 8  # components and incidents that are kept
LONGEST = 120  # characters of a name
_LOOKED_AT = 2_000  # entries of a list

WELL, ILL, MAINTENANCE, UNKNOWN = "operational", "trouble", "maintenance", "unknown"
_WORDS: Mapping[str, tuple[str, str]] = {
    "operational": (WELL, ""),
    "none": (WELL, ""),
    "up": (WELL, ""),
    "degraded_performance": (ILL, "degraded performance"),
    "degradedperformance": (ILL, "degraded performance"),
    "degraded": (ILL, "degraded performance"),
    "minor": (ILL, "a minor outage"),
    "minoroutage": (ILL, "a minor outage"),
    "partial_outage": (ILL, "a partial outage"),
    "partialoutage": (ILL, "a partial outage"),
    "hasissues": (ILL, "trouble"),
    "major": (ILL, "a major outage"),
    "major_outage": (ILL, "a major outage"),
    "majoroutage": (ILL, "a major outage"),
    "full_outage": (ILL, "a full outage"),
    "downtime": (ILL, "an outage"),
    "critical": (ILL, "a critical outage"),
    "under_maintenance": (MAINTENANCE, "maintenance"),
    "undermaintenance": (MAINTENANCE, "maintenance"),
    "maintenance": (MAINTENANCE, "maintenance"),
}
_BEGAN = ("started_at", "started", "created_at", "published_at")
_OVER = frozenset({"resolved", "postmortem", "completed", "closed"})


def read_page(document: Any, components: Sequence[str] = ()) -> dict[str, Any] | None:
    """What a page says: {state, said, parts: [{name, said}], incidents: [{name, since, url}], missing}; None when it
    cannot be read. Of `components` only these count, by id or name."""
    if not isinstance(document, Mapping):
        return None
    for read in _FORMS:
        found = read(document)
        if found is not None:
            return _chosen(*found, wanted=components)
    return None


Part = tuple[str, str, str]  # id, name, status
Incident = tuple[str, str, str, tuple[str, ...]]  # name, since, url, ids and names of what it touches
Found = tuple[str, list[Part], list[Incident]]


def _statuspage(document: Mapping[str, Any]) -> Found | None:
    status = _at(document, "status", "indicator")
    listed = document.get("components")
    if not isinstance(status, str) and not isinstance(listed, list):
        return None
    parts = _parts(listed)
    return str(status or ""), parts, [_incident(one) for one in _objects(document.get("incidents")) if not _over(one)]


def _incident_io(document: Mapping[str, Any]) -> Found | None:
    if not isinstance(document.get("ongoing_incidents"), list):
        return None
    found = list(_objects(document["ongoing_incidents"]))
    parts = [
        (_text(part, "id"), _text(part, "name"), _text(part, "current_status") or _text(part, "status"))
        for one in found
        for part in _objects(one.get("affected_components"))
    ]
    return ("hasissues" if found else "none"), parts, [_incident(one) for one in found]


def _instatus(document: Mapping[str, Any]) -> Found | None:
    status = _at(document, "page", "status")
    if not isinstance(status, str):
        return None
    parts = _parts(document.get("components"))
    return status, parts, [_incident(one) for one in _objects(document.get("activeIncidents")) if not _over(one)]


def _better_stack(document: Mapping[str, Any]) -> Found | None:
    state = _at(document, "data", "attributes", "aggregate_state")
    if not isinstance(state, str):
        return None
    included = list(_objects(document.get("included")))
    parts, incidents = list[Part](), list[Incident]()
    for one in included:
        about = one.get("attributes")
        if not isinstance(about, Mapping):
            continue
        if one.get("type") == "status_page_resource":
            parts.append((_text(one, "id"), _text(about, "public_name"), _text(about, "status")))
        elif one.get("type") == "status_report" and not about.get("ends_at"):
            incidents.append((_text(about, "title"), _text(about, "starts_at"), "", ()))
    return state, parts, incidents


def _parts(listed: Any) -> list[Part]:
    """The components; a group is what its members are, so it is left out."""
    parts = [one for one in _objects(listed) if one.get("group") is not True]
    return [(_text(one, "id"), _text(one, "name"), _text(one, "status")) for one in parts]


_FORMS: tuple[Callable[[Mapping[str, Any]], Found | None], ...] = (_incident_io, _instatus, _better_stack, _statuspage)


def _chosen(overall: str, parts: list[Part], incidents: list[Incident], *, wanted: Sequence[str]) -> dict[str, Any]:
    names = {name.casefold() for name in wanted}
    mine = [one for one in parts if not names or one[0].casefold() in names or one[1].casefold() in names]
    ill = [(name, *_meaning(status)) for _, name, status in mine]
    bad = [(name, state, said) for name, state, said in ill if state in (ILL, MAINTENANCE)]
    state, said = _meaning(overall)
    if names:
        told = [one for one in incidents if names & {each.casefold() for each in one[3]}]
        known = {part.casefold() for one in mine for part in one[:2]}
        missing = [name for name in wanted if name.casefold() not in known]
        states = [state for _, state, _ in ill]
        state = ILL if ILL in states or told else MAINTENANCE if MAINTENANCE in states else WELL if mine else UNKNOWN
        said = ""
    else:
        told, missing = incidents, []
        state = ILL if state == UNKNOWN and any(one[1] == ILL for one in bad) else state
    return {
        "state": state,
        "said": said,
        "parts": [{"name": name, "said": words} for name, _, words in bad[:MOST]],
        "incidents": [{"name": name, "since": since, "url": url} for name, since, url, _ in told[:MOST]],
        "missing": [clean(name, LONGEST) for name in missing[:MOST]],
    }


def _meaning(status: str) -> tuple[str, str]:
    return _WORDS.get(status.casefold(), (UNKNOWN, ""))


def _incident(one: Mapping[str, Any]) -> Incident:
    began = next((text for key in _BEGAN if (text := _text(one, key))), "")
    url = next((text for key in ("shortlink", "url") if (text := _text(one, key, 300)).startswith("https://")), "")
    touched = [*_objects(one.get("components")), *_objects(one.get("affected_components"))]
    ids = tuple(text for part in touched for key in ("id", "name") if (text := _text(part, key)))
    return _text(one, "name"), began, url, ids


def _over(one: Mapping[str, Any]) -> bool:
    return _text(one, "status").casefold() in _OVER or bool(one.get("resolved_at"))


def _at(document: Any, *path: str) -> Any:
    for key in path:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document


def _objects(value: Any) -> Iterable[Mapping[str, Any]]:
    listed = value[:_LOOKED_AT] if isinstance(value, list) else []
    return (one for one in listed if isinstance(one, Mapping))


def _text(one: Mapping[str, Any], key: str, limit: int = LONGEST) -> str:
    value = one.get(key)
    return clean(value, limit) if isinstance(value, str) else ""
