"""Signatures against the examples that AWS publishes, and what must hold of any."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.tools.sigv4 import Credentials, canonical, digest, encode_path, encode_query, signature, signed

# docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
WHO = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
AT = datetime(2013, 5, 24, tzinfo=UTC)
HOST = {"Host": "examplebucket.s3.amazonaws.com"}
EMPTY = digest(b"")
BODY = b"Welcome to Amazon S3."
PUBLISHED = [
    (
        "GET",
        "/test.txt",
        [],
        {"range": "bytes=0-9"},
        b"",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ),
    (
        "PUT",
        "/test$file.text",
        [],
        {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
        BODY,
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ),
    ("GET", "/", [("lifecycle", "")], {}, b"", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
    (
        "GET",
        "/",
        [("max-keys", "2"), ("prefix", "J")],
        {},
        b"",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ),
]


@pytest.mark.parametrize(("method", "path", "query", "headers", "body", "expected"), PUBLISHED)
def test_the_published_examples_come_out(
    method: str, path: str, query: list[tuple[str, str]], headers: dict[str, str], body: bytes, expected: str
) -> None:
    payload = digest(body)
    given = {**HOST, **headers, "x-amz-content-sha256": payload}
    found = signed(WHO, method, encode_path(path), encode_query(query), given, payload, at=AT)
    assert found["Authorization"].endswith(f"Signature={expected}")
    assert "20130524/us-east-1/s3/aws4_request" in found["Authorization"]


# docs.aws.amazon.com, the test suite of the signature: get-vanilla and post-vanilla-query
SUITE = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service")


def test_the_vanilla_request_of_the_published_suite_comes_out() -> None:
    headers = {"Host": "example.amazonaws.com", "X-Amz-Date": "20150830T123600Z"}
    request, _ = canonical("GET", "/", "", headers, EMPTY)
    assert signature(SUITE, "20150830T123600Z", request) == (
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )


def test_a_session_token_is_signed_with_the_rest() -> None:
    who = Credentials("AK", "secret", "eu-central-1", token="session")
    found = signed(who, "GET", "/", "", {**HOST, "x-amz-content-sha256": EMPTY}, EMPTY, at=AT)
    assert found["x-amz-security-token"] == "session"
    assert "x-amz-security-token" in found["Authorization"]


def test_printing_credentials_shows_nothing() -> None:
    assert "wJalr" not in repr(WHO) + str(WHO)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60))
def test_any_key_stands_in_an_address_and_comes_back(key: str) -> None:
    path = encode_path("/" + key)
    assert path.isascii() and not set(path) & set(" ?#&+\"<>")
    assert unquote(path) == "/" + key


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=5))
def test_a_query_is_signed_in_one_order_however_it_was_written(pairs: list[tuple[str, str]]) -> None:
    assert encode_query(pairs) == encode_query(list(reversed(pairs)))
