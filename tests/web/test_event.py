"""The presenter's screen: for whoever has its address, harmless whatever was written, and never an error."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from monitor.app import Keeper
from monitor.assembly import build
from monitor.services import SERVICES
from monitor.web.app import public_app
from tests.story.watch import CONFIG

NASTY = "<script>alert(1)</script>"


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Keeper]:
    (tmp_path / "showup.yaml").write_text(CONFIG)
    env = tmp_path / ".env"
    env.touch(0o600)
    env.write_text("ANA=aaaaaaaa\nBO=bbbbbbbb\nCY=cccccccc\n")
    keeper = await build(tmp_path, folder=tmp_path / "state")
    yield keeper
    await keeper.store.close()


async def get(keeper: Keeper, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=public_app(keeper))
    async with httpx.AsyncClient(transport=transport, base_url="http://showup") as client:
        return await client.get(path)


async def test_the_address_shows_one_word_without_a_script(keeper: Keeper) -> None:
    made = await SERVICES["event_add"](
        keeper, start="now", length="3h", workflows="intake", tell="cy", title=NASTY, plan_b=NASTY
    )
    answer = await get(keeper, "/event/" + made["address"].rpartition("/")[2])
    assert answer.status_code == 200
    assert "CAREFUL" in answer.text
    assert "the daemon does not watch it" in answer.text
    assert "PLAN B" in answer.text
    assert "<script" not in answer.text
    assert "http-equiv=refresh" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("token", ["x", "0" * 40, "%00", "é" * 40, "a" * 5000])
async def test_a_wrong_address_is_told_nothing(keeper: Keeper, token: str) -> None:
    answer = await get(keeper, f"/event/{token}")
    assert answer.status_code == 404
    assert "event" not in answer.text
