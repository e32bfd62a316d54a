"""`python -I -m monitor.sandbox slack pagerduty`: servers as a process, until SIGTERM or the end of standard input."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import signal
import stat
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monitor.sandbox.server import Server

SERVERS = {
    "slack": "monitor.sandbox.slack:SlackServer",
    "pagerduty": "monitor.sandbox.pagerduty:PagerDutyServer",
    "phone": "monitor.sandbox.phone:PhoneServer",
    "models": "monitor.sandbox.models:ModelServer",
    "clinic": "monitor.sandbox.clinic:Clinic",
    "partner": "monitor.sandbox.partner:PartnerServer",
    "invoices": "monitor.sandbox.invoices:Invoices",
    "mail": "monitor.sandbox.mail:MailServer",
    "bucket": "monitor.sandbox.bucket:BucketServer",
    "statuspage": "monitor.sandbox.statuspage:StatusPageServer",
    "webhook": "monitor.sandbox.webhook:WebhookServer",
    "pings": "monitor.sandbox.pings:PingServer",
}


def main() -> None:
    """Read the command line, serve, and leave with 0; 2 for a command line that cannot be meant."""
    parser = make_parser()
    given = parser.parse_args()
    try:
        asyncio.run(serve(given.servers, ports=given.port, record=given.record, faults=given.fault, env=given.env))
    except KeyboardInterrupt:
        pass
    except (ValueError, OSError) as error:
        parser.error(str(error))


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m monitor.sandbox", description=__doc__)
    names = sorted(SERVERS)
    parser.add_argument("servers", nargs="+", choices=names, metavar="SERVER", help=", ".join(names))
    parser.add_argument("--port", action="append", default=[], metavar="[SERVER=]N", help="else from the system")
    parser.add_argument("--record", "--log", metavar="FILE", help="append one JSON line for each request")
    parser.add_argument("--fault", action="append", default=[], metavar="[SERVER:]KIND[,seconds=2][,times=1][,where=…]")
    parser.add_argument("--env", metavar="FILE", help="write what clients need into it, as SERVER_NAME=value")
    return parser


async def serve(
    servers: list[str], *, ports: list[str], record: str | None, faults: list[str], env: str | None = None
) -> None:
    """Start all, print one JSON line with where they are, and stop when told to."""
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        running = build(list(dict.fromkeys(servers)), read_ports(servers, ports), record)
        for server in running.values():
            await stack.enter_async_context(server)
        for text in faults:
            set_fault(running, text)
        if env is not None:
            write_env(Path(env), running)
        watch_for_end(stop)
        print(json.dumps({"ready": True, "pid": os.getpid(), "servers": describe(running)}), flush=True)
        await stop.wait()


def build(names: list[str], ports: dict[str, int], record: str | None) -> dict[str, Server]:
    """The servers, not yet started; a clinic beside models talks to those, invoices beside mail and bucket to these."""
    made: dict[str, Any] = {}
    for name in sorted(names, key=lambda n: n in ("clinic", "invoices")):
        module, _, kind = SERVERS[name].partition(":")
        options: dict[str, Any] = {"port": ports.get(name, 0), "record": Path(record) if record else None}
        if name == "models" and "clinic" in names:
            from monitor.sandbox.clinic.language import receptionist

            options["rule"] = receptionist
        if name == "clinic":
            options |= _clinic(made.get("models"))
        if name == "invoices":
            options |= {neighbour: made[neighbour] for neighbour in ("mail", "bucket") if neighbour in made}
        made[name] = getattr(importlib.import_module(module), kind)(**options)
    return made


def _clinic(beside: Any) -> dict[str, Any]:
    """What a clinic is made with: models beside it, or those at $CLINIC_MODEL_URL with $CLINIC_MODEL_KEY."""
    from monitor.sandbox.clinic.agent import Elsewhere

    url = os.environ.get("CLINIC_MODEL_URL", "")
    there = Elsewhere(url, os.environ.get("CLINIC_MODEL_KEY", "")) if url else None
    return {"models": beside or there, "resilient": os.environ.get("CLINIC_RESILIENT") == "1"}


def read_ports(servers: list[str], texts: list[str]) -> dict[str, int]:
    """`8001` for a single server, `slack=8001` for one of several."""
    found: dict[str, int] = {}
    for text in texts:
        name, equals, number = text.partition("=")
        if not equals:
            name, number = servers[0], text
        if name not in servers or (not equals and len(servers) > 1) or not number.isdecimal() or int(number) > 65_535:
            raise ValueError(f"--port {text}: write N for a single server, or SERVER=N for one that is started here")
        found[name] = int(number)
    return found


def set_fault(running: dict[str, Server], text: str) -> None:
    """`hang,times=1` for a single server, `slack:hang` for one of several."""
    from monitor.sandbox.faults import parse_fault

    name, colon, rest = text.partition(":")
    if not colon or name not in running:
        name, rest = next(iter(running)), text
        if len(running) > 1:
            raise ValueError(f"--fault {text}: write SERVER:KIND, as there are several servers")
    running[name].faults.set(parse_fault(rest))


def describe(running: dict[str, Server]) -> dict[str, dict[str, Any]]:
    """Where each listens, what a client needs, and the token that sets faults."""
    return {
        name: {
            "url": server.url,
            "client_url": server.client_url,
            "view_url": server.view_url,
            "ca_file": server.ca_file,
            "control_token": server.control_token,
            "tokens": server.tokens(),
        }
        for name, server in running.items()
    }


def write_env(file: Path, running: dict[str, Server]) -> None:
    """What clients need, as lines of a `.env` that only its owner reads."""
    told = {f"{name}_{token}".upper(): text for name, one in running.items() for token, text in one.tokens().items()}
    told |= {f"{name}_CA_FILE".upper(): one.ca_file for name, one in running.items() if one.ca_file}
    end = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(end, "w", encoding="utf-8") as opened:
        opened.writelines(f"{name}={text}\n" for name, text in told.items())


def watch_for_end(stop: asyncio.Event) -> None:
    """SIGTERM, SIGINT, or the end of standard input when that is a pipe: a parent that died takes us with it."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    mode = os.fstat(sys.stdin.fileno()).st_mode if sys.stdin is not None else 0
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):

        def read() -> None:
            if not os.read(sys.stdin.fileno(), 4096):
                loop.remove_reader(sys.stdin.fileno())
                stop.set()

        loop.add_reader(sys.stdin.fileno(), read)


if __name__ == "__main__":
    main()
