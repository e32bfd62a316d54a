"""From the end of the attempt that confirms a failure to PagerDuty's acceptance, by the shipped local one."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bench import system
from bench.daemon import Daemon, quantile, running
from bench.figure import Figure, Scale
from monitor.store.codes import FAILURE_SHIFT

DAEMONS = 4
APART = 11.0  # seconds: pages of one route that follow within ten leave as one


def paging(scale: Scale) -> Iterator[Figure]:
    """p99 over every page of several daemons, one incident after another in each."""
    count = scale.some(12, 3)
    with _pagerduty() as provider, _clinic() as (url, broken), ExitStack() as stack:
        sections = _sections(url, provider, count)
        env = {"PD_ROUTING": provider["tokens"]["routing_key"]}
        daemons = [stack.enter_context(running(sections, env=env)) for _ in range(DAEMONS)]
        time.sleep(4)
        for number in range(count):
            broken.add(f"/{number}")
            time.sleep(APART)
        found = [length for daemon in daemons for length in lengths(daemon)]
    wanted = DAEMONS * count
    yield Figure("failure to PagerDuty p99", quantile(found, 0.99), "s", most=2, remark=f"{len(found)} pages")
    yield Figure("failures that were paged", len(found) / wanted, least=1)


def lengths(daemon: Daemon) -> list[float]:
    """Seconds from the end of each first failure to the acceptance of its page, in the order they came."""
    daemon.stop()
    with closing(sqlite3.connect(daemon.folder / "state" / "showup.db", timeout=20)) as connection:
        failed = connection.execute(
            "SELECT min(started + took) FROM run WHERE code >= ? GROUP BY ledger ORDER BY 1", (1 << FAILURE_SHIFT,)
        ).fetchall()
        paged = connection.execute(
            "SELECT min(delivered_at) FROM notification WHERE channel = 'pagerduty' AND purpose = 'page' "
            "AND delivered_at IS NOT NULL GROUP BY incident ORDER BY 1"
        ).fetchall()
    return [(at - began) / 1e6 for (began,), (at,) in zip(failed, paged, strict=False)]


def _sections(url: str, provider: dict[str, Any], count: int) -> dict[str, Any]:
    probe = {"check": [{"status": 200}], "every": "2s", "timeout": "1s", "cleanup": "0.1s", "attempts": 1, "confirm": 1}
    places = {"url": provider["client_url"], "api_url": provider["client_url"], "ca_file": provider["ca_file"]}
    return {
        "monitor": {"policy": "page"},
        "defaults": {"policy": "page"},
        "channels": {"pagerduty": {"routing_key": "${secret:PD_ROUTING}", **places}},
        "policies": {"page": {"levels": [{"at": "0m", "notify": ["pagerduty"]}], "warnings": ["console"]}},
        "workflows": {
            f"w{n}": {"url": url, "allow_private": True, "probes": {"answers": {"get": f"/{n}", **probe}}}
            for n in range(count)
        },
    }


@contextmanager
def _pagerduty() -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-I", "-m", "monitor.sandbox", "pagerduty"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            found: dict[str, Any] = json.loads(server.stdout.readline())["servers"]["pagerduty"]
            yield found
        finally:
            system.end(server)


@contextmanager
def _clinic() -> Iterator[tuple[str, set[str]]]:
    """A server whose paths answer until they are added to the set."""
    broken: set[str] = set()

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(500 if self.path in broken else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", broken
    finally:
        server.shutdown()
        server.server_close()
