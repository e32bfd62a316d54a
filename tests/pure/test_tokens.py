"""Tokens: found by their digest, compared in constant time, alike for no two things."""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from monitor.tokens import Known, flag_token, key_in, ping_key, ping_token


def test_a_token_is_found_by_its_digest_and_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    plain = hmac.compare_digest

    def watched(one: Any, other: Any) -> bool:
        compared.append((one, other))
        return plain(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    known = Known([("right", "job")])
    assert (known.opens("right"), known.opens("wrong"), known.opens("")) == ("job", None, None)
    assert compared == [(b"right", b"right")], "what is not the digest of a token is compared with none"


def test_tokens_of_two_things_and_of_two_installations_have_nothing_in_common() -> None:
    key, other = b"k" * 32, b"l" * 32
    tokens = {make(one, name) for make in (ping_token, flag_token) for one in (key, other) for name in ("a/b/c", "a/b")}
    assert len(tokens) == 8
    assert len({ping_key(key), ping_key(other)}) == 2
    assert str(UUID(ping_token(key, "a/b/c"))) == ping_token(key, "a/b/c")


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    made = key_in(tmp_path / "state")
    [file] = (tmp_path / "state").iterdir()
    assert (key_in(tmp_path / "state"), len(made), file.stat().st_mode & 0o777) == (made, 32, 0o600)


@pytest.mark.parametrize("given", ["\udcff", "ü", "x" * 100_000, "\x00"])
def test_no_token_makes_the_look_up_stumble(given: str) -> None:
    assert Known([("right", "job")]).opens(given) is None
