"""What `showup spend` prints: figures with their limits, and what is held back."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.cli import show_spend


def account(**more: Any) -> dict[str, Any]:
    return {
        "name": "openai",
        "is": "provider",
        "spent": {"requests": 412.0, "tokens": 61_800.0, "usd": 0.25},
        "limits": {"tokens": 500_000.0, "usd": 1.0},
        "per_minute": 60,
        "last_minute": 0,
        "forecast": {"requests": 1_030.0, "tokens": 154_500.0, "usd": 0.625},
        "held_until": None,
        "why": "",
        **more,
    }


def drawn(capsys: pytest.CaptureFixture[str], *accounts: dict[str, Any]) -> str:
    show_spend.spend({"accounts": list(accounts), "ends": "2026-11-27T00:00:00+00:00"})
    return " ".join(capsys.readouterr().out.split())


def test_each_figure_stands_beside_its_limit_and_its_forecast(capsys: pytest.CaptureFixture[str]) -> None:
    out = drawn(capsys, account())
    assert "openai requests 412 – ~1,030" in out
    assert "tokens 61,800 500,000 ~154,500 █········· 12%" in out
    assert "USD 0.25 1.00 ~0.62 ██········ 25%" in out
    assert "will have used up" not in out


def test_a_day_that_will_not_last_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    out = drawn(capsys, account(forecast={"requests": 9.0, "tokens": 600_000.0, "usd": 0.1}))
    assert "! openai will have used up its 500,000 tokens before" in out
    out = drawn(capsys, account(forecast={"requests": 9.0, "tokens": 0.0, "usd": 1.5}))
    assert "! openai will have used up its 1.00 USD before" in out


def test_a_probe_is_called_as_commands_take_it(capsys: pytest.CaptureFixture[str]) -> None:
    out = drawn(capsys, account(name="intake/production/says", **{"is": "probe"}))
    assert "intake/says" in out and "production" not in out
    assert "intake/staging/says" in drawn(capsys, account(name="intake/staging/says"))


def test_what_is_used_up_comes_with_its_reason_and_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    out = drawn(capsys, account(why="today's 1.00 USD for openai are used up"))
    assert "✗ openai: today's 1.00 USD for openai are used up; its probes see less until 2026-11-27" in out


def test_a_name_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert "\x1b" not in drawn(capsys, account(name="evil\x1b[31m", why="\x1b]0;title\x07"))


def test_nothing_that_costs_is_said_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert drawn(capsys) == "Nothing that is watched costs anything that showup knows of."
