"""Judges and prices in the configuration: who judges is handed over with the probe, and what cannot work is refused."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from monitor.config.catalog import Catalog
from monitor.config.load import load_text
from probes.words.errors import ConfigError

RUBRIC = {"by": "openai", "rubric": "It is polite", "good": "Hello, how may I help?", "bad": "Go away."}
PRICE = {"input": 1, "output": 2}


def text(check: list[Any], **more: Any) -> str:
    probe = {"ask": "Hi", "check": check}
    workflow = {
        "url": "https://x.example",
        "chat": {"dialect": "openai", "model": "small"},
        "depends_on": ["openai"],
        "probes": {"asks": probe},
    }
    provider = {"key": "${secret:OPENAI}", "model": "small", **more}
    return yaml.safe_dump({"providers": {"openai": provider}, "workflows": {"desk": workflow}}, sort_keys=False)


def loaded(check: list[Any], **more: Any) -> Catalog:
    return load_text(text(check, **more), secrets={"OPENAI": "sk-1"})


def refused(check: list[Any], **more: Any) -> str:
    with pytest.raises(ConfigError) as error:
        loaded(check, **more)
    (problem,) = error.value.problems
    return str(problem)


def test_who_judges_travels_with_the_probe_its_key_as_a_reference() -> None:
    catalog = loaded([{"readable": True}, {"llm-rubric": RUBRIC}], judge_model="judge-1", price=PRICE)
    probe = catalog.probes["desk/production/asks"]
    assert probe.job["judges"] == {"openai": {"key": "${secret:OPENAI}", "judge_model": "judge-1"}}
    assert probe.secrets == ("OPENAI",)
    assert probe.costs.judges["openai"]["requests"] == 1.0
    assert probe.costs.amounts["asks"] == 2.0
    assert probe.costs.judge["usd"] > 0


def test_a_probe_that_nobody_judges_carries_no_judge() -> None:
    probe = loaded([{"readable": True}], judge_model="judge-1").probes["desk/production/asks"]
    assert "judges" not in probe.job and probe.costs.judges == {}


def test_a_cost_is_checked_at_the_price_of_who_is_paid() -> None:
    probe = loaded([{"value": "cost", "at-most": 0.01}, {"readable": True}], price=PRICE).probes["desk/production/asks"]
    assert probe.job["price"] == [1.0, 2.0]
    said = refused([{"all": [{"value": "cost", "at-most": 0.01}]}])
    assert "what a question costs is not known; add price: {input: 0.25, output: 2.00} under providers.openai" in said


@pytest.mark.parametrize(
    ("check", "more", "said"),
    [
        ({"llm-rubric": RUBRIC}, {}, "no model is named that judges; add judge_model: under providers.openai"),
        ({"similar": {"to": "x", "by": "openai"}}, {"judge_model": "j"}, "no model is named that embeds"),
        ({"similar": {"to": "x", "by": "openai"}}, {"dialect": "anthropic"}, "openai has no embeddings"),
        ({"llm-rubric": {**RUBRIC, "by": "opanai"}}, {}, "no provider 'opanai' to judge; did you mean openai?"),
        ({"llm-rubric": {"by": "openai", "rubric": "It is polite", "bad": "No"}}, {}, "'good' is missing; add good:"),
        ({"llm-rubric": {**RUBRIC, "good": "Go away."}}, {}, "good and bad are the same"),
        ({"llm-rubric": {**RUBRIC, "rubrik": 1}}, {}, "unknown key 'rubrik'; did you mean rubric?"),
        ({"llm-rubric": RUBRIC, "contains": "x"}, {}, "llm-rubric is a check of its own"),
        ({"any": [{"llm-rubric": RUBRIC}]}, {}, "a judge has no place in a group"),
        ({"python": "checks:mine"}, {}, "write the probe with @probe in journeys/NAME.py"),
        ({"latency": "2s"}, {}, "unknown key 'latency'; write value: total, below: 2s"),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_write(check: Any, more: dict[str, Any], said: str) -> None:
    found = refused([{"readable": True}, check], **more)
    assert said in found
    assert found.startswith("showup.yaml:")


def test_a_judge_is_never_the_only_check() -> None:
    said = refused([{"llm-rubric": RUBRIC}], judge_model="judge-1")
    assert "llm-rubric is never the only check; add one that needs no judge, such as readable: true" in said


def test_a_golden_set_scores_by_itself() -> None:
    written = yaml.safe_load(text([{"readable": True}, {"llm-rubric": RUBRIC}], judge_model="judge-1"))
    cases = [{"ask": f"Question {number}?", "expect": str(number)} for number in range(200)]
    golden = {"kind": "golden", "cases": cases, "check": [{"readable": True}, {"llm-rubric": RUBRIC}]}
    written["workflows"]["desk"]["probes"]["asks"] = golden
    with pytest.raises(ConfigError) as error:
        load_text(yaml.safe_dump(written), secrets={"OPENAI": "sk-1"})
    assert any("llm-rubric has no place in a golden set" in str(problem) for problem in error.value.problems)
