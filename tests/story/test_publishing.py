"""Files of the site: each whole or not at all, and whoever owns them is told when they cannot be put."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from monitor.app import Keeper
from monitor.assembly import build
from monitor.status import publisher, render
from tests.story.watch import CONFIG, SECRETS


def test_a_file_that_cannot_be_written_leaves_the_old_one_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render.write({"index.html": b"old"}, tmp_path)
    assert render.write({"index.html": b"old"}, tmp_path) == 0, "what has not changed is not written"

    def full(end: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken, pytest.raises(OSError, match="No space"):
        broken.setattr(os, "fsync", full)
        render.write({"index.html": b"new and longer"}, tmp_path)
    assert (tmp_path / "index.html").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html"], "nothing is left lying about"


def test_a_site_that_takes_long_to_make_is_made_more_rarely_and_still_each_minute() -> None:
    assert publisher.pause(0.02) == publisher.LOCAL_EVERY
    assert publisher.pause(1.0) == publisher.IDLE
    assert publisher.pause(60.0) == publisher.REFRESH


def test_the_page_of_a_client_that_has_none_any_more_is_taken_away(tmp_path: Path) -> None:
    one, two = "c/" + "1" * 27, "c/" + "2" * 27
    both = {f"{key}/{name}": b"page" for key in (one, two) for name in ("index.html", "status.json")}
    render.write({"index.html": b"all"} | both, tmp_path)
    (tmp_path / two / "notes.txt").write_text("somebody's own")
    (tmp_path / "c" / "manual").mkdir()
    (tmp_path / "c" / "manual" / "index.html").write_text("somebody's own")
    render.write({"index.html": b"all"} | {name: body for name, body in both.items() if one in name}, tmp_path)
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == [f"{one}/index.html", f"{one}/status.json", f"{two}/notes.txt", "c/manual/index.html", "index.html"]


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Keeper]:
    """A keeper that publishes to a folder and by a command."""
    (tmp_path / "www").mkdir()
    publish = "publish: {to: [www], run: ['sh -c \"test ! -e fail || { echo the host is gone >&2; exit 7; }\"']}\n"
    config = tmp_path / "showup.yaml"
    config.write_text(publish + CONFIG)
    env = tmp_path / ".env"
    env.touch(0o600)
    env.write_text("".join(f"{name}={value}\n" for name, value in SECRETS.items()))
    made = await build(config, folder=tmp_path / "state")
    yield made
    for channel in made.channels.values():
        await channel.close()
    await made.store.close()


async def members(keeper: Keeper) -> list[str]:
    """What the owner is told of at this moment."""
    while keeper.engine.teller.waiting:
        assert await keeper.engine.teller.flush()
    return [one.member for one in await keeper.store.read(keeper.desk.open_members)]


async def test_publishing_that_fails_is_a_warning_told_once_and_the_last_good_page_stays(
    keeper: Keeper, tmp_path: Path
) -> None:
    assert (await publisher.publish(keeper))["trouble"] == ""
    good = (tmp_path / "www" / "index.html").read_bytes()
    shutil.rmtree(tmp_path / "www")
    (tmp_path / "www").write_bytes(good)  # a file where the folder was
    (tmp_path / "fail").touch()
    for _ in range(2):
        trouble = (await publisher.publish(keeper))["trouble"]
        assert "www:" in trouble
        assert "sh ended with 7: the host is gone" in trouble
        assert await members(keeper) == ["publish"]
    keeper.notes.clear()  # as after a restart
    await publisher.publish(keeper)
    (incident,) = await keeper.store.read(lambda session: keeper.desk.views(session, now=keeper.clock.now(), since=0))
    assert incident.severity == "warning"
    assert (tmp_path / "www").read_bytes() == good
    (tmp_path / "www").unlink()
    (tmp_path / "fail").unlink()
    keeper.notes.clear()
    assert (await publisher.publish(keeper))["trouble"] == ""
    assert await members(keeper) == []


def test_a_command_that_cannot_be_read_is_a_trouble_and_not_the_end(tmp_path: Path) -> None:
    for command in ("rsync 'unclosed", "", "no-such-program-at-all"):
        done = publisher.put({}, folders=(), commands=(command,), base=tmp_path, public=tmp_path)
        assert done.trouble
