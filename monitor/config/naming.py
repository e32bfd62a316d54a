"""What a name on the command line means: a probe in full or by its end, a workflow with its environment."""

from __future__ import annotations

from collections.abc import Collection

from monitor.config.build import PRODUCTION
from probes.words.errors import Refused
from probes.words.names import nearest


def probe_id(name: str, ids: Collection[str], *, environment: str = "") -> str:
    """The full id of a probe named in full, by its last part or as `workflow/probe`; production is meant where nothing
    else is said.

    Raises Refused with the nearest.
    """
    wanted = f"/{environment}/" if environment else ""
    if name in ids and wanted in name:
        return name
    ending = [one for one in ids if one.endswith(f"/{name}") or one.startswith(f"{name}/") or _short(one) == name]
    ending = [one for one in ending if wanted in one]
    production = [one for one in ending if f"/{PRODUCTION}/" in one]
    if len(ending) == 1 or len(production) == 1:
        return (production or ending)[0]
    if ending:
        raise Refused(f"{name} is the name of several probes", hint=f"write one of {', '.join(ending)}")
    near = nearest(name, list(ids) if "/" in name else list(dict.fromkeys(one.rsplit("/", 1)[1] for one in ids)))
    there = f" in {environment}" if environment else ""
    hint = f"did you mean {near}?" if near and near != name else f"write one of {', '.join(sorted(ids)[:8])}"
    raise Refused(f"there is no probe {name[:80]}{there}", hint=hint)


def _short(one: str) -> str:
    """`workflow/probe`, its environment left out."""
    workflow, _, rest = one.partition("/")
    return f"{workflow}/{rest.partition('/')[2]}"


def probes_of(name: str, ids: Collection[str], *, environment: str = "") -> list[str]:
    """The ids of all probes of `workflow` or `workflow/environment`; raises Refused with the nearest."""
    workflow, _, written = name.partition("/")
    place = f"{workflow}/{written or environment or PRODUCTION}"
    found = [one for one in ids if one.startswith(f"{place}/")]
    if found:
        return found
    places = dict.fromkeys(one.rsplit("/", 1)[0] for one in ids)
    near = nearest(place, places)
    hint = f"did you mean {near}?" if near else f"write one of {', '.join(list(places)[:8])}"
    raise Refused(f"nothing watches {place[:80]}", hint=hint)
