"""The page of the model provider: what it was asked, what is broken, and the switch for who holds the token."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web
from markupsafe import Markup

from monitor.sandbox.faults import Fault
from monitor.sandbox.markup import button, join, page
from monitor.sandbox.models.kinds import MODEL_KINDS
from monitor.sandbox.record import Received
from probes.words.text import clean

SHOWN = 30


def show(models: Sequence[str], received: Sequence[Received], broken: Sequence[Fault], *, token: str) -> web.Response:
    """The page; without the token it only shows."""
    head = Markup("<h1>Models</h1><p class='soft'>A local model provider: {}.</p>").format(", ".join(models))
    again = f"/?token={token}" if token else ""
    return page("Models", head + _state(broken) + _switch(broken, token) + _asked(received), refresh=2, again=again)


def _state(broken: Sequence[Fault]) -> Markup:
    if not broken:
        return Markup("<p>Nothing is broken.</p>")
    names = ", ".join(one.kind for one in broken)
    return Markup("<p>Broken: <b class='word bad'>{}</b></p>").format(names)


def _switch(broken: Sequence[Fault], token: str) -> Markup:
    """A button for each fault, and one that heals."""
    if not token:
        return Markup("<p class='soft'>With the address that the kit printed, this page also breaks and heals.</p>")
    heal = button("heal", action="/fault", style="primary", fields={"kind": "heal", "token": token}) if broken else ""
    row = Markup("<tr><td>{}</td><td>{}</td><td>{}</td></tr>")
    rows = [
        row.format(button(name, action="/fault", fields={"kind": name, "token": token}), kind.does, kind.failure)
        for name, kind in MODEL_KINDS.items()
    ]
    head = Markup("<tr><th>break it</th><th>what it does</th><th>what showup calls it</th></tr>")
    return Markup("<p>{}</p><details><summary>Faults</summary><table>{}{}</table></details>").format(
        heal, head, join(rows)
    )


def _asked(received: Sequence[Received]) -> Markup:
    row = Markup("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>")
    asked = [one for one in received if one.what.startswith("chat")][-SHOWN:]
    rows = [
        row.format(one.at[11:19], one.what, one.status or "none", clean(str(one.answer or one.fault), 300))
        for one in reversed(asked)
    ]
    head = Markup("<tr><th>at (UTC)</th><th>asked</th><th>status</th><th>said</th></tr>")
    return Markup("<h2>The latest questions</h2><table>{}{}</table>").format(head, join(rows))
