"""What a target sent is text to the services behind Apprise, and no markup."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import requests

from alerts.channels.apprise.send import AppriseChannel
from alerts.channels.apprise.spec import Spec
from tests.wire.channel_kit import INCIDENT, message, surroundings


async def tell(address: str, sentence: str) -> None:
    """A page with this sentence, to one service behind Apprise."""
    channel = AppriseChannel(Spec(targets={"ops": "${secret:OPS}"}), surroundings({"OPS": address}))
    await channel.send(replace(message(view=replace(INCIDENT, sentence=sentence), target="ops"), channel="apprise"))


async def test_a_mail_holds_no_markup_of_a_target(monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, Any] = {}

    def send(self: Any, **more: Any) -> bool:
        found.update(more)
        return True

    monkeypatch.setattr("apprise.plugins.email.base.NotifyEmail.send", send)
    await tell("mailto://user:pass@example.com", 'answered <a href="https://evil.example">click</a>')
    both, form = f"{found['title']} {found['body']}", found.get("body_format")
    assert "evil.example" in both
    assert str(getattr(form, "value", form)) == "text" or "<a href" not in both


async def test_a_telegram_message_is_one_that_telegram_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Telegram refuses (400, can't parse entities) a message in HTML mode with a tag that it does not know."""
    sent: list[dict[str, Any]] = []

    def post(url: str, data: Any = None, **more: Any) -> requests.Response:
        sent.append(json.loads(data) if data else {})
        answer = requests.Response()
        answer.status_code, answer._content = 200, b'{"ok": true, "result": {}}'
        return answer

    monkeypatch.setattr("apprise.plugins.telegram.requests.post", post)
    await tell("tgram://123456789:abcdefg_hijklmnop/12315544/", "got <nil> & <__main__.Slot object>")
    texts = [one["text"] for one in sent if "text" in one]
    assert texts and sent[0].get("parse_mode") == "HTML"
    assert "<nil>" not in texts[0] and "<__main__" not in texts[0], texts
