"""Whatever happens to a good file, it is read or its problems are told; nothing else ever comes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config.catalog import Catalog
from monitor.config.load import load_text
from monitor.config.read import read_text
from probes.words.errors import ConfigError
from tests.config.test_load import SECRETS

NOWHERE = Path("/nowhere")
EXAMPLE = Path(__file__).parents[2] / "examples" / "showup.yaml"
MORE = """\
keep: {runs: 400d, evidence: 90d, disk: 2GB}
web: {listen: "127.0.0.1:8470", url: "https://showup.example.com"}
store: postgresql://showup@db.example/showup
journeys: []
"""
BASE: dict[str, Any] = read_text(EXAMPLE.read_text() + MORE, "showup.yaml")[0].data
PROBE = BASE["workflows"]["northside-intake"]["probes"]
PROBE["weekly"] = {
    **{"get": "/", "cron": "0 9 * * 1", "timezone": "Europe/Berlin", "timeout": {"total": "9s"}},
    **{"environments": ["production"], "was": "monthly", "confirm": "2 of 3", "check": [{"status": 200}]},
}
SCALARS: list[Any] = [
    *(None, True, 0, -1, 5, 10**17, 1.5, "", "x", "a" * 300, "5m", "0s", "99%", "2026-13-40", "\x7f\u2028", "a\0b"),
    *("${secret:NORTHSIDE}", "${secret:}", "${nothing}", "${", "https://[", "https://u:p@x", "../..", "on-call:"),
]
OTHERS: list[Any] = [[], {}, [[]], [None], [{}], {"": None}, {"a": {"b": {}}}, {"url": 5}, ["x", "x"], [[[[]]]]]
Place = tuple[str | int, ...]


def places(value: Any, at: Place = ()) -> list[Place]:
    found = [at] if at else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found + [place for key, part in items for place in places(part, (*at, key))]


def write(value: Any, changes: dict[Place, tuple[str, Any]], at: Place = ()) -> str:
    """The value as YAML in JSON's form, in which a key may stand twice."""
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(part for key, child in value.items() for part in pairs(key, child, changes, (*at, key)))
            + "}"
        )
    if isinstance(value, list):
        parts = (part for number, child in enumerate(value) for part in items(child, changes, (*at, number)))
        return "[" + ", ".join(parts) + "]"
    return json.dumps(value)


def pairs(key: str, child: Any, changes: dict[Place, tuple[str, Any]], at: Place) -> list[str]:
    what, new = changes.get(at, ("", None))
    name = json.dumps(str(new)) if what == "rename" else json.dumps(key)
    return [f"{name}: {text}" for text in items(child, changes, at)]


def items(child: Any, changes: dict[Place, tuple[str, Any]], at: Place) -> list[str]:
    what, new = changes.get(at, ("", None))
    if what == "drop":
        return []
    text = json.dumps(new) if what == "retype" else write(child, changes, at)
    return [text, text] if what == "double" else [text]


CHANGES = st.dictionaries(
    st.sampled_from(places(BASE)),
    st.one_of(
        st.just(("drop", None)),
        st.just(("double", None)),
        st.tuples(st.just("retype"), st.sampled_from([*SCALARS, *OTHERS])),
        st.tuples(
            st.just("rename"),
            st.sampled_from(["", "x", "Kind", "kind", "script", "url", "on", "a b", "\u00e4", "policy"]),
        ),
    ),
    min_size=1,
    max_size=4,
)


def outcome(text: str) -> Catalog | ConfigError:
    try:
        return load_text(text, secrets=SECRETS, folder=NOWHERE)
    except ConfigError as error:
        return error


def test_the_file_itself_holds() -> None:
    found = outcome(write(BASE, {}))
    assert isinstance(found, Catalog), found
    assert sum(probe.watches for probe in found.probes.values()) == 5


@settings(max_examples=250)
@given(CHANGES)
def test_a_changed_file_is_read_or_refused(changes: dict[Place, tuple[str, Any]]) -> None:
    found = outcome(write(BASE, changes))
    if isinstance(found, ConfigError):
        assert found.problems
        for problem in found.problems:
            assert problem.line >= 1 and problem.column >= 1 and problem.what
            assert "\n" not in str(problem) and "\x7f" not in str(problem)


def test_every_place_can_be_lost_or_be_of_another_type() -> None:
    changes: list[tuple[str, Any]] = [("drop", None), ("retype", 7)]
    for place in places(BASE):
        for change in changes:
            assert isinstance(outcome(write(BASE, {place: change})), Catalog | ConfigError), (place, change)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert isinstance(outcome(text), Catalog | ConfigError)


@given(st.text(alphabet="{}[]:,-&*!|>'\"# \n\tab0?%@`", max_size=60))
def test_any_heap_of_signs_is_read_or_refused(text: str) -> None:
    assert isinstance(outcome(text), Catalog | ConfigError)
