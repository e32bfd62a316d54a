"""The real keeper, hosts, clinic, model provider, status page and phone: the provider breaks, and the page says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitor.cli.show import runs as draw_runs
from monitor.cli.show_status import status as draw
from monitor.sandbox.clinic import Clinic
from monitor.sandbox.phone import PhoneServer
from monitor.sandbox.statuspage import StatusPageServer, Trouble
from monitor.services.questions import status
from monitor.services.runs import run, runs
from tests.story.keeping import incidents, kept, told, until, until_incident

CONFIG = """\
monitor: {{policy: wake-us}}
defaults: {{policy: wake-us}}
web: {{listen: ""}}
channels: {{ntfy: {{url: "{phone}"}}}}
people: {{ana: {{name: Ana Silva, phone: ["ntfy:${{secret:ANA_PHONE}}"]}}}}
policies: {{wake-us: {{levels: [{{at: 0m, notify: [ana]}}], warnings: [ana]}}}}
providers:
  openai:
    url: "{models}"
    key: "${{secret:OPENAI}}"
    model: gpt-5-mini
    canary: {{every: 1m, timeout: 2s, attempts: 1}}
    status_page: "{page}"
    components: [Chat]
workflows:
  intake:
    title: Intake agent
    url: "{clinic}"
    depends_on: [openai]
    chat: {{post: /chat, send: {{message: "${{ask}}"}}, reply: $.reply}}
    probes:
      books:
        {{ask: "When are you open?", every: 4s, timeout: 2s, cleanup: 100ms, attempts: 1,
          check: [{{non-empty: true}}]}}
"""


@dataclass
class Town:
    """Everything that is watched and rung, and where the configuration stands."""

    clinic: Clinic
    phone: PhoneServer
    page: StatusPageServer
    config: Path

    @property
    def rung(self) -> list[str]:
        """The titles of what the phone got."""
        return [message.title for message in self.phone.messages]


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with Clinic() as clinic, PhoneServer() as phone, StatusPageServer() as page:
        file = tmp_path / "showup.yaml"
        file.write_text(
            CONFIG.format(phone=phone.url, models=clinic.models.base_url, clinic=clinic.url, page=page.url)
        )
        env = tmp_path / ".env"
        env.touch(0o600)
        env.write_text(f"ANA_PHONE=ana\nOPENAI={clinic.models.key}\n")
        yield Town(clinic, phone, page, file)


async def test_a_provider_that_breaks_is_one_page_that_names_it(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    town.page.shown.trouble = Trouble()
    async with kept(town.config) as keeper:
        await until(lambda: keeper.engine.tracks["intake/production/books"].last)
        town.clinic.break_it("model-server-error")
        provider = await until_incident(keeper, lambda one: one.subject == "provider:openai")
        intake = await until_incident(keeper, lambda one: one.subject == "intake/production")
        await until(lambda: town.rung)
        assert (intake.failure, intake.blame, intake.suspected) == ("provider_down", "provider", False)
        assert len(town.rung) == 1 and town.rung[0].startswith("OpenAI answers with an error")
        assert "OpenAI says: a partial outage of Chat: Elevated errors" in provider.context[0]
        hits = await until_incident(keeper, lambda one: "intake/production/books" in one.members)
        assert hits.subject == "provider:openai"
        assert "intake/production/books fails because of it" in told(hits)
        witnessed = await run(keeper, intake.run)
        assert witnessed["evidence"][-1]["second_witness"]["provider"] == "openai"
        draw(await status(keeper))
        shown = capsys.readouterr().out
        assert "OpenAI down since" in shown and "OpenAI says: a partial outage of Chat" in shown
        town.clinic.repair()
        await until_incident(keeper, lambda one: one.subject == "intake/production" and one.resolved_at is not None)
        assert not [title for title in town.rung if "Intake" in title and "Recovered" not in title]


async def test_a_clinic_that_breaks_while_the_provider_answers_is_named_for_sure(town: Town) -> None:
    async with kept(town.config) as keeper:
        await until(lambda: keeper.engine.tracks["intake/production/books"].last)
        town.clinic.break_it("server-error")
        intake = await until_incident(keeper, lambda one: one.subject == "intake/production")
        assert (intake.failure, intake.blame, intake.suspected) == ("app_error", "workflow", False)
        assert "OpenAI answered showup's canary meanwhile" in intake.sure
        assert {one.subject for one in await incidents(keeper)} == {"intake/production"}
        await until(lambda: town.rung)
        assert town.rung[0].startswith("Intake agent answers with an error")


async def test_the_runs_of_a_canary_say_which_model_answered(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    async with kept(town.config) as keeper:
        await keeper.engine.run_now("provider:openai/production/canary")
        await keeper.store.flush()
        found = await runs(keeper, "provider:openai")
        assert found[0]["state"] == "up"
        assert found[0]["versions"]["model"].startswith("gpt-5-mini")
        draw_runs(found)
        assert "gpt-5-mini" in capsys.readouterr().out
