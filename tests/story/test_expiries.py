"""When certificates end, from a real handshake in a probe host to the screen, and over a restart."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from monitor.app import Keeper
from monitor.cli.show_status import status as draw
from monitor.config.load import load
from monitor.metrics import exposition
from monitor.sandbox.http_target import HttpTarget
from monitor.services.questions import status
from probes.words.units import DAY
from tests.story.keeping import kept, real, until

CONFIG = """\
web: {{listen: ""}}
defaults: {{every: {every}, timeout: 1500ms, cleanup: 100ms, attempts: 1}}
workflows:
  site:
    url: "{url}"
    ca_file: "{ca_file}"
    probes: {{home: {{get: /ok, check: [{{status: 200}}]}}}}
"""


def write(folder: Path, target: HttpTarget, *, certificate: str = "good", every: str = "2s") -> Path:
    file = folder / "showup.yaml"
    url = target.tls(certificate).removesuffix("/ok")
    file.write_text(CONFIG.format(url=url, ca_file=target.ca_file, every=every))
    return file


def seen(keeper: Keeper) -> dict[str, int]:
    return keeper.engine.expiries.known


async def test_what_a_probe_sees_is_shown_and_is_known_after_a_restart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with HttpTarget() as target:
        file = write(tmp_path, target)
        async with kept(file) as keeper:
            await until(lambda: seen(keeper))
            [(place, ends)] = seen(keeper).items()
            assert place == load(file).probes["site/production/home"].job["target"]["url"].removeprefix("https://")
            assert 59 * DAY < ends - real.now() <= 60 * DAY
            found = await status(keeper)
            assert [(one["host"], one["days_left"]) for one in found["certificates"]] == [(place, 59)]
            draw(found)
            assert f"{place} 20" in capsys.readouterr().out.partition("next expiry")[2].partition("59 days left")[0]
            families = {one.name: one for one in text_string_to_metric_families(exposition(keeper).decode())}
            [sample] = families["showup_certificate_expiry_timestamp_seconds"].samples
            assert (sample.labels, sample.value) == ({"host": place}, ends / 1e6)
        file.write_text(file.read_text().replace("every: 2s", "every: 1h"))
        async with kept(file) as keeper:  # its next run is up to an hour away: what is known now was read back
            assert seen(keeper) == {place: ends}
            file.write_text(file.read_text().replace("https://localhost", "https://127.0.0.1"))
            await keeper.engine.reload(load(file))
            assert seen(keeper) == {}, "that host is no longer watched"
