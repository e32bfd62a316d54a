"""What a target sent is text to the services behind Apprise, and no markup."""

from __future__ import annotations

from typing import Any

from alerts.channels.apprise.send import AppriseChannel
from alerts.channels.apprise.spec import Spec
from alerts.channels.kit import Surroundings
from alerts.message import IncidentView, Message, Purpose
from probes.words.clock import SystemClock


async def told(address: str, monkeypatch: Any, module: str, name: str) -> dict[str, Any]:
    import importlib

    cls = getattr(importlib.import_module(module), name)
    found: dict[str, Any] = {}

    def send(self: Any, **more: Any) -> bool:
        found.update(more)
        return True

    monkeypatch.setattr(cls, "send", send)
    around = Surroundings(secrets=lambda names: dict.fromkeys(names, address), people=dict, clock=SystemClock())
    channel = AppriseChannel(Spec(targets={"mail": "${secret:MAIL}"}), around)
    seen = IncidentView(
        public_id="X",
        subject="a/production",
        title="Intake",
        headline="",
        state="triggered",
        severity="critical",
        failure="app_error",
        sentence='answered <a href="https://evil.example">click to acknowledge</a>',
    )
    await channel.send(
        Message(
            purpose=Purpose.PAGE,
            channel="apprise",
            target="mail",
            key="k",
            marker="m",
            headline="",
            text="",
            incident=seen,
        )
    )
    return found


async def test_a_mail_holds_no_markup_of_a_target(monkeypatch: Any) -> None:
    found = await told("mailto://user:pass@example.com", monkeypatch, "apprise.plugins.email.base", "NotifyEmail")
    both = f"{found.get('title')} {found.get('body')}"
    fmt = found.get("body_format")
    assert str(getattr(fmt, "value", fmt)) == "text" or "<a href" not in both


async def test_a_telegram_message_is_one_that_telegram_takes(monkeypatch: Any) -> None:
    """Telegram refuses (400, can't parse entities) a message in HTML mode with a tag that it does not know."""
    import json

    import requests

    sent: list[dict[str, Any]] = []

    def post(url: str, data: Any = None, **more: Any) -> Any:
        sent.append(json.loads(data) if data else {})
        answer = requests.Response()
        answer.status_code, answer._content = 200, b'{"ok": true, "result": {}}'
        return answer

    monkeypatch.setattr("apprise.plugins.telegram.requests.post", post)
    around = Surroundings(
        secrets=lambda names: dict.fromkeys(names, "tgram://123456789:abcdefg_hijklmnop/12315544/"),
        people=dict,
        clock=SystemClock(),
    )
    seen = IncidentView(
        public_id="X",
        subject="a/production",
        title="Intake",
        headline="",
        state="triggered",
        severity="critical",
        failure="wrong",
        sentence="got <nil> & <__main__.Slot object>",
    )
    await AppriseChannel(Spec(targets={"tg": "${secret:TG}"}), around).send(
        Message(
            purpose=Purpose.PAGE,
            channel="apprise",
            target="tg",
            key="k",
            marker="m",
            headline="",
            text="",
            incident=seen,
        )
    )
    texts = [one["text"] for one in sent if "text" in one]
    assert texts and sent[0].get("parse_mode") == "HTML"
    assert "<nil>" not in texts[0] and "<__main__" not in texts[0], texts
