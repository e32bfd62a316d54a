"""`showup heartbeat run`, with real processes: it reports, and is otherwise as if it were not there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from monitor.cli.reporting import Local, Reporter, Unheard
from monitor.cli.wrapped import KEPT, Tail

TOKEN = "50d424db-9acd-49f6-80e5-99a08d24c767"
PYTHON = [sys.executable, "-m", "monitor.cli"]


@dataclass
class Ear:
    """A daemon that hears: (path behind the token, rid, body). `status` is what it answers."""

    heard: list[tuple[str, str, str]] = field(default_factory=list)
    status: list[int] = field(default_factory=lambda: [200])
    url: str = ""

    def words(self) -> list[str]:
        return [word for word, _, _ in self.heard]


@pytest.fixture
def ear() -> Iterator[Ear]:
    found = Ear()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            parts = urlsplit(self.path)
            status = found.status.pop(0) if len(found.status) > 1 else found.status[0]
            if status == 200:
                found.heard.append((parts.path.rpartition("/")[2], parts.query.removeprefix("rid="), body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}/ping/{TOKEN}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join(5)


def wrapped(*command: str, url: str = "", options: tuple[str, ...] = (), **more: Any) -> subprocess.Popen[bytes]:
    env = {**os.environ, "SHOWUP_PING_URL": url} if url else dict(os.environ)
    call = [*PYTHON, "heartbeat", "run", *options, "--", *command]
    return subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, **more)


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=40)
    return process.returncode, out.decode(), err.decode()


def test_a_command_runs_as_ever_and_its_start_end_and_output_are_reported(ear: Ear) -> None:
    script = "read line; echo got $line; echo oops >&2; echo url=$SHOWUP_PING_URL; sleep 0.5"
    process = wrapped("sh", "-c", script, url=ear.url, stdin=subprocess.PIPE)
    out, err = process.communicate(b"hello\n", timeout=40)
    assert (process.returncode, out, err) == (0, b"got hello\nurl=\n", b"oops\n")
    assert ear.words() == ["start", "0"]
    assert ear.heard[0][1] == ear.heard[1][1] != ""
    assert sorted(ear.heard[1][2].splitlines()) == ["got hello", "oops", "url="]


@pytest.mark.parametrize("status", [1, 3, 126, 255])
def test_its_exit_status_stays_its_own(ear: Ear, status: int) -> None:
    assert ended(wrapped("sh", "-c", f"exit {status}", url=ear.url))[0] == status
    assert ear.words()[-1] == str(status)


def test_a_command_that_is_not_there_is_a_failure_with_the_status_of_a_shell(ear: Ear, tmp_path: Path) -> None:
    status, _, err = ended(wrapped("no-such-command", url=ear.url))
    assert (status, err) == (127, "showup: no-such-command: No such file or directory\n")
    assert (ear.words()[-1], "No such file" in ear.heard[-1][2]) == ("127", True)
    assert ended(wrapped(str(tmp_path), url=ear.url))[0] == 126


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_are_the_commands_and_it_may_see_to_them(ear: Ear, number: signal.Signals) -> None:
    name = number.name.removeprefix("SIG")
    script = f"trap 'echo told; exit 7' {name}; echo ready; while :; do sleep 0.05; done"
    process = wrapped("sh", "-c", script, url=ear.url)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    assert ended(process)[0] == 7
    assert (ear.words()[-1], ear.heard[-1][2]) == ("7", "ready\ntold\n")


def test_a_command_that_a_signal_ends_ends_its_wrapper_the_same_way(ear: Ear) -> None:
    assert ended(wrapped("sh", "-c", "kill -9 $$", url=ear.url))[0] == -signal.SIGKILL
    assert ear.words()[-1] == "137"


def test_only_the_last_of_much_output_is_reported_and_all_of_it_passes(ear: Ear) -> None:
    status, out, _ = ended(wrapped("sh", "-c", "seq 1 200000", url=ear.url))
    assert (status, len(out.splitlines())) == (0, 200_000)
    assert len(ear.heard[-1][2]) <= KEPT
    assert ear.heard[-1][2].endswith("\n199999\n200000\n")


def test_a_child_left_behind_does_not_hold_the_report(ear: Ear) -> None:
    began = time.monotonic()
    assert ended(wrapped("sh", "-c", "sleep 6 >/dev/null & sleep 6 & echo done", url=ear.url))[0] == 0
    assert ear.words()[-1] == "0"
    assert time.monotonic() - began < 12


def test_a_dead_daemon_stops_no_job_and_is_told_in_one_line() -> None:
    status, out, err = ended(
        wrapped("sh", "-c", "echo fine; exit 4", url=f"http://127.0.0.1:9/ping/{TOKEN}", options=("--patience", "1.5"))
    )
    assert (status, out) == (4, "fine\n")
    assert err.startswith("showup: that sh ended with 4 was not heard: it cannot be reached")
    assert err.count("\n") == 1
    assert TOKEN not in err


def test_a_daemon_that_restarts_hears_it_a_moment_later(ear: Ear) -> None:
    ear.status = [503, 503, 503, 200]
    assert ended(wrapped("sh", "-c", "exit 2", url=ear.url)) == (2, "", "")
    assert ear.words()[-1] == "2"


def test_an_address_that_is_wrong_is_not_tried_for_long(ear: Ear) -> None:
    ear.status = [404]
    began = time.monotonic()
    status, _, err = ended(wrapped("true", url=ear.url))
    assert (status, err) == (0, "showup: that true ended with 0 was not heard: it answered 404\n")
    assert time.monotonic() - began < 20


def test_the_address_may_stand_in_a_file_and_never_in_the_arguments(ear: Ear, tmp_path: Path) -> None:
    file = tmp_path / "address"
    file.write_text(ear.url + "\n")
    assert ended(wrapped("true", options=("--url-file", str(file)))) == (0, "", "")
    assert ear.words() == ["start", "0"]
    status, _, err = ended(wrapped("touch", str(tmp_path / "ran"), options=(ear.url,)))
    assert (status, err.startswith("showup: an address on the command line is seen by everybody")) == (2, True)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [((), "which job reports is not said"), (("--rid", "7", "nightly"), "'7' is not a UUID"),
     (("--url-file", "/nonexistent", "nightly"), "/nonexistent cannot be read")],
)  # fmt: skip
def test_a_wrong_call_is_told_before_anything_runs(options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    status, _, err = ended(wrapped("touch", str(tmp_path / "ran"), options=options))
    assert (status, said in err) == (2, True)
    assert not (tmp_path / "ran").exists()


def test_without_the_daemon_of_this_machine_the_job_runs_all_the_same(tmp_path: Path) -> None:
    options = ("--state", str(tmp_path), "--patience", "0.5", "nightly")
    status, out, err = ended(wrapped("echo", "fine", options=options))
    assert (status, out) == (0, "fine\n")
    assert err == "showup: that nightly ended with 0 was not heard: it cannot be reached\n"


def test_whoever_may_not_open_the_socket_is_told_the_other_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "showup.sock").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)  # these tests may run as root, who may do everything
    with pytest.raises(Unheard, match="not yours to open; report to an address instead") as caught:
        Local(tmp_path, "nightly").say("start", rid="", body="")
    assert caught.value.final


# -- in pieces ---------------------------------------------------------------------------------------------------------


def test_a_tail_keeps_the_last_bytes_whatever_the_pieces() -> None:
    tail, whole = Tail(), b""
    for number in range(3_000):
        piece = b"%d\n" % number * (number % 7)
        tail.add(piece)
        whole += piece
    assert tail.text() == whole[-KEPT:].decode()


class Deaf:
    """Hears nothing, and counts."""

    def __init__(self, *, final: bool) -> None:
        self.final, self.asked = final, list[str]()

    def say(self, word: str, *, rid: str, body: str) -> None:
        self.asked.append(word)
        raise Unheard("it answered 500", final=self.final)


def test_how_long_an_end_is_reported_is_bounded() -> None:
    slept: list[float] = []
    deaf = Deaf(final=False)
    reporter = Reporter(deaf, "r", patience=0.5, sleep=slept.append)
    reporter._starting = threading.Thread(target=lambda: None)
    reporter.start()
    assert reporter.end(1, "") == "it answered 500"
    assert (deaf.asked, slept) == (["1"], [])
