"""A command reaches the daemon, also one that has only just begun."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer

import pytest

from monitor import client
from monitor.places import SOCKET
from monitor.store.database import Store
from probes.words.clock import SystemClock
from probes.words.errors import StoreLocked

CONFIG = 'workflows: {site: {url: "https://x.example", probes: {home: {get: /, check: [{contains: Book online}]}}}}'


class Keeper(BaseHTTPRequestHandler):
    """Answers every question with its name."""

    def do_POST(self) -> None:
        body = json.dumps({"answer": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the request is the test's own."""

    def address_string(self) -> str:
        return "a socket"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "showup.yaml").write_text(CONFIG)
    return tmp_path / "showup.yaml"


async def test_a_question_to_a_keeper_that_is_coming_up_waits_for_it(tmp_path: Path, config: Path) -> None:
    state = tmp_path / "state"
    async with Store.open("", folder=state, clock=SystemClock(), ballast=0):

        def come_up() -> None:
            time.sleep(0.5)
            with UnixStreamServer(str(state / SOCKET), Keeper) as server:
                for _ in range(3):  # two looks whether somebody answers, and the question
                    server.handle_request()

        keeper = threading.Thread(target=come_up)
        keeper.start()
        told: list[object] = []
        asker = threading.Thread(target=lambda: told.append(client.call("status", config=config, folder=state)))
        asker.start()
        asker.join(20)
        client.alive(state)  # so that the keeper's thread ends, however often it was asked
        client.alive(state)
        keeper.join(5)
        assert told == ["/rpc/status"]


async def test_who_else_has_the_record_is_told_when_no_keeper_comes(
    tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "STARTING", 0.2)
    state = tmp_path / "state"
    async with Store.open("", folder=state, clock=SystemClock(), ballast=0):
        failed: list[Exception] = []

        def ask() -> None:
            try:
                client.call("status", config=config, folder=state)
            except StoreLocked as error:
                failed.append(error)

        asker = threading.Thread(target=ask)
        asker.start()
        asker.join(20)
        assert "another showup" in str(failed[0])
