"""The channel as a person sees it: messages, threads, and buttons that are real forms."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from markupsafe import Markup, escape

from monitor.sandbox.markup import button, hidden, join, link, notice, page
from monitor.sandbox.slack.api import list_replies
from monitor.sandbox.slack.workspace import BOT_USER, Channel, Message, Workspace
from probes.words.clock import moment
from probes.words.text import clean

REFRESH = 2  # seconds
EMOJI = {
    "red_circle": "🔴", "large_green_circle": "🟢", "large_yellow_circle": "🟡", "large_orange_circle": "🟠",
    "large_blue_circle": "🔵", "white_circle": "⚪", "white_check_mark": "✅", "heavy_check_mark": "✔️", "warning": "⚠️",
    "x": "❌", "rotating_light": "🚨", "bell": "🔔", "no_bell": "🔕", "eyes": "👀", "wrench": "🔧", "clock1": "🕐",
    "hourglass_flowing_sand": "⏳", "test_tube": "🧪", "fire": "🔥", "question": "❓", "calendar": "📅", "phone": "☎️",
}  # fmt: skip
TOLD = {
    "done": ("The app has taken your click.", False),
    "unanswered": ("The app did not answer your click within three seconds.", True),
    "nobody": ("No app is connected, so nobody heard your click.", True),
    "gone": ("That button is no longer on the message.", True),
    "unfilled": ("A field of the form that is needed was left empty.", True),
}
SHORTCUTS = (("showup.flag", "Wrong answer"), ("showup.report", "A customer reports"))
EMPTY = Markup("<p class='soft'>Nothing has been posted here yet.</p>")


def make_address(channel: str, user: str, told: str = "") -> str:
    """The page's own address for this channel and reader."""
    return "/?" + urlencode({k: v for k, v in (("channel", channel), ("as", user), ("told", told)) if v})


def show_channel(space: Workspace, *, channel: str, user: str, told: str, token: str, connected: int) -> web.Response:
    """One channel, newest message first, read by one person."""
    place = space.channels.get(channel) or next(iter(space.channels.values()))
    reader = user if user in space.members else next(iter(space.members), "")
    words, bad = TOLD.get(told, ("", False))
    view = _View(space, place, reader, token)
    form = space.views.get(reader)
    shown = [m for m in place.messages.values() if not m.is_reply or m.broadcast]
    whispers = [m for m in place.ephemeral if m.only_for == reader]
    shown = sorted([*shown, *whispers], key=lambda m: m.ts, reverse=True)
    body = join(
        [
            Markup("<h1>{}</h1>").format(view.name(place)),
            Markup("<p class='soft'>A local Slack. {} You read as {}.</p>").format(
                "The app is connected." if connected else "No app is connected.", view.person(reader)
            ),
            view.links(),
            notice(words, bad=bad),
            view.form(form) if form else Markup(""),
            join(view.message(m) for m in shown) or EMPTY,
        ]
    )
    # the fresh page forgets what was told, else the notice would stay for ever
    # and whoever fills in a form is not disturbed
    return page(view.name(place), body, refresh=0 if form else REFRESH, again=make_address(place.id, reader))


def ask_first(confirm: dict[str, Any], fields: dict[str, str], *, back: str) -> web.Response:
    """The question that Slack asks before a button with `confirm` counts."""
    title = _plain(confirm.get("title", {"text": "Are you sure?"}))
    yes, no = (_plain(confirm.get(name, {"text": word})) for name, word in (("confirm", "Yes"), ("deny", "No")))
    go = button(yes, action="/press", style="primary", fields={**fields, "sure": "yes"})
    stay = Markup('<a class="button" href="{}">{}</a>').format(back, no)
    body = Markup("<h1>{}</h1><p>{}</p><div class='actions'>{}{}</div>").format(title, _rich(confirm["text"]), go, stay)
    return page(title, body)


