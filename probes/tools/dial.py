"""Connections to what is no web server, an inbox or a database: only to where the configuration itself leads."""

from __future__ import annotations

import asyncio
import socket
import ssl

from probes import classify
from probes.addresses import Reach, literal, reach
from probes.target import Place
from probes.tools import Trouble
from probes.tools.resolver import Resolver
from probes.tools.wire import connect, trouble
from probes.words.failure import Failure

Addresses = list[tuple[int, str]]
LINE = 64 << 10  # bytes of one line


async def resolve(resolver: Resolver, host: str) -> Addresses:
    """(family, address) pairs of a host; raises Trouble.

    It stands in the configuration, so it may be in a private network; where clouds hand out credentials, never.
    """
    address = literal(host)
    if address is not None:
        found = [(int(socket.AF_INET6 if address.version == 6 else socket.AF_INET), host.strip("[]"))]
    else:
        try:
            found = await resolver.addresses(host)
        except (OSError, UnicodeError) as error:
            answers = await resolver.answers(error)
            raise trouble(classify.of_lookup(error, host, resolver_answers=answers)) from None
    for _, text in found:
        if reach(text) is Reach.NEVER:
            raise Trouble(Failure.UNREACHABLE, f"{host} leads to {text}, where no probe may go", "dns")
    return found


async def dial(
    resolver: Resolver, host: str, port: int, *, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection, with TLS from its first byte where a context is given; raises Trouble."""
    place = Place("https", host, port, "/")
    sock = await connect(asyncio.get_running_loop(), await resolve(resolver, host), place)
    try:
        if tls is None:
            return await asyncio.open_connection(sock=sock, limit=LINE)
        return await asyncio.open_connection(sock=sock, limit=LINE, ssl=tls, server_hostname=host)
    except OSError as error:  # SSLError is one
        sock.close()
        raise trouble(classify.of_tls(error, f"{host}:{port}")) from None
    except BaseException:
        sock.close()
        raise
