"""`showup test` of the example that users read, with its webhook: on the daemon's port, and beside the daemon."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from monitor.cli.attempts import Bench, opened
from monitor.cli.overhear import may_wait
from monitor.sandbox.invoices import Invoices
from monitor.web.app import taken
from probes.frames import Reply
from probes.words.errors import Refused
from tests.story.test_jobs_called_back import free_port, serving

EXAMPLE = Path(__file__).parents[2] / "examples" / "jobs"
INVOICE, SCAN = "invoices/production/reads-an-invoice", "invoices/production/reads-a-scan"


@pytest.fixture
async def office() -> AsyncIterator[Invoices]:
    async with Invoices(seconds=0.3) as made:
        yield made


def configured(folder: Path, office: Invoices) -> Path:
    """The example as it stands, but for its ports."""
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
    file = folder / "showup.yaml"
    text = file.read_text().replace("http://127.0.0.1:8801", office.url)
    text = text.replace("http://127.0.0.1:8805", office.bucket.url)
    text = text.replace("imaps://localhost:8803", office.mail.client_url)
    file.write_text(f'web: {{listen: "127.0.0.1:{free_port()}"}}\n{text}')
    told: dict[str, Any] = {"INVOICES_" + name.upper(): place for name, place in office.tokens().items()}
    told |= {"MAIL_" + name.upper(): text for name, text in office.mail.tokens().items()}
    told |= {"BUCKET_" + name.upper(): text for name, text in office.bucket.tokens().items()}
    told["MAIL_CA_FILE"] = office.mail.ca_file
    env = folder / ".env"
    env.touch(0o600)
    env.write_text("".join(f"{name}={value}\n" for name, value in told.items()))
    return file


async def tried(config: Path, name: str) -> Reply:
    catalog, secrets = await asyncio.to_thread(opened, config)
    async with Bench(catalog, secrets) as bench:
        return await bench.attempt(catalog.probes[name])


@pytest.fixture
def config(tmp_path: Path, office: Invoices, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHOWUP_STATE", str(tmp_path / "state"))
    return configured(tmp_path, office)


async def test_the_example_passes_as_it_stands_and_leaves_nothing(config: Path, office: Invoices) -> None:
    for name in (INVOICE, SCAN):
        reply = await tried(config, name)
        assert (reply.state, reply.sentence) == ("up", "")
    assert [work.name[:7] for work in office.works.values()] == ["showup-"], "the scan has no address to delete"
    assert all(b"showup-" in mail.raw for mail in office.mail.mails)


@pytest.mark.parametrize(
    ("kind", "where", "step", "failure"),
    [
        ("lost", "webhook", "called back", "timeout"),
        ("lost", "row", "booked in ledger", "timeout"),
        ("lost", "mail", "receipt mailed", "timeout"),
        ("twice", "*", "booked in ledger", "wrong"),
        ("wrong-amount", "*", "read", "wrong"),
    ],
)
async def test_what_breaks_in_the_office_is_named(
    config: Path, office: Invoices, kind: str, where: str, step: str, failure: str
) -> None:
    config.write_text(config.read_text().replace("within: 10s", "within: 2s"))
    office.faults.set(kind, where=where)
    reply = await tried(config, INVOICE)
    assert (reply.step, reply.failure) == (step, failure), reply.sentence


async def test_beside_the_daemon_the_daemon_hears_for_us(config: Path, office: Invoices) -> None:
    async with serving(config):
        reply = await tried(config, INVOICE)
    assert (reply.state, reply.sentence) == ("up", "")


async def test_a_port_that_somebody_else_has_is_said(config: Path) -> None:
    catalog, _ = await asyncio.to_thread(opened, config)
    host, _, port = catalog.web.listen.rpartition(":")
    async with await asyncio.start_server(lambda reader, writer: writer.close(), host, int(port)):
        assert taken(catalog.web.listen)
        with pytest.raises(Refused, match="no webhook can arrive"):
            await tried(config, INVOICE)


async def test_only_what_may_wait_opens_a_port(config: Path) -> None:
    catalog, _ = await asyncio.to_thread(opened, config)
    assert may_wait(catalog.probes[INVOICE]) and not may_wait(catalog.probes[SCAN])
