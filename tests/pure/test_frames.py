"""What a host may say to the keeper, and what the keeper believes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.frames import LARGEST, Reply, Request, pack, unpack_reply, unpack_request

ASKED = Request(7, "job", "RUN", 2, 1_790_000_000_000_000, 5_000, 10.0, cleanup=0.0, secrets={"KEY": "hush"}, shed=1)
ANSWERED = Reply(7, "down", "wrong", "not right", phases=(1, 2, -1, 4, 5), values={"first_token": 0.4}, retry_after=2.0,
                 cleanup_failed=("delete",), evidence={"steps": [], "notes": ["ü"]})  # fmt: skip


def test_a_request_arrives_as_it_was_sent() -> None:
    assert unpack_request(pack(ASKED)) == ASKED


def test_a_reply_arrives_as_it_was_sent() -> None:
    assert unpack_reply(pack(ANSWERED)) == ANSWERED


def test_a_clean_up_of_no_time_does_not_become_ten_seconds() -> None:
    assert unpack_request(pack(ASKED)).cleanup == 0.0


def test_a_passing_reply_is_short() -> None:
    assert len(pack(Reply(7, "up", took=1_234, phases=(0, 80, -1, 500, 700)))) < 80


def test_a_number_that_json_has_no_word_for_is_left_out() -> None:
    odd = Reply(1, "up", values={"a": float("nan"), "b": 1.0}, evidence={"seen": [float("inf"), 2.0]})
    got = unpack_reply(pack(odd))
    assert got.values == {"b": 1.0}
    assert got.evidence == {"seen": [None, 2.0]}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello",
        b"[]",
        b"{}",
        b'{"number":"1","state":"up"}',
        b'{"number":1}',
        b'{"number":1,"state":7}',
        b'{"number":1,"state":"up","surprise":1}',
        b'{"number":1,"state":"up","sentence":["x"]}',
        b'{"number":1,"state":"up","took":1e400}',
        b'{"number":1,"state":"up","took":99999999999999999999999}',
        b'{"number":1,"state":"up","phases":["x"]}',
        b'{"number":1,"state":"up","phases":{"a":1}}',
        b'{"number":1,"state":"up","values":{"a":"x"}}',
        b'{"number":1,"state":"up","values":{"a":NaN}}',
        b'{"number":1,"state":"up","evidence":[1]}',
        b'{"number":1,"state":"\xff"}',
        b'{"number":1,"state":"up","evidence":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
        b'{"number":1,"state":"' + b"u" * LARGEST + b'"}',
    ],
)
def test_a_line_that_is_no_reply_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="frame"):
        unpack_reply(line)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(Reply.__dataclass_fields__)), JSON), st.integers(0, 99))
def test_any_line_is_a_reply_of_the_right_types_or_a_value_error(said: dict[str, Any], number: int) -> None:
    try:
        got = unpack_reply(json.dumps(said | {"number": number}).encode())
    except ValueError:
        return
    assert isinstance(got.state, str)
    assert isinstance(got.took, int)
    assert all(isinstance(part, int) for part in got.phases)
    assert pack(got)


@given(st.binary(max_size=200))
def test_no_bytes_bring_anything_but_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError, match="frame"):
        unpack_reply(line)