class _View:
    """One reader looking at one channel."""

    def __init__(self, space: Workspace, channel: Channel, reader: str, token: str) -> None:
        self.space, self.channel, self.reader, self.token = space, channel, reader, token

    def name(self, channel: Channel) -> str:
        return self.person(channel.person) if channel.person else f"#{channel.name}"

    def person(self, user: str) -> str:
        member = self.space.members.get(user)
        return "showup" if user == BOT_USER else member.name if member else user

    def links(self) -> Markup:
        def make(address: str, label: str, current: bool) -> Markup:
            mark = Markup(' aria-current="page"') if current else ""
            return Markup('<a href="{}"{}>{}</a>').format(address, mark, label)

        places = [
            make(make_address(c.id, self.reader), self.name(c), c is self.channel) for c in self.space.channels.values()
        ]
        readers = [
            make(make_address(self.channel.id, m.id), f"as {m.name}", m.id == self.reader)
            for m in self.space.members.values()
        ]
        return Markup("<nav aria-label='Channels and readers'>{}</nav>").format(join([*places, *readers], " "))

    def message(self, message: Message) -> Markup:
        at = moment(int(message.ts.replace(".", ""))).strftime("%H:%M:%S UTC")
        notes = [at] + (["edited"] if message.edits else []) + (["only you see this"] if message.only_for else [])
        head = Markup("<p><b>{}</b> <time>{}</time></p>").format(self.person(message.user), " · ".join(notes))
        said = join(self.block(message, b) for b in message.blocks) if message.blocks else _paragraph(message.text)
        faces = [f"{EMOJI.get(n, f':{n}:')} {len(users)}" for n, users in message.reactions.items()]
        reactions = Markup("<p class='soft'>{}</p>").format("  ".join(faces)) if faces else Markup("")
        alone = message.is_reply or message.only_for
        replies = join(self.message(r) for r in ([] if alone else list_replies(self.space, message)))
        return Markup("<article>{}{}{}{}{}</article>").format(
            head, said, reactions, Markup("") if alone else self.shortcuts(message), replies
        )

    def shortcuts(self, message: Message) -> Markup:
        """What stands behind a message's three dots."""
        fields = {"token": self.token, "channel": message.channel, "ts": message.ts, "as": self.reader}
        made = [button(label, action="/shortcut", fields={**fields, "callback": key}) for key, label in SHORTCUTS]
        return Markup("<details><summary class='soft'>⋮</summary><div class='actions'>{}</div></details>").format(
            join(made)
        )

    def form(self, view: dict[str, Any]) -> Markup:
        """The form that this person has open."""
        fields = hidden(token=self.token, channel=self.channel.id, **{"as": self.reader})
        rows = join(
            Markup("<p><label>{}<br>{}</label></p>").format(_plain(block["label"]), _field(block))
            for block in view["blocks"]
        )
        send = Markup('<button class="primary">{}</button><button name="close" value="1" formnovalidate>{}</button>')
        return Markup(
            '<article><p><b>{}</b></p><form method="post" action="/submit">{}{}'
            '<div class="actions">{}</div></form></article>'
        ).format(_plain(view["title"]), fields, rows, send.format(_plain(view["submit"]), _plain(view["close"])))

    def block(self, message: Message, block: dict[str, Any]) -> Markup:
        kind = block["type"]
        if kind == "divider":
            return Markup("<hr>")
        if kind == "header":
            return Markup("<p><b>{}</b></p>").format(_plain(block["text"]))
        if kind == "section":
            texts = [block["text"]] if "text" in block else []
            parts = [Markup("<p>{}</p>").format(_rich(t)) for t in [*texts, *block.get("fields", [])]]
            return join([*parts, self.elements(message, block, [block.get("accessory")])])
        if kind == "context":
            items = [_rich(e) if "text" in e else escape(e.get("alt_text", "")) for e in block["elements"]]
            return Markup("<p class='soft'>{}</p>").format(join(items, "  "))
        if kind == "actions":
            return self.elements(message, block, block["elements"])
        if kind == "markdown":
            return Markup("<pre>{}</pre>").format(clean(block["text"], 12_000, lines=True))
        return Markup("<p class='soft'>({})</p>").format(block.get("alt_text") or kind)

    def elements(self, message: Message, block: dict[str, Any], elements: list[Any]) -> Markup:
        made = [self.element(message, block, e) for e in elements if isinstance(e, dict) and e.get("type") == "button"]
        return Markup("<div class='actions'>{}</div>").format(join(made)) if made else Markup("")

    def element(self, message: Message, block: dict[str, Any], element: dict[str, Any]) -> Markup:
        label = _plain(element["text"])
        if element.get("url"):
            return link(str(element["url"]), label)
        fields = {"token": self.token, "channel": message.channel, "ts": message.ts, "as": self.reader}
        fields |= {"action_id": str(element.get("action_id", "")), "block_id": str(block.get("block_id", ""))}
        return button(label, action="/press", style=str(element.get("style", "")), fields=fields)


