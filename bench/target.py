"""What is watched in a benchmark: nginx where it is installed, else a tiny server; and one that takes its time.

`python -m bench.target SECONDS` answers after SECONDS on a port it prints.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import system

BODY = '{"status":"ok","version":"1.2.3"}'
ANSWER = (
    f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n"
    f"Connection: close\r\n\r\n{BODY}"
).encode()
CONFIG = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; worker_rlimit_nofile 20000;
events {{ worker_connections 8000; }}
http {{
  access_log off; default_type application/json;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port} backlog=4000; location / {{ return 200 '{body}'; }} }}
}}
"""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as end:
        end.bind(("127.0.0.1", 0))
        return int(end.getsockname()[1])


@contextmanager
def fast() -> Iterator[str]:
    """The address of a server that answers at once."""
    nginx = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if nginx is None:
        with slow(0.0) as url:
            yield url
        return
    with TemporaryDirectory(prefix="bench-nginx-") as folder:
        port = free_port()
        place = Path(folder, "nginx.conf")
        place.write_text(CONFIG.format(folder=folder, port=port, body=BODY))
        server = subprocess.Popen([nginx, "-c", str(place), "-p", folder], text=True, stderr=subprocess.DEVNULL)
        try:
            _wait(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            system.end(server)


@contextmanager
def slow(seconds: float) -> Iterator[str]:
    """The address of a server that answers after so many seconds."""
    command = [sys.executable, "-m", "bench.target", str(seconds)]
    with system.serving(command) as address:
        yield address


def _wait(port: int) -> None:
    for _ in range(100):
        with socket.socket() as end:
            if end.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("the target does not listen")


class _Answering(asyncio.Protocol):
    def __init__(self, seconds: float) -> None:
        self._seconds, self._head = seconds, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self._head.endswith(b"\r\n\r\n"):
            if self._seconds:
                asyncio.get_running_loop().call_later(self._seconds, self._answer)
            else:
                self._answer()

    def _answer(self) -> None:
        self._transport.write(ANSWER)
        self._transport.close()


async def _serve(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Answering(seconds), "127.0.0.1", 0, backlog=4000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(float(sys.argv[1])))
