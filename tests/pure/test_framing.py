"""Where a body ends, held against h11's reading of the same bytes, however they are cut."""

from __future__ import annotations

from collections.abc import Sequence

import h11
import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.tools.framing import Chunked, Length, UntilEnd, framing


def ours(pieces: Sequence[bytes]) -> tuple[bytes, str]:
    """(what was read, how it ended: done, cut or wrong) by our reading of a chunked body."""
    reader, got = Chunked(), b""
    try:
        for piece in pieces:
            got += reader.feed(piece)
            if reader.done:
                return got, "done"
        reader.end()
    except httpcore.RemoteProtocolError as error:
        return got, "cut" if "incomplete" in str(error) else "wrong"
    raise AssertionError("an end that is none")


def theirs(pieces: Sequence[bytes]) -> tuple[bytes, str]:
    """The same by h11's."""
    side = h11.Connection(h11.CLIENT)
    side.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    side.send(h11.EndOfMessage())
    got = b""
    try:
        for piece in (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *pieces, b""):
            side.receive_data(piece)
            while (event := side.next_event()) is not h11.NEED_DATA:
                if isinstance(event, h11.Data):
                    got += event.data
                if isinstance(event, h11.EndOfMessage):
                    return got, "done"
    except h11.RemoteProtocolError as error:
        return got, "cut" if "incomplete" in str(error) else "wrong"
    raise AssertionError("neither an end nor an error")


def cut(sent: bytes, at: list[int]) -> list[bytes]:
    """The bytes in pieces."""
    cuts = sorted(set(at))
    return [piece for start, stop in zip([0, *cuts], [*cuts, len(sent)], strict=True) if (piece := sent[start:stop])]


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.booleans(), st.data())
def test_chunks_are_read_as_h11_reads_them(chunks: list[bytes], closes: bool, data: st.DataObject) -> None:
    heads = st.sampled_from([b"%x", b"%X", b"0%x", b"%x;name=value", b"%x "])
    sent = b"".join(data.draw(heads) % len(chunk) + b"\r\n" + chunk + b"\r\n" for chunk in chunks)
    if closes:
        sent += b"0\r\n" + data.draw(st.sampled_from([b"", b"Expires: never\r\n"])) + b"\r\n"
    pieces = cut(sent, data.draw(st.lists(st.integers(0, len(sent)), max_size=10)))
    assert ours(pieces) == theirs(pieces) == (b"".join(chunks), "done" if closes else "cut")


@given(st.binary(max_size=60) | st.text("0123456789abcdef\r\n ;x", max_size=40).map(str.encode), st.data())
def test_what_is_no_chunk_is_never_more_than_h11_takes(sent: bytes, data: st.DataObject) -> None:
    pieces = cut(sent, data.draw(st.lists(st.integers(0, len(sent)), max_size=6)))
    got, end = ours(pieces)
    other, fate = theirs(pieces)
    assert len(got) <= len(sent)
    if end == "done":
        assert (fate, got) in (("done", other), ("wrong", other), ("wrong", got))


def test_a_chunk_or_its_trailers_do_not_go_on_for_ever() -> None:
    for begin, more in ((b"", b"1" * 4_096), (b"5\r\nhello", b"x" * 4_096), (b"0\r\n", b"a: b\r\n" * 1_000)):
        reader = Chunked()
        reader.feed(begin)
        with pytest.raises(httpcore.RemoteProtocolError):
            for _ in range(40):
                reader.feed(more)


@pytest.mark.parametrize(
    ("method", "status", "headers", "kind"),
    [
        ("GET", 200, [(b"Content-Length", b"5")], Length),
        ("GET", 200, [(b"transfer-encoding", b"chunked")], Chunked),
        ("GET", 200, [], UntilEnd),
        ("HEAD", 200, [(b"Content-Length", b"5")], Length),
        ("GET", 204, [], Length),
        ("GET", 304, [(b"Content-Length", b"5")], Length),
    ],
)
def test_how_a_body_is_framed(method: str, status: int, headers: list[tuple[bytes, bytes]], kind: type) -> None:
    framed = framing(method, status, headers)
    assert isinstance(framed, kind)
    assert framed.done is (method == "HEAD" or status != 200)


def test_a_length_is_kept() -> None:
    reader = Length(5)
    assert (reader.feed(b"hel"), reader.done) == (b"hel", False)
    with pytest.raises(httpcore.RemoteProtocolError, match="incomplete body: 2 bytes are missing"):
        reader.end()
    assert (reader.feed(b"lo, and more"), reader.done) == (b"lo", True)