def _field(block: dict[str, Any]) -> Markup:
    """One field as a person fills it in."""
    element, name = block["element"], f"field:{block['block_id']}"
    must = Markup("") if block.get("optional") else Markup(" required")
    if element["type"] == "static_select":
        first = (element.get("initial_option") or {}).get("value")
        options = join(
            Markup('<option value="{}"{}>{}</option>').format(
                one["value"], Markup(" selected") if one["value"] == first else "", _plain(one["text"])
            )
            for one in element["options"]
        )
        return Markup('<select name="{}"{}>{}</select>').format(name, must, options)
    if element.get("multiline"):
        return Markup('<textarea name="{}" rows="3"{}>{}</textarea>').format(
            name, must, element.get("initial_value", "")
        )
    return Markup('<input name="{}" value="{}"{}>').format(name, element.get("initial_value", ""), must)


def _plain(text: dict[str, Any]) -> str:
    words = clean(str(text.get("text", "")), 3000, lines=True)
    return re.sub(r":([a-z0-9_+-]{1,40}):", lambda m: EMOJI.get(m[1], m[0]), words)


def _rich(text: dict[str, Any]) -> Markup:
    return mrkdwn(str(text["text"])) if text.get("type") == "mrkdwn" else escape(_plain(text))


def _paragraph(text: str) -> Markup:
    return Markup("<p>{}</p>").format(mrkdwn(text))


def mrkdwn(text: str) -> Markup:
    """Slack's own markup as HTML: `<url|words>`, mentions, dates, *bold*, _italic_, ~struck~, `code`, > quote."""
    parts = re.split(r"<([^<>\n]{1,3000})>", text[:TEXT_SHOWN])
    return join(_entity(p) if n % 2 else _style(p) for n, p in enumerate(parts))


TEXT_SHOWN = 12_000  # characters


def _entity(inner: str) -> Markup:
    address, _, words = inner.partition("|")
    address, words = _decode(address), _decode(words)
    if address.startswith("!date^"):
        return escape(words or address)
    if address[:1] in "@#!":
        return Markup("<b>@{}</b>").format(words or address.lstrip("@#!").removeprefix("subteam^"))
    return link(address, words or address)


def _decode(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _style(text: str) -> Markup:
    kept = re.sub(r":([a-z0-9_+-]{1,40}):", lambda m: EMOJI.get(m[1], m[0]), _decode(text))
    made = str(escape(kept))  # from here on only our own tags are added
    for mark, name in (("`", "code"), (r"\*", "b"), ("_", "i"), ("~", "s")):
        pair = rf"(?<![\w\u2060]){mark}(?=\S)([^{mark}\n]{{1,500}}?)(?<=\S){mark}(?!\w)"
        made = re.sub(pair, rf"<{name}>\1</{name}>", made)
    made = re.sub(r"(?m)^&gt; ?(.*)$", r"<blockquote>\1</blockquote>", made)
    return Markup(made.replace("\n", "<br>"))  # noqa: S704  # escaped above
