"""Rate limits in headers, in every form in which servers write them, and none that would lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.tools.limits import Limit, headroom, limits

DATE = "Thu, 26 Nov 2026 01:00:00 GMT"
OPENAI = {
    "x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59", "x-ratelimit-reset-requests": "6m0s",
    "X-RateLimit-Limit-Tokens": "1000", "x-ratelimit-remaining-tokens": "100", "x-ratelimit-reset-tokens": "120ms",
}  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (OPENAI, {"requests": Limit(60, 59, 360), "tokens": Limit(1000, 100, 0.12)}),
        (
            {
                "anthropic-ratelimit-input-tokens-limit": "1000",
                "anthropic-ratelimit-input-tokens-remaining": "10",
                "anthropic-ratelimit-input-tokens-reset": "2026-11-26T01:00:30Z",
                "date": DATE,
            },
            {"input-tokens": Limit(1000, 10, 30)},
        ),
        (
            {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4999", "X-RateLimit-Reset": "1795654830",
             "Date": DATE},
            {"requests": Limit(5000, 4999, 30)},
        ),
        ({"RateLimit-Limit": "100, 100;w=60", "RateLimit-Remaining": "4", "RateLimit-Reset": "7"},
         {"requests": Limit(100, 4, 7)}),
        ({"RateLimit": "limit=100, remaining=50, reset=5"}, {"requests": Limit(100, 50, 5)}),
        (
            {"RateLimit": '"a";r=50;t=30, "day-tokens";r=1;t=9',
             "RateLimit-Policy": '"a";q=100;w=60, "day-tokens";q=10;w=9'},
            {"requests": Limit(100, 50, 30), "tokens": Limit(10, 1, 9)},
        ),
    ],
)  # fmt: skip
def test_every_form_is_read(headers: dict[str, str], found: dict[str, Limit]) -> None:
    assert limits(headers) == found


@pytest.mark.parametrize("left", ["-1", "", "many", "0x10"])
def test_a_gateway_that_does_not_know_says_nothing(left: str) -> None:
    said = {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": left}
    assert limits(said) == {}
    assert limits({"x-ratelimit-limit-requests": "0", "x-ratelimit-remaining-requests": "0"}) == {}


def test_what_is_left_is_the_least_of_any() -> None:
    found = {"requests": Limit(100, 50), "tokens": Limit(100, 80), "input-tokens": Limit(100, 5)}
    assert headroom(found) == {"headroom_requests": 0.5, "headroom_tokens": 0.05}
    assert headroom({}) == {}
    assert headroom({"requests": Limit(10, 30)}) == {"headroom_requests": 1.0}, "a burst may leave more than there is"


NAMES = st.sampled_from(["ratelimit", "ratelimit-policy", "x-ratelimit-limit", "x-ratelimit-remaining",
                         "x-ratelimit-reset", "anthropic-ratelimit-tokens-limit", "date"])  # fmt: skip


@given(st.dictionaries(NAMES, st.text(max_size=300)))
def test_no_header_breaks_it(headers: dict[str, str]) -> None:
    for share in headroom(limits(headers, now=1e9)).values():
        assert 0 <= share <= 1
