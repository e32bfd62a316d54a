"""The pages on jobs and on flags: their tables are up to date, their examples load, and what they call exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main
import yaml

from alerts.channels.slack.flagging import FLAG
from alerts.channels.slack.reporting import REPORT
from monitor.cli.commands import app
from monitor.config.load import load_text
from probes.guide import updated

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("heartbeats.md", "flags.md")


@pytest.mark.parametrize("page", PAGES)
def test_its_tables_are_up_to_date(page: str) -> None:
    text = (DOCS / page).read_text()
    assert updated(text) == text, f"run python -m probes.guide docs/{page}"


@pytest.mark.parametrize("page", PAGES)
def test_its_configurations_hold(page: str) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        assert load_text(block).probes


@pytest.mark.parametrize("page", PAGES)
def test_every_command_it_shows_exists(page: str) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    shown = re.findall(r"showup (heartbeat|flags|flag)(?: (list|run|accept|reject|url))?", (DOCS / page).read_text())
    assert shown
    for group, name in shown:
        assert group in commands
        assert not name or name in commands[group].commands


def test_the_slack_app_has_the_shortcuts_and_may_have_them() -> None:
    manifest = yaml.safe_load((DOCS / "slack-app-manifest.yaml").read_text())
    shortcuts = {one["callback_id"]: one["type"] for one in manifest["features"]["shortcuts"]}
    assert shortcuts == {FLAG: "message", REPORT: "message"}
    assert "commands" in manifest["oauth_config"]["scopes"]["bot"]
