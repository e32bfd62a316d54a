"""More of what a hostile HTTP server sends: texts that break whoever reads, stores or shows them, and ways out."""

from __future__ import annotations

from monitor.sandbox.hostile import Reply, behaviour, head

GIGABYTES = 10 << 30
METADATA = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"
DEEP = 100_000  # levels of nested lists
STEERING = "\x1b[2J\x1b]0;owned\x07 \u202eevil\u202c \u2066x\u2069 \x00 \x9b31m <script>alert(1)</script> *b* \r\nX: y"


def typed(kind: str) -> bytes:
    """The head of an answer of this type, without a length."""
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode()


@behaviour
async def ten_gigabytes(reply: Reply) -> None:
    """A body of ten gigabytes, said in advance and sent as fast as it is read."""
    await reply.send(head("200 OK", length=GIGABYTES))
    for _ in range(GIGABYTES >> 16):
        if not await reply.pause(0.0):
            return
        await reply.send(b"g" * 65_536)


@behaviour
async def deep_json(reply: Reply) -> None:
    """JSON nested so deep that a careless reader runs out of stack."""
    body = b"[" * DEEP + b"]" * DEEP
    await reply.send(typed("application/json") + body)


@behaviour
async def deep_objects(reply: Reply) -> None:
    """The same with objects, and an error at the bottom."""
    await reply.send(typed("application/json") + b'{"error":' * DEEP + b"1" + b"}" * DEEP)


@behaviour
async def invalid_utf8(reply: Reply) -> None:
    """Bytes that are no UTF-8, though they say so."""
    await reply.send(typed("text/plain; charset=utf-8") + b"Book online \xff\xfe\xc3\x28\xa0\xa1 " * 200)


@behaviour
async def steering(reply: Reply) -> None:
    """Text that steers a terminal, turns the direction of writing around and would run as HTML."""
    await reply.send(typed("text/plain; charset=utf-8") + STEERING.encode() * 20)


@behaviour
async def endless_events(reply: Reply) -> None:
    """A stream of events without an end, as fast as it is read."""
    await reply.send(typed("text/event-stream"))
    while await reply.pause(0.0):
        await reply.send(b'data: {"text": "and on "}\n\n' * 500)


@behaviour
async def endless_words(reply: Reply) -> None:
    """The same with fewer and longer events, the right answer among them."""
    await reply.send(typed("text/event-stream"))
    while await reply.pause(0.0):
        await reply.send(b'data: {"text": "' + b"Book online " * 200 + b'"}\n\n')


@behaviour
async def endless_line(reply: Reply) -> None:
    """A stream whose first event never ends."""
    await reply.send(typed("text/event-stream") + b'data: {"text": "')
    while await reply.pause(0.0):
        await reply.send(b"a" * 65_536)


@behaviour
async def endless_comments(reply: Reply) -> None:
    """A stream of keep-alives and nothing else."""
    await reply.send(typed("text/event-stream"))
    while await reply.pause(0.01):
        await reply.send(b": keep-alive\n\n")


@behaviour
async def drip_events(reply: Reply) -> None:
    """Events, one byte each `drip` s."""
    await reply.send(typed("text/event-stream"))
    for byte in b'data: {"text": "Book online"}\n\n' * 100:
        await reply.send(bytes([byte]))
        if not await reply.pause(reply.drip):
            return


@behaviour
async def redirect_metadata(reply: Reply) -> None:
    """Sends the client to where clouds keep the machine's own credentials."""
    await reply.send(head("302 Found", f"Location: {METADATA}", length=0))


@behaviour
async def redirect_file(reply: Reply) -> None:
    """Sends the client to a file of its own machine."""
    await reply.send(head("302 Found", "Location: file:///etc/passwd", length=0))


@behaviour
async def redirect_inside(reply: Reply) -> None:
    """Sends the client to another port of its own machine, written as a number."""
    await reply.send(head("302 Found", "Location: http://2130706433:22/", length=0))
