"""`showup hooks`: the addresses of jobs that wait, each in one piece."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from monitor.cli.commands import app
from monitor.tokens import hook_token, key_in

CONFIG = """\
web: {listen: "127.0.0.1:8470", url: "https://showup.a-rather-long-name-of-a-company.example.com"}
workflows:
  site:
    url: https://x.example
    probes:
      home: {get: /, check: [{contains: x}]}
      told: {submit: {post: /up}, wait: {within: 1m, webhook: true}}
      gives: {submit: {post: /up, json: {to: "${hook}"}}, wait: {within: 1m, folder: /srv}}
      alone: {submit: {post: /up}, wait: {within: 1m, folder: /srv}}
"""


def test_only_jobs_that_wait_have_an_address_and_it_is_never_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    (tmp_path / "showup.yaml").write_text(CONFIG)
    state = tmp_path / "state"
    said = CliRunner().invoke(app, ["hooks", "--config", str(tmp_path / "showup.yaml"), "--state", str(state)])
    assert said.exit_code == 0, said.output
    base = "https://showup.a-rather-long-name-of-a-company.example.com/hook/"
    for name in ("told", "gives"):
        assert base + hook_token(key_in(state), f"site/production/{name}") in said.output
    assert "alone" not in said.output and "home" not in said.output
