"""The page of the model provider: what it was asked, what is broken, and the switch for who holds the token."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web
from markupsafe import Markup

from monitor.sandbox.faults import Fault
from monitor.sandbox.markup import button, join, notice, page
from monitor.sandbox.models.kinds import MODEL_KINDS
from monitor.sandbox.record import Received
from probes.words.text import clean

SHOWN = 12


def show(models: Sequence[str], received: Sequence[Received], broken: Sequence[Fault], *, token: str) -> web.Response:
    """The page; without the token it only shows."""
    head = Markup("<h1>Models</h1><p class='soft'>A local model provider: {}.</p>").format(", ".join(models))
    again = f"/?token={token}" if token else ""
    return page("Models", head + _state(broken, token) + _asked(received) + _switch(token), refresh=2, again=again)


def _state(broken: Sequence[Fault], token: str) -> Markup:
    if not broken:
        return notice("Nothing is broken.")
    names = ", ".join(one.kind for one in broken)
    heal = button("Heal", action="/fault", style="primary", fields={"kind": "heal", "token": token}) if token else ""
    return notice(f"Broken: {names}.", bad=True) + heal


def _switch(token: str) -> Markup:
    """A button for each fault."""
    if not token:
        return Markup("<p class='soft'>With the address that the kit printed, this page also breaks and heals.</p>")
    row = Markup("<tr><td>{}</td><td>{}</td><td>{}</td></tr>")
    rows = [
        row.format(button(name, action="/fault", fields={"kind": name, "token": token}), kind.does, kind.failure)
        for name, kind in MODEL_KINDS.items()
    ]
    head = Markup("<tr><th>break it</th><th>what it does</th><th>what showup calls it</th></tr>")
    return Markup("<h2>Faults</h2><table>{}{}</table>").format(head, join(rows))


def _asked(received: Sequence[Received]) -> Markup:
    row = Markup("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>")
    asked = sorted((one for one in received if one.what.startswith("chat")), key=lambda one: one.at)[-SHOWN:]
    rows = [
        row.format(one.at[11:19], one.what, one.status or "none", clean(str(one.answer or one.fault), 300))
        for one in reversed(asked)
    ]
    head = Markup("<tr><th>at (UTC)</th><th>asked</th><th>status</th><th>said</th></tr>")
    return Markup("<h2>The latest questions</h2><table>{}{}</table>").format(head, join(rows))
