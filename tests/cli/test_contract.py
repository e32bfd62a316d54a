"""`showup contract`: a baseline is learned on purpose, while all is well, and shows in git what changed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from monitor.cli.contracts import run_diff, run_learn, run_show
from monitor.sandbox.partner import PartnerServer
from probes.words.errors import Refused

CONTRACT = """kind: contract, partner: calendar, get: /slots, switches: ["$.slots[].state"],
         invalid: {get: /slots, params: {page: x}}, openapi: /openapi.json"""


async def test_the_baseline_is_a_file_that_is_learned_on_purpose(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with PartnerServer() as server:
        file = tmp_path / "showup.yaml"
        file.write_text(
            f"workflows:\n  intake:\n    url: {server.url}\n    auth: {{bearer: '${{secret:KEY}}'}}\n    probes:\n"
            f"      home: {{get: /slots, check: [{{status: 200}}]}}\n      cal: {{{CONTRACT}}}\n"
        )
        (tmp_path / ".env").write_text("KEY=first-key\n")
        (tmp_path / ".env").chmod(0o600)

        def learn_it(*, again: bool = False) -> int:
            return run_learn("cal", file, env="", samples=3, pause="1ms", again=again, as_json=False)

        with pytest.raises(Refused, match="has no baseline yet"):
            await asyncio.to_thread(run_show, "cal", file, as_json=False)
        assert await asyncio.to_thread(learn_it) == 0
        text = (tmp_path / "contracts" / "intake" / "cal.json").read_text()
        assert '        "$.slots[].start": {"is": "text", "in": "18 of 18"},' in text.splitlines()
        assert "first-key" not in text and "09:00" not in text
        with pytest.raises(Refused, match="there is a baseline"):
            await asyncio.to_thread(learn_it)
        capsys.readouterr()
        assert await asyncio.to_thread(run_diff, "cal", file, env="", as_json=False) == 0
        assert "Nothing differs" in capsys.readouterr().out
        server.faults.set("removed")
        assert await asyncio.to_thread(run_diff, "cal", file, env="", as_json=False) == 1
        assert "BREAKING: calendar changed its interface" in capsys.readouterr().out
        assert await asyncio.to_thread(learn_it, again=True) == 0
        assert await asyncio.to_thread(run_diff, "cal", file, env="", as_json=False) == 0
        server.faults.set("auth-down")
        before = (tmp_path / "contracts" / "intake" / "cal.json").read_text()
        with pytest.raises(Refused, match="1 of 1 runs failed: auth"):
            await asyncio.to_thread(learn_it, again=True)
        assert (tmp_path / "contracts" / "intake" / "cal.json").read_text() == before
        assert await asyncio.to_thread(run_show, "cal", file, as_json=False) == 0
        assert "$.slots[].state" in capsys.readouterr().out
