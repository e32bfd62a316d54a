"""The account as a person sees it: what is open, who was woken and when, who is on call."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web
from markupsafe import Markup

from monitor.sandbox.markup import button, join, page
from monitor.sandbox.pagerduty.account import Account, Incident
from probes.words.clock import moment
from probes.words.text import clean

WORDS = {"triggered": ("Triggered", "bad"), "acknowledged": ("Acknowledged", "warn"), "resolved": ("Resolved", "good")}
NOBODY = Markup("<p class='soft'>Nothing has been triggered yet.</p>")


def show_account(account: Account, *, now: int, token: str, incidents: Sequence[Incident]) -> web.Response:
    """Newest incident first; the first level of the first policy names who is on call."""
    still = sum(i.is_open for i in incidents)
    head = f"{still} open" if still else "All quiet"
    body = join(
        [
            Markup("<h1>{}</h1>").format(head),
            Markup("<p class='soft'>A local PagerDuty. On call now: {}.</p>").format(_on_call(account, now)),
            Markup("<h2>Incidents</h2>"),
            join(_show(account, i, token) for i in reversed(incidents)) or NOBODY,
        ]
    )
    return page(f"PagerDuty: {head.lower()}", body, refresh=2, again="/ui")


def _on_call(account: Account, now: int) -> str:
    names = [s.on_call(now) for s in account.schedules.values()]
    return ", ".join(account.users[n].name for n in names if n in account.users) or "nobody"


def _show(account: Account, incident: Incident, token: str) -> Markup:
    word, style = WORDS[incident.status]
    head = Markup("<p><span class='word {}'>{}</span> <b id='{}'>{}</b></p>")
    head = head.format(style, word, incident.id, clean(incident.title, 300))
    place = Markup("<p class='soft'>#{} · {} · key {}</p>")
    facts = head + place.format(incident.number, incident.service.name, clean(incident.key))
    told = [w for w in account.woken if w.incident == incident.id]
    rows = [
        Markup("<tr><td>{}</td><td>{} was woken ({})</td></tr>").format(_clock(w.at), account.users[w.user].name, w.why)
        for w in told
    ]
    taken = [
        Markup("<tr><td>{}</td><td>{} by {}</td></tr>").format(_clock(at), words, _agent(account, agent))
        for at, kind, agent, words in incident.log
        if kind not in ("notify_log_entry", "trigger_log_entry")
    ]
    table = Markup("<table>{}</table>").format(join([*rows, *taken]))
    return Markup("<article>{}{}{}</article>").format(facts, table, _buttons(account, incident, token))


def _buttons(account: Account, incident: Incident, token: str) -> Markup:
    """What whoever has it can do, and whom they may give it to."""
    if not incident.is_open or not incident.assigned:
        return Markup("")
    user = incident.assigned[0][1]
    fields = {"token": token, "incident": incident.id, "user": user}
    made = [button("Resolve", action="/ui", fields=fields | {"act": "resolve"})]
    if incident.status == "triggered":
        label = f"Acknowledge as {account.users[user].name}"
        made.insert(0, button(label, action="/ui", style="primary", fields=fields | {"act": "acknowledge"}))
    else:
        made.append(button("Take back", action="/ui", fields=fields | {"act": "undo"}))
    made += [
        button(f"Give to {other.name}", action="/ui", fields=fields | {"act": "reassign", "to": other.id})
        for other in account.users.values()
        if other.id != user
    ]
    return Markup("<div class='actions'>{}</div>").format(join(made))


def _agent(account: Account, name: str) -> str:
    return account.users[name].name if name in account.users else "the service"


def _clock(at: int) -> str:
    return moment(at).strftime("%H:%M:%S UTC")
