"""The lock screen: the first 80 characters of every notification, as somebody half asleep would see them."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web
from markupsafe import Markup

from monitor.sandbox.markup import button, join, link, notice, page
from monitor.sandbox.phone.ntfy import Message
from monitor.sandbox.phone.pushover import Receipt
from probes.words.clock import moment
from probes.words.text import clean

SHOWN = 80  # characters; what a lock screen leaves of a text
STYLE = """
main{max-width:430px}
.clock{text-align:center;font-size:64px;line-height:1;font-weight:300;letter-spacing:-.03em;margin:18px 0 4px}
.day{text-align:center;color:var(--soft);margin:0 0 26px}
article{border-radius:20px}article.loud{border-left:6px solid var(--stop)}
.first{font-size:18px;line-height:1.35;font-weight:600;margin:2px 0}.rest{color:var(--soft);font-size:14px}
"""
TOLD = {
    "done": ("Done.", False),
    "failed": ("The button was pressed, and what it called did not accept.", True),
    "gone": ("That button is no longer there.", True),
}
QUIET = Markup("<p class='day'>No notifications</p>")


def show_screen(
    messages: Sequence[Message], emergencies: Sequence[Receipt], *, now: int, token: str, told: str
) -> web.Response:
    """Newest first, from both services."""
    at = moment(now)
    cards = [(m.time, _notification(m, token)) for m in messages if not m.cleared]
    cards += [(r.sent, _emergency(r, now // 1_000_000, token)) for r in emergencies]
    words, bad = TOLD.get(told, ("", False))
    body = join(
        [
            Markup("<h1 class='clock'>{}</h1><p class='day'>{}</p>").format(
                at.strftime("%H:%M"), at.strftime("%A, %d %B, UTC")
            ),
            notice(words, bad=bad),
            join(card for _, card in sorted(cards, key=lambda c: c[0], reverse=True)) or QUIET,
        ]
    )
    return page("Phone", body, refresh=2, again="/", style=STYLE)


def _notification(message: Message, token: str) -> Markup:
    made = [_action(message, n, a, token) for n, a in enumerate(message.actions)]
    if message.click:
        made.append(link(message.click, "Open"))
    text = f"{message.title}: {message.message}" if message.title else message.message
    return _card(f"ntfy · {message.topic}", message.time, text, made, loud=message.priority >= 4)


def _action(message: Message, number: int, action: dict[str, object], token: str) -> Markup:
    label = clean(str(action["label"]), 40)
    if action["action"] == "view":
        return link(str(action["url"]), label)
    fields = {"token": token, "message": message.id, "action": str(number)}
    return button(label, action="/_sandbox/press", fields=fields)


def _emergency(receipt: Receipt, now: int, token: str) -> Markup:
    made: list[Markup] = []
    if receipt.acknowledged:
        made.append(Markup("<span class='word good'>Acknowledged</span>"))
    elif receipt.cancelled or (receipt.retry and now >= receipt.expires):
        made.append(Markup("<span class='soft'>No longer ringing</span>"))
    elif receipt.retry:
        fields = {"token": token, "receipt": receipt.id}
        made.append(button("Acknowledge", action="/_sandbox/press", style="primary", fields=fields))
    rang = len(receipt.rings(now))
    text = f"{receipt.title}: {receipt.message}" if receipt.title else receipt.message
    heading = f"Pushover · rang {rang} times" if rang > 1 else "Pushover"
    return _card(heading, receipt.sent, text, made, loud=receipt.priority >= 1)


def _card(heading: str, sent: int, text: str, made: Sequence[Markup], *, loud: bool) -> Markup:
    whole = clean(text, 1500)
    first, rest = whole[:SHOWN], whole[SHOWN:]
    at = moment(sent * 1_000_000).strftime("%H:%M:%S")
    more = Markup("<details class='rest'><summary>the rest</summary>…{}</details>").format(rest) if rest else Markup("")
    buttons = Markup("<div class='actions'>{}</div>").format(join(made)) if made else Markup("")
    return Markup("<article{}><p class='soft'>{} · {}</p><p class='first'>{}</p>{}{}</article>").format(
        Markup(" class='loud'") if loud else Markup(""), heading, at, first, more, buttons
    )
