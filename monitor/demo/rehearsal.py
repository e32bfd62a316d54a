"""The stage of `showup drill WORKFLOW --sandbox`: the real daemon, local providers, and a stand-in for the workflow.

Nothing of the user's is asked and no secret is needed: of their file only words are taken, and how their probe runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from monitor.config.load import find, load_text
from monitor.config.merged import merge
from monitor.config.read import read_file
from monitor.demo.stage import Stage
from probes.words.errors import ConfigError, Problem, Refused
from probes.words.names import nearest

RULE = ("every", "attempts", "confirm", "recover", "title")  # of the user's probe: how a failure is noticed
WORDS = ("title", "promise")  # of the user's workflow
LONGEST = 20  # s that the attempts of one run may take here
SECRETS = dict.fromkeys(("SLACK_BOT", "SLACK_APP", "PD_ROUTING", "PD_API", "FIRST", "SECOND"), "stand-in")
HEAD = """
monitor: {policy: wake-us}
publish: {at_most_every: 5m}
channels:
  slack: {token: "${secret:SLACK_BOT}", app_token: "${secret:SLACK_APP}", channel: ops-alerts}
  pagerduty: {routing_key: "${secret:PD_ROUTING}", api_key: "${secret:PD_API}"}
  ntfy: {}
people:
  first: {name: First Responder, slack: U012AB3CD, phone: ["ntfy:${secret:FIRST}"]}
  second: {name: Second Responder, slack: U045EF6GH, phone: ["ntfy:${secret:SECOND}"]}
policies:
  wake-us:
    levels: [{at: 0m, notify: [slack, first, pagerduty]}, {at: 1m, notify: [second]}]
    warnings: [slack]
    fallback: second
"""


@dataclass(frozen=True, slots=True)
class Words:
    """What is taken of the user's file: the site, the workflow's key and words, its probe's name and how it runs."""

    site: Mapping[str, Any]
    workflow: str
    said: Mapping[str, Any]
    probe: str = "stand-in"
    rule: Mapping[str, Any] = field(default_factory=dict)


def words_of(config: Path | None, workflow: str) -> Words:
    """The words of a workflow, whether or not the rest of the file holds here; raises ConfigError, Refused."""
    place = find(config)
    files = sorted([*place.glob("*.yaml"), *place.glob("*.yml")]) if place.is_dir() else [place]
    sources, problems = [], list[Problem]()
    for file in files:
        source, found = read_file(file, str(file))
        sources.append(source)
        problems += found
    if problems:
        raise ConfigError(problems)
    data = merge(sources)[0].data
    known = {name: one for name, one in (data.get("workflows") or {}).items() if isinstance(one, dict)}
    if workflow not in known:
        near = nearest(workflow, known)
        raise Refused(
            f"there is no workflow {workflow[:80]}",
            hint=f"did you mean {near}?" if near else f"write one of {', '.join(list(known)[:8]) or '(there is none)'}",
        )
    section, site = known[workflow], data.get("site")
    name, rule = _probe(section.get("probes"), data.get("defaults"))
    said = {key: section[key] for key in WORDS if isinstance(section.get(key), str)}
    words = {key: site[key] for key in ("title", "timezone") if isinstance(site, dict) and key in site}
    return Words(words, workflow, said, name, rule)


def _probe(probes: object, defaults: object) -> tuple[str, dict[str, Any]]:
    """The first probe with steps or a question, else the first, and how it runs."""
    found = {name: one for name, one in (probes if isinstance(probes, dict) else {}).items() if isinstance(one, dict)}
    talks = [name for name, one in found.items() if {"steps", "ask"} & one.keys()]
    name = next(iter([*talks, *found]), "")
    if not name:
        return "stand-in", {}
    shared = defaults if isinstance(defaults, dict) else {}
    rule = {key: value for key, value in {**shared, **found[name]}.items() if key in RULE}
    return name, {"every": "5m" if name in talks else "1m", **rule}


def configuration(words: Words, url: str) -> dict[str, Any]:
    """What the sandbox watches by; of the user's rule only what holds here."""
    made: dict[str, Any] = yaml.safe_load(HEAD)
    probe = {"get": "/", "check": [{"contains": "Book online"}], "timeout": "3s", "cleanup": "1s"}
    for rule in (words.rule, {}):
        workflow = {**words.said, "url": url, "policy": "wake-us", "probes": {words.probe: {**probe, **rule}}}
        whole = {"site": dict(words.site), **made, "workflows": {words.workflow: workflow}}
        try:
            load_text(yaml.safe_dump(whole), secrets=SECRETS)
        except ConfigError:
            if not rule:
                raise
            continue
        return whole
    raise AssertionError("the sandbox's own configuration holds")


class Sandbox(Stage):
    """Everything, running: a keeper of its own, the three providers, and what answers in the workflow's place."""

    def __init__(self, words: Words, progress: Callable[[str, float], None] = lambda what, share: None) -> None:
        super().__init__(days=0, progress=progress)
        self._words = words

    def _write(self) -> None:
        whole = configuration(self._words, self.clinic.url)
        whole["web"] = {"listen": f"127.0.0.1:{self.web}"}
        whole["channels"]["slack"]["url"] = self.slack.client_url.rstrip("/")
        urls = {"url": self.pagerduty.client_url, "api_url": self.pagerduty.client_url}
        whole["channels"]["pagerduty"] |= {**urls, "ca_file": str(self.pagerduty.ca_file)}
        whole["channels"]["ntfy"] = {"url": self.phone.client_url}
        self.config.write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
        keys = {
            "SLACK_BOT": self.slack.token,
            "SLACK_APP": self.slack.app_token,
            "PD_ROUTING": self.pagerduty.tokens()["routing_key"],
            "PD_API": self.pagerduty.tokens()["api_key"],
            "FIRST": "first-sandbox",
            "SECOND": "second-sandbox",
        }
        env = self.folder / ".env"
        env.touch(0o600)
        env.write_text("".join(f"{name}={value}\n" for name, value in keys.items()), encoding="utf-8")
